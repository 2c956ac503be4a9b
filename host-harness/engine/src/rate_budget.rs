//! One rate budget for each credential over all engines: what one engine was told by a
//! service, the others do not have to be told again.
//!
//! A single engine needs none of this: its providers know what they were told.

use crate::clock::later;
use crate::store::{HeldBack, Store, StoreError, Topic};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use vcs_provider_interface::error::{ErrorKind, Result, VcsError};

/// The server and the credential.
type Budget = (String, String);

/// What is known of limits.
#[derive(Debug)]
pub struct RateBudgets {
    until: Mutex<HashMap<Budget, i64>>,
    /// Whether another engine has been told something.
    is_stale: AtomicBool,
}

impl Default for RateBudgets {
    fn default() -> Self {
        Self {
            until: Mutex::default(),
            is_stale: AtomicBool::new(true),
        }
    }
}

impl RateBudgets {
    /// Has the store asked again before the next call.
    pub fn look_again(&self) {
        self.is_stale.store(true, Ordering::Release);
    }

    /// Asks whether a call may be made now.
    ///
    /// # Errors
    /// `RateLimited`, with the time to wait, while the service wants none; the store's.
    pub fn admit(&self, store: &Store, server: &str, credential: &str, now: i64) -> Result<()> {
        if !store.is_shared() {
            return Ok(());
        }
        if self.is_stale.swap(false, Ordering::AcqRel) {
            let found = store.held_back(now).inspect_err(|_| self.look_again())?;
            *self.until() = found
                .into_iter()
                .map(|limit| ((limit.server, limit.credential), limit.until))
                .collect();
        }
        let budget = (server.to_owned(), credential.to_owned());
        let until = self.until().get(&budget).copied().unwrap_or(0);
        let Some(left) = u64::try_from(until - now).ok().filter(|left| *left > 0) else {
            return Ok(());
        };
        let message = format!(
            "{server} wants no more calls with this credential for now, as another engine was told"
        );
        let error = VcsError::new(ErrorKind::RATE_LIMITED, message);
        Err(error.with_retry_after(Duration::from_millis(left)))
    }

    /// Takes note of how a call ended.
    pub fn note<T>(
        &self,
        store: &Store,
        server: &str,
        credential: &str,
        result: &Result<T>,
        now: i64,
    ) {
        let limited = result
            .as_ref()
            .err()
            .filter(|error| error.kind == ErrorKind::RATE_LIMITED);
        let Some(wait) = limited.and_then(VcsError::retry_after) else {
            return;
        };
        if let Err(error) = self.hold_back(store, server, credential, later(now, wait), now) {
            tracing::warn!(server, %error, "other engines do not learn of a limit");
        }
    }

    fn hold_back(
        &self,
        store: &Store,
        server: &str,
        credential: &str,
        until: i64,
        now: i64,
    ) -> std::result::Result<(), StoreError> {
        if !store.is_shared() {
            return Ok(());
        }
        let limit = HeldBack {
            server: server.to_owned(),
            credential: credential.to_owned(),
            until,
        };
        store.hold_back(limit, now)?;
        self.look_again();
        store.tell(Topic::Limits);
        Ok(())
    }

    fn until(&self) -> MutexGuard<'_, HashMap<Budget, i64>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
