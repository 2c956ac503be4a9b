//! A provider that passed every step, and what is known of it.

use super::error::as_text;
use super::manifest::Digest;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use vcs_provider_interface::abi::{BuildFacts, HostProvider};
use vcs_provider_interface::info::ProviderInfo;

/// Which side of the boundary has more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compatibility {
    /// The plugin's interface has everything that the host's has.
    PluginSameOrNewer,
    /// The plugin's interface lacks methods that the host's has; those answer
    /// `Unsupported`.
    PluginOlder,
}

impl fmt::Display for Compatibility {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::PluginSameOrNewer => "plugin same or newer",
            Self::PluginOlder => "plugin older",
        })
    }
}

/// A provider that passed every step. Its code stays mapped for the life of
/// the process; clones share it.
#[derive(Clone)]
pub struct LoadedProvider {
    /// The provider's entry: makes servers.
    pub provider: HostProvider,
    /// What it says of itself.
    pub info: ProviderInfo,
    /// How it was built.
    pub build: BuildFacts,
    /// The digest of its file.
    pub digest: Digest,
    /// The length of its file in bytes.
    pub size: u64,
    /// The file as the caller named it.
    pub origin: PathBuf,
    /// The private copy that is mapped.
    pub staged: PathBuf,
    /// Which side of the boundary has more.
    pub compatibility: Compatibility,
    /// What the administrator should know of its manifest.
    pub notices: Vec<String>,
}

impl fmt::Debug for LoadedProvider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LoadedProvider")
            .field("report", &self.report())
            .finish_non_exhaustive()
    }
}

/// What is known of a plugin, as data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginReport {
    /// The file as the caller named it.
    #[serde(serialize_with = "as_text")]
    pub path: PathBuf,
    /// The length in bytes.
    pub size: u64,
    /// The digest.
    pub sha256: Digest,
    /// Which side of the boundary has more.
    pub compatibility: Compatibility,
    /// What the administrator should know of its manifest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
    /// What the plugin says of itself.
    #[serde(flatten)]
    pub info: ProviderInfo,
}

impl LoadedProvider {
    /// What is known of it, as data.
    #[must_use]
    pub fn report(&self) -> PluginReport {
        PluginReport {
            path: self.origin.clone(),
            size: self.size,
            sha256: self.digest,
            compatibility: self.compatibility,
            notices: self.notices.clone(),
            info: self.info.clone(),
        }
    }
}
