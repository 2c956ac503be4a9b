//! What a configured server is made from.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use vcs_provider_interface::context::CallContext;
use vcs_provider_interface::error::{ErrorKind, Result};
use vcs_provider_interface::prelude::VcsServer;
use vcs_provider_interface::records::{ServerInfoRequest, WebhooksInfoRequest};
use vcs_provider_interface::services::HostServices;

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
}

impl Default for RegistryOptions {
    fn default() -> Self {
        Self {
            constructor_time_limit: Duration::from_secs(10),
            probe: Arc::new(ask_for_settings),
            probe_time_limit: Duration::from_secs(10),
            draining_limit: 8,
            replacement_limit: 5,
            replacement_window: Duration::from_secs(60),
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

/// The default probe. A provider without webhooks or polling passes.
fn ask_for_settings(server: &dyn VcsServer, context: &dyn CallContext) -> Result<()> {
    let or_unsupported = |outcome: Result<()>| match outcome {
        Err(error) if error.kind == ErrorKind::UNSUPPORTED => Ok(()),
        other => other,
    };
    or_unsupported(
        server
            .webhooks_info(context, WebhooksInfoRequest::default())
            .map(drop),
    )?;
    or_unsupported(
        server
            .polling_info(context, ServerInfoRequest::default())
            .map(drop),
    )
}
