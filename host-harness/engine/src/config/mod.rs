//! The administrator's `config.toml`.
//!
//! Owns the engine's own keys, strictly: an unknown one is an error that names
//! the key, the file and the line. The table of a server belongs to its
//! provider and is handed on as it stands; this module does not know what is
//! in it, and never puts a value of the file into a message.
//!
//! ```toml
//! [api]
//! url = "https://ci.example.com/api"    # where the service's deliveries arrive
//! uiUrl = "https://ci.example.com"      # where the engine's pages are
//! statusUrlTemplate = "https://ci.example.com/builds/{run}"   # of pages of your own
//! listen = "127.0.0.1:8081"
//! development = false
//! tokenFile = "/etc/engine/api.token"   # or tokenEnv = "ENGINE_API_TOKEN"
//!
//! [vcs]
//! listen = "127.0.0.1:8084"
//! pollIntervalSeconds = 900
//!
//! [vcs.servers.bitbucketcloud.bitbucketcloud]   # server name, provider type
//! clientId = "XXXX"
//!
//! [plugins]
//! directory = "/usr/lib/engine/plugins"
//! stagingDirectory = "/var/lib/engine/plugin-copies"
//! trustedKeys = ["RWQ…"]                # of minisign; then manifests must be signed
//! isolation = "process"                 # a process for each server; or "in-process"
//!
//! [store]
//! path = "/var/lib/engine/engine.sqlite"
//! # Or a PostgreSQL database that several engines share:
//! # url = "postgres://engine@db.example.com/engine"
//! # passwordFile = "/etc/engine/db-password"    # or passwordEnv
//! # caFile = "/etc/engine/db-ca.pem"
//! # connections = 6
//! keyFile = "/etc/engine/store.key"     # or keyEnv = "ENGINE_STORE_KEY"
//! ```
//! Relative paths begin at the directory of the file.

mod error_location;
mod key_spans;
mod raw;
mod source;
mod store;

pub use store::{DatabaseConfig, StoreConfig};

use crate::status_url::StatusUrl;
use key_spans::KeySpans;
use raw::{RawConfig, RawIsolation};
use source::Source;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use vcs_plugin_host::loader::{Confinement, TrustedKey};
use vcs_provider_interface::error::{ErrorKind, VcsError};

/// The address that the api service listens on by default.
const DEFAULT_API_LISTEN: SocketAddr = SocketAddr::new(LOCALHOST, 8081);
/// The address that the vcs service listens on by default.
const DEFAULT_VCS_LISTEN: SocketAddr = SocketAddr::new(LOCALHOST, 8084);
/// The time between two polls by default.
const DEFAULT_POLL_INTERVAL: Duration = Duration::from_secs(15 * 60);
const LOCALHOST: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// The engine's configuration, checked.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The file it was read from; `None` for the defaults.
    pub file: Option<PathBuf>,
    /// The api service.
    pub api: ApiConfig,
    /// The vcs service and its servers.
    pub vcs: VcsConfig,
    /// Where plugins are.
    pub plugins: PluginsConfig,
    /// Where the engine keeps its data.
    pub store: StoreConfig,
    /// What the administrator should know, such as a file that others can read.
    pub warnings: Vec<String>,
}

/// `[api]`: the service that engines' users and webhooks reach.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// The public address of the api service, without a slash at the end: the
    /// base of hook addresses.
    pub url: String,
    /// The public address of the user interface, without a slash at the end: the
    /// base of links in build statuses.
    pub ui_url: String,
    /// What build statuses link to instead of the engine's own pages.
    pub status_url: Option<StatusUrl>,
    /// Where the service listens.
    pub listen: SocketAddr,
    /// Whether this is a developer's machine: plain HTTP and made-up users are accepted.
    pub development: bool,
    /// Where the token is that callers of both services show; `None` leaves it
    /// to the services.
    pub token: Option<KeySource>,
}

/// `[vcs]`: the service that holds the providers.
#[derive(Clone, Debug)]
pub struct VcsConfig {
    /// Where the service listens.
    pub listen: SocketAddr,
    /// The time between two polls of a repository whose webhooks work: polling
    /// finds what deliveries missed. Without webhooks it is polled more often.
    pub poll_interval: Duration,
    /// The configured servers, by name.
    pub servers: Vec<ServerConfig>,
}

/// `[vcs.servers.NAME.TYPE]`: one server and the provider that serves it.
#[derive(Clone)]
pub struct ServerConfig {
    /// The first key: how users and addresses name the server.
    pub name: String,
    /// The second key: picks the plugin.
    pub provider_type: String,
    /// The table below, as TOML, for the provider. May hold secrets.
    pub toml: String,
    lines: BTreeMap<String, usize>,
}

/// `[plugins]`.
#[derive(Clone, Debug)]
pub struct PluginsConfig {
    /// The plugin directory, if the file names one.
    pub directory: Option<PathBuf>,
    /// Where private copies of plugins are made: by default in a directory
    /// beside the store; `None` without a file.
    pub staging_directory: Option<PathBuf>,
    /// Keys of which one must have signed the manifest of each plugin; none,
    /// and manifests need no signature.
    pub trusted_keys: Vec<TrustedKey>,
    /// Which servers get processes of their own.
    pub isolation: IsolationConfig,
}

/// Which servers get processes of their own, and what those may do.
#[derive(Clone, Debug, Default)]
pub struct IsolationConfig {
    /// All servers do.
    pub all: bool,
    /// These do.
    pub servers: Vec<String>,
    /// Files and directories that their processes may read.
    pub readable: Vec<PathBuf>,
    /// The memory for data of each, in bytes.
    pub memory: u64,
    /// Whether providers may start programs, such as git; then their processes
    /// are not confined.
    pub allow_programs: bool,
}

impl IsolationConfig {
    /// Whether this server gets a process of its own.
    #[must_use]
    pub fn is_for(&self, server: &str) -> bool {
        self.all || self.servers.iter().any(|name| name == server)
    }

    /// How processes are confined.
    #[must_use]
    pub fn confinement(&self) -> Option<Confinement> {
        let confinement = Confinement {
            memory: self.memory,
            readable: self.readable.clone(),
            ..Confinement::default()
        };
        (!self.allow_programs).then_some(confinement)
    }
}

/// Where a key comes from. Never from the configuration file itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A file that only the engine's user can read.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
}

/// A configuration that cannot be used. Holds no value of the file.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError {
    file: PathBuf,
    line: Option<usize>,
    key: Option<String>,
    message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        if let Some(key) = &self.key {
            write!(formatter, ": `{key}`")?;
        }
        write!(formatter, ": {}", self.message)
    }
}

impl std::error::Error for ConfigError {}

impl From<ConfigError> for VcsError {
    fn from(error: ConfigError) -> Self {
        Self::new(ErrorKind::CONFIG, error.to_string())
    }
}

impl fmt::Debug for ServerConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ServerConfig")
            .field("name", &self.name)
            .field("provider_type", &self.provider_type)
            .field("toml", &"[redacted]")
            .finish()
    }
}

impl ServerConfig {
    /// A server that no file names, for tests and demonstrations.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        provider_type: impl Into<String>,
        toml: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            provider_type: provider_type.into(),
            toml: toml.into(),
            lines: BTreeMap::new(),
        }
    }

    /// The files that hold secrets of this server (`{ file = "PATH" }`).
    #[must_use]
    pub fn secret_files(&self) -> Vec<PathBuf> {
        fn collect(table: &toml::Table, found: &mut Vec<PathBuf>) {
            for inner in table.values().filter_map(toml::Value::as_table) {
                match source::secret_file(inner) {
                    Some(path) => found.push(path.into()),
                    None => collect(inner, found),
                }
            }
        }
        let mut found = Vec::new();
        if let Ok(table) = self.toml.parse::<toml::Table>() {
            collect(&table, &mut found);
        }
        found
    }
}

impl Default for EngineConfig {
    fn default() -> Self {
        let url = default_url(DEFAULT_API_LISTEN);
        Self {
            file: None,
            api: ApiConfig {
                ui_url: url.clone(),
                status_url: None,
                url,
                listen: DEFAULT_API_LISTEN,
                development: false,
                token: None,
            },
            vcs: VcsConfig {
                listen: DEFAULT_VCS_LISTEN,
                poll_interval: DEFAULT_POLL_INTERVAL,
                servers: Vec::new(),
            },
            plugins: PluginsConfig {
                directory: None,
                staging_directory: None,
                trusted_keys: Vec::new(),
                isolation: IsolationConfig::default(),
            },
            store: StoreConfig {
                path: PathBuf::from(DEFAULT_STORE),
                database: None,
                key: None,
                old_key: None,
            },
            warnings: Vec::new(),
        }
    }
}

const DEFAULT_STORE: &str = "engine.sqlite";
/// Where private copies of plugins are made, beside the store.
const PLUGIN_COPIES: &str = "plugin-copies";

impl EngineConfig {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`ConfigError`], which names the file, the line and the key.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file).map_err(|error| ConfigError {
            file: file.to_owned(),
            line: None,
            key: None,
            message: format!("the configuration cannot be read: {error}"),
        })?;
        let mut config = Self::parse(file, &text)?;
        config.warnings.extend(readable_by_others(file));
        Ok(config)
    }

    /// Checks the text of a file; relative paths begin at the file's directory.
    ///
    /// # Errors
    /// As [`EngineConfig::load`].
    pub fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        let source = Source {
            file,
            lines: KeySpans::of(text),
        };
        let raw: RawConfig = toml::from_str(text).map_err(|error| source.toml_error(&error))?;
        let directory = file.parent().unwrap_or(Path::new(""));
        let listen = raw.api.listen.unwrap_or(DEFAULT_API_LISTEN);
        let url = match &raw.api.url {
            Some(url) => source.base_url("api.url", url)?,
            None => default_url(listen),
        };
        let ui_url = match &raw.api.ui_url {
            Some(url) => source.base_url("api.uiUrl", url)?,
            None => url.clone(),
        };
        let status_url = raw.api.status_url_template.as_deref().map(StatusUrl::parse);
        let status_url = status_url
            .transpose()
            .map_err(|what| source.error("api.statusUrlTemplate", what))?;
        let key_source =
            |table: &str, what: &str, file: Option<PathBuf>, environment| match (file, environment)
            {
                (Some(_), Some(_)) => {
                    let key = format!("{table}.{what}Env");
                    Err(source.error(&key, format!("stands beside `{what}File`; keep one")))
                }
                (Some(path), None) => Ok(Some(KeySource::File(directory.join(path)))),
                (None, name) => Ok(name.map(KeySource::Environment)),
            };
        let named = (&raw.store.password_file, &raw.store.password_env);
        let password = key_source("store", "password", named.0.clone(), named.1.clone())?;
        let has_key = raw.store.key_file.is_some() || raw.store.key_env.is_some();
        let database = source.database(&raw.store, has_key, password, directory)?;
        let key = key_source("store", "key", raw.store.key_file, raw.store.key_env)?;
        let (old_file, old_environment) = (raw.store.old_key_file, raw.store.old_key_env);
        let old_key = key_source("store", "oldKey", old_file, old_environment)?;
        let token = key_source("api", "token", raw.api.token_file, raw.api.token_env)?;
        let poll_interval = match raw.vcs.poll_interval_seconds {
            Some(0) => {
                return Err(source.error("vcs.pollIntervalSeconds", "must be at least 1"));
            }
            seconds => seconds.map_or(DEFAULT_POLL_INTERVAL, Duration::from_secs),
        };
        let store = directory.join(raw.store.path.unwrap_or_else(|| DEFAULT_STORE.into()));
        let trusted_keys = raw.plugins.trusted_keys.iter().map(|text| text.parse());
        let trusted_keys = trusted_keys
            .collect::<Result<_, String>>()
            .map_err(|what| source.error("plugins.trustedKeys", &what))?;
        let staging_directory = match raw.plugins.staging_directory {
            Some(path) => directory.join(path),
            None => store.with_file_name(PLUGIN_COPIES),
        };
        Ok(Self {
            file: Some(file.to_owned()),
            api: ApiConfig {
                url,
                ui_url,
                status_url,
                listen,
                development: raw.api.development,
                token,
            },
            vcs: VcsConfig {
                listen: raw.vcs.listen.unwrap_or(DEFAULT_VCS_LISTEN),
                poll_interval,
                servers: source.servers(raw.vcs.servers)?,
            },
            plugins: PluginsConfig {
                directory: raw.plugins.directory.map(|path| directory.join(path)),
                staging_directory: Some(staging_directory),
                trusted_keys,
                isolation: IsolationConfig {
                    all: raw.plugins.isolation == RawIsolation::Process,
                    servers: raw.plugins.isolated_servers,
                    readable: raw
                        .plugins
                        .isolation_readable
                        .into_iter()
                        .map(|path| directory.join(path))
                        .collect(),
                    memory: raw.plugins.isolation_memory_mib.unwrap_or(512).max(64) * 1024 * 1024,
                    allow_programs: raw.plugins.isolation_allow_programs,
                },
            },
            store: StoreConfig {
                path: store,
                database,
                key,
                old_key,
            },
            warnings: Vec::new(),
        })
    }

    /// The server of this name, or the only one.
    ///
    /// # Errors
    /// `Config` if there is none or the choice is open; the message lists the names.
    pub fn server(&self, name: Option<&str>) -> Result<&ServerConfig, VcsError> {
        let servers = &self.vcs.servers;
        let names = || {
            let names: Vec<&str> = servers.iter().map(|server| server.name.as_str()).collect();
            names.join(", ")
        };
        let file = self.file_name();
        let found = match name {
            Some(name) => servers
                .iter()
                .find(|server| server.name == name)
                .ok_or_else(|| {
                    format!(
                        "{file}: there is no server {name:?} in `vcs.servers`; there are: {}",
                        if servers.is_empty() {
                            "none".to_owned()
                        } else {
                            names()
                        }
                    )
                }),
            None => match servers.as_slice() {
                [only] => Ok(only),
                [] => Err(format!(
                    "{file}: no server is configured; add a table [vcs.servers.NAME.TYPE], such as [vcs.servers.bitbucketcloud.bitbucketcloud]"
                )),
                _ => Err(format!(
                    "{file}: several servers are configured ({}); name one",
                    names()
                )),
            },
        };
        found.map_err(|message| VcsError::new(ErrorKind::CONFIG, message))
    }

    fn file_name(&self) -> String {
        self.file.as_deref().map_or_else(
            || "configuration".to_owned(),
            |file| file.display().to_string(),
        )
    }
}

fn default_url(listen: SocketAddr) -> String {
    format!("http://{listen}")
}

/// A sentence if somebody besides the owner can read the file.
#[cfg(unix)]
#[must_use]
pub fn readable_by_others(file: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(file).ok()?.permissions().mode();
    (mode & 0o044 != 0).then(|| {
        format!(
            "{}: others can read this file (mode {:04o}), and it may hold secrets; run chmod 600 on it",
            file.display(),
            mode & 0o7777
        )
    })
}

/// Elsewhere the system's own access lists decide.
#[cfg(not(unix))]
#[must_use]
pub fn readable_by_others(_file: &Path) -> Option<String> {
    None
}

#[cfg(test)]
mod tests;
