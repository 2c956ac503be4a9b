//! The host's services for a conformance run: keeps every log line, and grants
//! in memory.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use vcs_provider_interface::error::{ErrorKind, Result, VcsError};
use vcs_provider_interface::records::Grant;
use vcs_provider_interface::services::{HostServices, LogLevel, LogRecord};

/// Keeps what a provider logs, at every level, and its grants.
#[derive(Default)]
pub struct RecordingHost {
    logs: Mutex<Vec<LogRecord>>,
    grants: Mutex<Grants>,
    unlocked: Condvar,
}

#[derive(Default)]
struct Grants {
    stored: BTreeMap<String, Grant>,
    locked: BTreeMap<String, u64>,
    locks: u64,
}

impl RecordingHost {
    /// The lines so far, oldest first.
    #[must_use]
    pub fn logs(&self) -> Vec<LogRecord> {
        locked(&self.logs).clone()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl HostServices for RecordingHost {
    fn log(&self, record: LogRecord) {
        locked(&self.logs).push(record);
    }

    fn is_log_enabled(&self, _level: LogLevel) -> bool {
        true
    }

    fn load_grant(&self, grant_id: &str) -> Result<Option<Grant>> {
        Ok(locked(&self.grants).stored.get(grant_id).cloned())
    }

    fn store_grant(&self, grant_id: &str, grant: Grant) -> Result<()> {
        let mut grants = locked(&self.grants);
        if let Some(present) = grants.stored.get(grant_id) {
            if present.version >= grant.version {
                return Err(VcsError::new(
                    ErrorKind::CONFLICT,
                    format!(
                        "the stored grant has version {}, this one {}",
                        present.version, grant.version
                    ),
                ));
            }
        }
        grants.stored.insert(grant_id.to_owned(), grant);
        Ok(())
    }

    fn lock_grant(&self, grant_id: &str, wait_ms: u64) -> Result<u64> {
        let (mut grants, wait) = self
            .unlocked
            .wait_timeout_while(
                locked(&self.grants),
                Duration::from_millis(wait_ms),
                |grants| grants.locked.contains_key(grant_id),
            )
            .unwrap_or_else(PoisonError::into_inner);
        if wait.timed_out() {
            return Err(VcsError::new(
                ErrorKind::TIMEOUT,
                format!("the grant was locked for longer than {wait_ms} ms"),
            ));
        }
        grants.locks += 1;
        let lock = grants.locks;
        grants.locked.insert(grant_id.to_owned(), lock);
        Ok(lock)
    }

    fn unlock_grant(&self, grant_id: &str, lock: u64) {
        let mut grants = locked(&self.grants);
        if grants.locked.get(grant_id) == Some(&lock) {
            grants.locked.remove(grant_id);
            self.unlocked.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(version: u64) -> Grant {
        Grant {
            version,
            ..Default::default()
        }
    }

    #[test]
    fn an_older_pair_never_replaces_a_newer_one() {
        let host = RecordingHost::default();
        assert!(host.store_grant("g", grant(2)).is_ok());
        let error = host.store_grant("g", grant(2)).map_err(|error| error.kind);
        assert_eq!(error, Err(ErrorKind::CONFLICT));
        assert!(host.store_grant("g", grant(3)).is_ok());
    }

    #[test]
    fn a_locked_grant_keeps_others_out_until_it_is_unlocked() {
        let host = RecordingHost::default();
        let lock = host.lock_grant("g", 0).unwrap_or_default();
        let second = host.lock_grant("g", 1).map_err(|error| error.kind);
        assert_eq!(second, Err(ErrorKind::TIMEOUT));
        assert!(host.lock_grant("other", 0).is_ok());
        host.unlock_grant("g", lock);
        assert!(host.lock_grant("g", 0).is_ok());
    }
}
