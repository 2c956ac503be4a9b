//! A provider that is as it should be, to be exported in a wrong way.

use std::sync::Arc;
use vcs_provider_interface::prelude::*;

/// Its defect is not in here.
pub(crate) struct Fine;

impl Provider for Fine {
    fn info() -> ProviderInfo {
        ProviderInfo::new("fine", "Fine", env!("CARGO_PKG_VERSION"))
    }

    fn new_server(_config_toml: &str, _host: Arc<dyn HostServices>) -> Result<Box<dyn VcsServer>> {
        Err(VcsError::unsupported("new_server"))
    }
}
