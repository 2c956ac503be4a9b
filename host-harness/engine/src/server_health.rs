//! How calls to each configured server have gone lately.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use vcs_provider_interface::error::{ErrorKind, Result};

/// What is known of one server.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Observed {
    /// When it last responded as it should.
    pub last_success_at: Option<i64>,
    /// When a call last failed because of the service or the credential.
    pub last_failure_at: Option<i64>,
    /// The kind of that failure.
    pub last_failure: Option<String>,
    /// Until when it wants no calls, as far as it said.
    pub rate_limited_until: Option<i64>,
}

impl Observed {
    /// Whether the last call failed.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.last_failure_at.is_some() && self.last_failure_at > self.last_success_at
    }
}

/// What is known of all servers since the start.
#[derive(Debug, Default)]
pub struct ServerHealth(Mutex<HashMap<String, Observed>>);

impl ServerHealth {
    /// Takes note of how a call went. That something is not there, or that a
    /// request was wrong, is a response like any other.
    pub fn observe<T>(&self, server: &str, result: &Result<T>, now: i64) {
        let mut all = self.lock();
        let observed = all.entry(server.to_owned()).or_default();
        let error = match result {
            Err(error) if is_the_server_s(error.kind) => error,
            _ => {
                observed.last_success_at = Some(now);
                observed.rate_limited_until = None;
                return;
            }
        };
        observed.last_failure_at = Some(now);
        observed.last_failure = Some(error.kind.to_string());
        if error.kind == ErrorKind::RATE_LIMITED {
            let wait = error.retry_after().unwrap_or(Duration::from_secs(60));
            observed.rate_limited_until = Some(crate::clock::later(now, wait));
        }
    }

    /// What is known of a server.
    #[must_use]
    pub fn of(&self, server: &str) -> Observed {
        self.lock().get(server).cloned().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Observed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_the_server_s(kind: ErrorKind) -> bool {
    !matches!(
        kind,
        ErrorKind::NOT_FOUND
            | ErrorKind::INVALID_INPUT
            | ErrorKind::ALREADY_EXISTS
            | ErrorKind::CONFLICT
            | ErrorKind::UNSUPPORTED
            | ErrorKind::CANCELLED
    )
}
