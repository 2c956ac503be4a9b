//! What the host does for a provider that serves one command: it keeps the log.
//! Grants are kept by the engine's store, which a single command does not open.

use vcs_provider_interface::error::{ErrorKind, Result, VcsError};
use vcs_provider_interface::records::Grant;
use vcs_provider_interface::services::{HostServices, LogLevel, LogRecord};

/// The log, and no grants.
pub(super) struct HostLog;

fn no_store() -> VcsError {
    VcsError::new(
        ErrorKind::UNSUPPORTED,
        "this command keeps no grants; use the engine's service",
    )
}

impl HostServices for HostLog {
    fn log(&self, record: LogRecord) {
        let LogRecord {
            level,
            target,
            message,
            fields,
        } = record;
        let facts: Vec<String> = fields
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let facts = facts.join(" ");
        match level {
            LogLevel::ERROR => {
                tracing::error!(target: "provider", part = target, "{message} {facts}")
            }
            LogLevel::WARN => {
                tracing::warn!(target: "provider", part = target, "{message} {facts}")
            }
            LogLevel::INFO => {
                tracing::info!(target: "provider", part = target, "{message} {facts}")
            }
            LogLevel::DEBUG => {
                tracing::debug!(target: "provider", part = target, "{message} {facts}")
            }
            _ => tracing::trace!(target: "provider", part = target, "{message} {facts}"),
        }
    }

    fn is_log_enabled(&self, level: LogLevel) -> bool {
        match level {
            LogLevel::ERROR => tracing::enabled!(target: "provider", tracing::Level::ERROR),
            LogLevel::WARN => tracing::enabled!(target: "provider", tracing::Level::WARN),
            LogLevel::INFO => tracing::enabled!(target: "provider", tracing::Level::INFO),
            LogLevel::DEBUG => tracing::enabled!(target: "provider", tracing::Level::DEBUG),
            _ => tracing::enabled!(target: "provider", tracing::Level::TRACE),
        }
    }

    fn load_grant(&self, _grant_id: &str) -> Result<Option<Grant>> {
        Err(no_store())
    }

    fn store_grant(&self, _grant_id: &str, _grant: Grant) -> Result<()> {
        Err(no_store())
    }

    fn lock_grant(&self, _grant_id: &str, _wait_ms: u64) -> Result<u64> {
        Err(no_store())
    }

    fn unlock_grant(&self, _grant_id: &str, _lock: u64) {}
}
