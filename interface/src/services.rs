//! What the host gives to a provider: a log and a store of grants.

use crate::abi::record;
use crate::error::Result;
use crate::open_enum::open_enum;
use crate::records::{Extra, Grant, RateState};
use std::sync::Arc;

open_enum! {
    /// How important a log line is.
    pub enum LogLevel {
        /// Something failed.
        ERROR = 1 => "error",
        /// Something will fail if nobody acts.
        WARN = 2 => "warn",
        /// What an administrator wants to know.
        INFO = 3 => "info",
        /// What a developer wants to know.
        DEBUG = 4 => "debug",
        /// Every request.
        TRACE = 5 => "trace",
    }
}

record! {
    /// A line for the host's log. It holds no secret.
    pub struct LogRecord / LogRecordAbi {
        /// How important.
        pub level: LogLevel,
        /// Which part of the provider speaks, such as `http`.
        pub target: String,
        /// The sentence.
        pub message: String,
        /// Facts, under any keys.
        #[serde(skip_serializing_if = "crate::records::Extra::is_empty")]
        pub fields: Extra,
    }
}

/// What the host does for a provider. Implemented by the host, callable from
/// any thread, for as long as the provider's server lives.
pub trait HostServices: Send + Sync {
    /// Takes a log line. Never blocks for long and never fails.
    fn log(&self, record: LogRecord);

    /// Whether lines of this level are kept at all, so that costly ones need
    /// not be made.
    fn is_log_enabled(&self, level: LogLevel) -> bool;

    /// Loads a grant; `None` if there is none of this id.
    ///
    /// # Errors
    /// `Internal` or `Unavailable` if the store cannot be read.
    fn load_grant(&self, grant_id: &str) -> Result<Option<Grant>>;

    /// Stores a grant durably: when this returns, a crash cannot lose it. A
    /// rotated pair is stored **before** it is used.
    ///
    /// # Errors
    /// `Conflict` if the stored grant has the same or a higher `version`;
    /// `Internal` or `Unavailable` if the store cannot be written.
    fn store_grant(&self, grant_id: &str, grant: Grant) -> Result<()>;

    /// Waits until nobody else, in this process or another, rotates this grant,
    /// and keeps others out until [`HostServices::unlock_grant`]. A lock of a
    /// process that died is released.
    ///
    /// Returns the number to unlock with.
    ///
    /// # Errors
    /// `Timeout` if it took longer than `wait_ms` milliseconds.
    fn lock_grant(&self, grant_id: &str, wait_ms: u64) -> Result<u64>;

    /// Lets others rotate the grant again. An unknown number is ignored.
    fn unlock_grant(&self, grant_id: &str, lock: u64);

    /// What other engines know of a rate budget; `None` if nothing, which is
    /// what a host says that shares none. `budget` names the credential without
    /// giving it away, such as a digest; providers of one type see each other's.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be read; a provider goes on without.
    fn load_rate_state(&self, budget: &str) -> Result<Option<RateState>> {
        let _ = budget;
        Ok(None)
    }

    /// Tells other engines what the service said of a rate budget. Returns soon;
    /// a host that shares none does nothing.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be written; a provider goes on.
    fn store_rate_state(&self, budget: &str, state: RateState) -> Result<()> {
        let _ = (budget, state);
        Ok(())
    }
}

/// A held lock on a grant; dropping it lets others in.
pub struct GrantLock {
    host: Arc<dyn HostServices>,
    grant_id: String,
    lock: u64,
}

impl GrantLock {
    /// Waits for the lock, at most `wait_ms` milliseconds.
    ///
    /// # Errors
    /// `Timeout` if somebody else held it for longer.
    pub fn acquire(host: Arc<dyn HostServices>, grant_id: &str, wait_ms: u64) -> Result<Self> {
        let lock = host.lock_grant(grant_id, wait_ms)?;
        Ok(Self {
            host,
            grant_id: grant_id.to_owned(),
            lock,
        })
    }
}

impl Drop for GrantLock {
    fn drop(&mut self) {
        self.host.unlock_grant(&self.grant_id, self.lock);
    }
}
