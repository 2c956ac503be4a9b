//! A provider that has a type that no configuration could name.

use std::sync::Arc;
use vcs_provider_interface::prelude::*;

struct Wrong;

impl Provider for Wrong {
    fn info() -> ProviderInfo {
        ProviderInfo::new("Not a type", "Fine", "1")
    }

    fn new_server(_config_toml: &str, _host: Arc<dyn HostServices>) -> Result<Box<dyn VcsServer>> {
        Err(VcsError::unsupported("new_server"))
    }
}

vcs_provider_interface::export_provider!(Wrong);
