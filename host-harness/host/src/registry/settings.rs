//! What a configured server is made from.

use crate::isolation::Isolation;
use crate::loader::default_probe;
use std::fmt;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;
use vcs_provider_interface::context::CallContext;
use vcs_provider_interface::error::{ErrorKind, Result};
use vcs_provider_interface::prelude::{
    Grant, HostServices, LogLevel, LogRecord, VcsError, VcsServer,
};

/// A configured server.
#[derive(Clone)]
pub struct ServerSettings {
    /// The server's name, by which the engine asks for it.
    pub name: String,
    /// The type of the provider that serves it.
    pub provider_type: String,
    /// The provider's own table in TOML. It may hold secrets.
    pub config_toml: String,
    /// What the host does for the provider.
    pub services: Arc<dyn HostServices>,
    /// Whether the server gets a process of its own, for which
    /// [`RegistryOptions::isolation`] must be set.
    pub isolated: bool,
}

impl ServerSettings {
    /// A server whose host keeps no grants, with [`WithoutGrants`] as services.
    #[must_use]
    pub fn new(name: &str, provider_type: &str, config_toml: &str) -> Self {
        Self {
            name: name.to_owned(),
            provider_type: provider_type.to_owned(),
            config_toml: config_toml.to_owned(),
            services: Arc::new(WithoutGrants),
            isolated: false,
        }
    }
}

/// The services of a host that works with configured credentials only: it keeps
/// no grants. Warnings and errors of a provider go to standard error.
#[derive(Clone, Copy, Debug, Default)]
pub struct WithoutGrants;

impl HostServices for WithoutGrants {
    fn log(&self, record: LogRecord) {
        if self.is_log_enabled(record.level) {
            let line = format!("{} {}: {}\n", record.level, record.target, record.message);
            // A log that cannot be written fails no call.
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }

    fn is_log_enabled(&self, level: LogLevel) -> bool {
        level <= LogLevel::WARN
    }

    fn load_grant(&self, _grant_id: &str) -> Result<Option<Grant>> {
        Ok(None)
    }

    fn store_grant(&self, _grant_id: &str, _grant: Grant) -> Result<()> {
        let message = "this host keeps no grants";
        Err(VcsError::new(ErrorKind::UNSUPPORTED, message))
    }

    fn lock_grant(&self, _grant_id: &str, _wait_ms: u64) -> Result<u64> {
        let message = "this host keeps no grants";
        Err(VcsError::new(ErrorKind::UNSUPPORTED, message))
    }

    fn unlock_grant(&self, _grant_id: &str, _lock: u64) {}
}

impl fmt::Debug for ServerSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ServerSettings")
            .field("name", &self.name)
            .field("provider_type", &self.provider_type)
            .finish_non_exhaustive()
    }
}

/// A question that a new server must answer before it serves.
pub type Probe = Arc<dyn Fn(&dyn VcsServer, &dyn CallContext) -> Result<()> + Send + Sync>;

/// How a registry works.
#[derive(Clone)]
pub struct RegistryOptions {
    /// How long a provider may take to make a server; 10 seconds by default.
    pub constructor_time_limit: Duration,
    /// What a new server must answer before it serves; by default what it says
    /// of webhooks and of polling, for which it sends nothing.
    pub probe: Probe,
    /// How long the probe may take; 10 seconds by default.
    pub probe_time_limit: Duration,
    /// How many old generations of one server may wait for their last call; 8
    /// by default.
    pub draining_limit: usize,
    /// How many poisoned generations of one server are replaced within
    /// [`RegistryOptions::replacement_window`]; 5 by default. One more is only
    /// reported.
    pub replacement_limit: usize,
    /// See [`RegistryOptions::replacement_limit`]; a minute by default.
    pub replacement_window: Duration,
    /// How servers get processes of their own; by default none can. A process
    /// that ends is replaced without a limit, after pauses that grow with how
    /// often that was needed within the window.
    pub isolation: Option<Isolation>,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        Self {
            constructor_time_limit: Duration::from_secs(10),
            probe: Arc::new(default_probe),
            probe_time_limit: Duration::from_secs(10),
            draining_limit: 8,
            replacement_limit: 5,
            replacement_window: Duration::from_secs(60),
            isolation: None,
        }
    }
}

impl fmt::Debug for RegistryOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RegistryOptions")
            .field("constructor_time_limit", &self.constructor_time_limit)
            .field("probe_time_limit", &self.probe_time_limit)
            .field("draining_limit", &self.draining_limit)
            .field("replacement_limit", &self.replacement_limit)
            .field("replacement_window", &self.replacement_window)
            .finish_non_exhaustive()
    }
}
