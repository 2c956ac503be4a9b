//! What the fuzz targets share.

use std::sync::Arc;
use vcs_bitbucketcloud::BitbucketCloud;
use vcs_provider_interface::prelude::*;

/// A host that keeps nothing.
struct SilentHost;

impl HostServices for SilentHost {
    fn log(&self, _record: LogRecord) {}

    fn is_log_enabled(&self, _level: LogLevel) -> bool {
        false
    }

    fn load_grant(&self, _grant_id: &str) -> Result<Option<Grant>> {
        Ok(None)
    }

    fn store_grant(&self, _grant_id: &str, _grant: Grant) -> Result<()> {
        Ok(())
    }

    fn lock_grant(&self, _grant_id: &str, _wait_ms: u64) -> Result<u64> {
        Ok(1)
    }

    fn unlock_grant(&self, _grant_id: &str, _lock: u64) {}
}

/// A server of the provider.
///
/// # Errors
/// Those of the provider.
pub fn server(config: &str) -> Result<Box<dyn VcsServer>> {
    BitbucketCloud::new_server(config, Arc::new(SilentHost))
}
