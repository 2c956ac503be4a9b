//! A provider that panics when it is asked what it is.

use std::sync::Arc;
use vcs_provider_interface::prelude::*;

struct Wrong;

impl Provider for Wrong {
    fn info() -> ProviderInfo {
        panic!("while it says what it is")
    }

    fn new_server(_config_toml: &str, _host: Arc<dyn HostServices>) -> Result<Box<dyn VcsServer>> {
        Err(VcsError::unsupported("new_server"))
    }
}

vcs_provider_interface::export_provider!(Wrong);
