//! A host for providers under test: keeps the log and the grants in memory.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use vcs_provider_interface::prelude::*;

/// Keeps what a provider logs and stores.
#[derive(Default)]
pub struct RecordingHost {
    log: Mutex<Vec<LogRecord>>,
    grants: Mutex<HashMap<String, Grant>>,
    locked: Mutex<HashMap<String, u64>>,
    unlocked: Condvar,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RecordingHost {
    /// A host with nothing in it.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Every line so far, with its facts, as text.
    #[must_use]
    pub fn log_text(&self) -> String {
        held(&self.log)
            .iter()
            .map(|line| format!("{line:?}\n"))
            .collect()
    }

    /// Forgets every line so far, with the memory that it took.
    pub fn forget_log(&self) {
        *held(&self.log) = Vec::new();
    }

    /// The stored grant.
    #[must_use]
    pub fn grant(&self, grant_id: &str) -> Option<Grant> {
        held(&self.grants).get(grant_id).cloned()
    }

    /// Puts a grant into the store, whatever was there.
    pub fn put_grant(&self, grant_id: &str, grant: Grant) {
        held(&self.grants).insert(grant_id.to_owned(), grant);
    }
}

impl HostServices for RecordingHost {
    fn log(&self, record: LogRecord) {
        held(&self.log).push(record);
    }

    fn is_log_enabled(&self, _level: LogLevel) -> bool {
        true
    }

    fn load_grant(&self, grant_id: &str) -> Result<Option<Grant>> {
        Ok(self.grant(grant_id))
    }

    fn store_grant(&self, grant_id: &str, grant: Grant) -> Result<()> {
        let mut grants = held(&self.grants);
        if grants
            .get(grant_id)
            .is_some_and(|present| present.version >= grant.version)
        {
            let message = "the store has the same or a newer pair";
            return Err(VcsError::new(ErrorKind::CONFLICT, message));
        }
        grants.insert(grant_id.to_owned(), grant);
        Ok(())
    }

    fn lock_grant(&self, grant_id: &str, wait_ms: u64) -> Result<u64> {
        let end = Instant::now() + Duration::from_millis(wait_ms);
        let mut locked = held(&self.locked);
        while locked.contains_key(grant_id) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(VcsError::new(ErrorKind::TIMEOUT, "the grant is locked"));
            }
            locked = self
                .unlocked
                .wait_timeout(locked, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        locked.insert(grant_id.to_owned(), 1);
        Ok(1)
    }

    fn unlock_grant(&self, grant_id: &str, _lock: u64) {
        held(&self.locked).remove(grant_id);
        self.unlocked.notify_all();
    }
}
