//! The Bitbucket Cloud provider.

#![forbid(unsafe_code)]

mod poll;
mod read;
mod webhook;

use std::sync::Arc;
use vcs_provider_interface::prelude::*;

/// The provider of Bitbucket Cloud.
pub struct BitbucketCloud;

impl Provider for BitbucketCloud {
    fn info() -> ProviderInfo {
        ProviderInfo::new(
            "bitbucketcloud",
            "Bitbucket Cloud",
            env!("CARGO_PKG_VERSION"),
        )
    }

    fn new_server(_config_toml: &str, _host: Arc<dyn HostServices>) -> Result<Box<dyn VcsServer>> {
        Err(VcsError::unsupported("new_server"))
    }
}

vcs_provider_interface::export_provider!(BitbucketCloud);
