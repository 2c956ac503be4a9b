//! The file as it is written: serde's view, before anything is checked.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The whole file.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawConfig {
    pub(super) api: RawApi,
    pub(super) vcs: RawVcs,
    pub(super) plugins: RawPlugins,
    pub(super) store: RawStore,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub(super) struct RawApi {
    pub(super) url: Option<String>,
    pub(super) ui_url: Option<String>,
    pub(super) status_url_template: Option<String>,
    pub(super) listen: Option<SocketAddr>,
    pub(super) development: bool,
    pub(super) token_file: Option<PathBuf>,
    pub(super) token_env: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub(super) struct RawVcs {
    pub(super) listen: Option<SocketAddr>,
    pub(super) poll_interval_seconds: Option<u64>,
    pub(super) servers: BTreeMap<String, toml::Table>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub(super) struct RawPlugins {
    pub(super) directory: Option<PathBuf>,
    pub(super) staging_directory: Option<PathBuf>,
    pub(super) trusted_keys: Vec<String>,
    pub(super) isolation: RawIsolation,
    pub(super) isolated_servers: Vec<String>,
    pub(super) isolation_readable: Vec<PathBuf>,
    #[serde(rename = "isolationMemoryMiB")]
    pub(super) isolation_memory_mib: Option<u64>,
    pub(super) isolation_allow_programs: bool,
}

#[derive(Clone, Copy, Deserialize, Default, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawIsolation {
    #[default]
    InProcess,
    Process,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub(super) struct RawStore {
    pub(super) path: Option<PathBuf>,
    pub(super) url: Option<String>,
    pub(super) password_file: Option<PathBuf>,
    pub(super) password_env: Option<String>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) connections: Option<usize>,
    pub(super) key_file: Option<PathBuf>,
    pub(super) key_env: Option<String>,
    pub(super) old_key_file: Option<PathBuf>,
    pub(super) old_key_env: Option<String>,
}
