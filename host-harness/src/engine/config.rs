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
//! uiUrl = "https://ci.example.com"      # what build statuses link to
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
//!
//! [store]
//! path = "/var/lib/engine/engine.sqlite"
//! keyFile = "/etc/engine/store.key"     # or keyEnv = "ENGINE_STORE_KEY"
//! ```
//! Relative paths begin at the folder of the file.

mod lines;

use lines::Lines;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;
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
}

/// `[store]`.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The database file.
    pub path: PathBuf,
    /// Where the key is that grants are encrypted with; `None` leaves it to the store.
    pub key: Option<KeySource>,
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
}

impl Default for EngineConfig {
    fn default() -> Self {
        let url = default_url(DEFAULT_API_LISTEN);
        Self {
            file: None,
            api: ApiConfig {
                ui_url: url.clone(),
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
            plugins: PluginsConfig { directory: None },
            store: StoreConfig {
                path: PathBuf::from(DEFAULT_STORE),
                key: None,
            },
            warnings: Vec::new(),
        }
    }
}

const DEFAULT_STORE: &str = "engine.sqlite";

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

    /// Checks the text of a file; relative paths begin at the file's folder.
    ///
    /// # Errors
    /// As [`EngineConfig::load`].
    pub fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        let source = Source {
            file,
            lines: Lines::of(text),
        };
        let raw: RawConfig = toml::from_str(text).map_err(|error| source.toml_error(&error))?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let listen = raw.api.listen.unwrap_or(DEFAULT_API_LISTEN);
        let url = match &raw.api.url {
            Some(url) => source.base_url("api.url", url)?,
            None => default_url(listen),
        };
        let ui_url = match &raw.api.ui_url {
            Some(url) => source.base_url("api.uiUrl", url)?,
            None => url.clone(),
        };
        let key_source = |table, what, file, environment| match (file, environment) {
            (Some(_), Some(_)) => {
                let key = format!("{table}.{what}Env");
                Err(source.error(&key, format!("stands beside `{what}File`; keep one")))
            }
            (Some(path), None) => Ok(Some(KeySource::File(folder.join::<PathBuf>(path)))),
            (None, name) => Ok(name.map(KeySource::Environment)),
        };
        let key = key_source("store", "key", raw.store.key_file, raw.store.key_env)?;
        let token = key_source("api", "token", raw.api.token_file, raw.api.token_env)?;
        let poll_interval = match raw.vcs.poll_interval_seconds {
            Some(0) => {
                return Err(source.error("vcs.pollIntervalSeconds", "must be at least 1"));
            }
            seconds => seconds.map_or(DEFAULT_POLL_INTERVAL, Duration::from_secs),
        };
        Ok(Self {
            file: Some(file.to_owned()),
            api: ApiConfig {
                url,
                ui_url,
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
                directory: raw.plugins.directory.map(|path| folder.join(path)),
            },
            store: StoreConfig {
                path: folder.join(raw.store.path.unwrap_or_else(|| DEFAULT_STORE.into())),
                key,
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

    /// Puts the place in the file before a provider's message about its table:
    /// the file and the server, and the line if the message quotes a key in backticks.
    #[must_use]
    pub fn locate(&self, server: &ServerConfig, mut error: VcsError) -> VcsError {
        let line = error
            .message
            .split('`')
            .skip(1)
            .step_by(2)
            .find_map(|key| server.lines.get(key))
            .or_else(|| server.lines.get(""));
        let line = line.map_or_else(String::new, |line| format!(":{line}"));
        error.message = format!(
            "{}{line}: [vcs.servers.{}.{}]: {}",
            self.file_name(),
            server.name,
            server.provider_type,
            error.message
        );
        error
    }

    fn file_name(&self) -> String {
        self.file.as_deref().map_or_else(
            || "configuration".to_owned(),
            |file| file.display().to_string(),
        )
    }
}

/// The file as it is written: serde's view, before anything is checked.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawConfig {
    api: RawApi,
    vcs: RawVcs,
    plugins: RawPlugins,
    store: RawStore,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
struct RawApi {
    url: Option<String>,
    ui_url: Option<String>,
    listen: Option<SocketAddr>,
    development: bool,
    token_file: Option<PathBuf>,
    token_env: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
struct RawVcs {
    listen: Option<SocketAddr>,
    poll_interval_seconds: Option<u64>,
    servers: BTreeMap<String, toml::Table>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawPlugins {
    directory: Option<PathBuf>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
struct RawStore {
    path: Option<PathBuf>,
    key_file: Option<PathBuf>,
    key_env: Option<String>,
}

/// The file and where its keys stand, for messages.
struct Source<'a> {
    file: &'a Path,
    lines: Lines,
}

impl Source<'_> {
    fn error(&self, key: &str, message: impl Into<String>) -> ConfigError {
        ConfigError {
            file: self.file.to_owned(),
            line: self.lines.of_key(key),
            key: Some(key.to_owned()),
            message: message.into(),
        }
    }

    fn toml_error(&self, error: &toml::de::Error) -> ConfigError {
        let start = error.span().map(|span| span.start);
        ConfigError {
            file: self.file.to_owned(),
            line: start.map(|start| self.lines.of_offset(start)),
            key: start
                .and_then(|start| self.lines.key_at(start))
                .map(str::to_owned),
            // Not the error's own display, which quotes the line of the file.
            message: without_value(error.message()),
        }
    }

    fn base_url(&self, key: &str, text: &str) -> Result<String, ConfigError> {
        let url =
            Url::parse(text).map_err(|error| self.error(key, format!("is no address: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(self.error(key, "must begin with http:// or https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(self.error(key, "must not hold a user name or password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(self.error(key, "must not hold a query or a fragment"));
        }
        Ok(url.as_str().trim_end_matches('/').to_owned())
    }

    fn servers(
        &self,
        tables: BTreeMap<String, toml::Table>,
    ) -> Result<Vec<ServerConfig>, ConfigError> {
        let mut servers = Vec::new();
        for (name, types) in tables {
            let key = format!("vcs.servers.{}", lines::segment(&name));
            let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if name.is_empty() || !name.chars().all(is_plain) {
                let message = "a server's name stands in addresses: only letters, digits, `-`, `_` and `.` are possible";
                return Err(self.error(&key, message));
            }
            let mut types = types.into_iter();
            let Some((provider_type, value)) = types.next() else {
                let message =
                    format!("is empty; add the provider's table, such as [{key}.bitbucketcloud]");
                return Err(self.error(&key, message));
            };
            let key_of_type = format!("{key}.{}", lines::segment(&provider_type));
            let toml::Value::Table(table) = value else {
                let message = format!(
                    "stands where the provider's type is expected; write it below a table such as [{key}.bitbucketcloud]"
                );
                return Err(self.error(&key_of_type, message));
            };
            if let Some((second, _)) = types.next() {
                let message = format!(
                    "the server has the type {provider_type:?} already; give the other one a name of its own"
                );
                let second = format!("{key}.{}", lines::segment(&second));
                return Err(self.error(&second, message));
            }
            let toml = toml::to_string(&table)
                .map_err(|error| self.error(&key_of_type, format!("cannot be read: {error}")))?;
            servers.push(ServerConfig {
                lines: self.lines.below(&key_of_type),
                name,
                provider_type,
                toml,
            });
        }
        Ok(servers)
    }
}

/// A message of serde without the value that it quotes: `invalid type: string
/// "s3cret", expected a boolean` keeps only what was expected.
fn without_value(message: &str) -> String {
    let quotes_value = ["invalid type: ", "invalid value: "]
        .iter()
        .any(|start| message.starts_with(start));
    match message.rfind(", expected ") {
        Some(expected) if quotes_value => format!("wrong value{}", &message[expected..]),
        _ => message.trim().replace('\n', "; "),
    }
}

fn default_url(listen: SocketAddr) -> String {
    format!("http://{listen}")
}

/// A sentence if somebody besides the owner can read the file.
#[cfg(unix)]
fn readable_by_others(file: &Path) -> Option<String> {
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
fn readable_by_others(_file: &Path) -> Option<String> {
    None
}

#[cfg(test)]
mod tests;
