//! What the engine asks of whatever loads and serves its providers.

use std::sync::Arc;
use vcs_provider_interface::error::Result;
use vcs_provider_interface::provider::VcsServer;

/// The configured servers, whichever generation of their providers serves.
///
/// The registry is one; tests have their own.
pub trait Servers: Send + Sync {
    /// The names of the configured servers, with their provider types.
    fn names(&self) -> Vec<(String, String)>;

    /// The server of this name, as it serves now.
    ///
    /// # Errors
    /// `NotFound` if none is configured under this name; `Unavailable` if its
    /// provider could not be loaded.
    fn server(&self, name: &str) -> Result<Arc<dyn VcsServer>>;

    /// How the providers are, for people and for monitoring.
    fn health(&self) -> serde_json::Value;

    /// Whether the provider of a server is loaded.
    fn is_served(&self, name: &str) -> bool;

    /// Looks for changed plugins and puts them into service; says what it did.
    fn reload(&self) -> serde_json::Value;

    /// Ends every wait for a plugin, because the engine stops.
    fn stop(&self) {}
}
