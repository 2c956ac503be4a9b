//! The engine's time of day: the system's, or one that tests move.
//!
//! Everything that is due at some time (states of the consent flow, clean-ups,
//! retries, polls) asks a [`Clock`]. Deadlines of calls do not: they use the
//! monotonic clock of the interface's call context.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Called after a clock was moved by hand.
type Listener = Box<dyn Fn() + Send + Sync>;

/// Says what time it is.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970-01-01 UTC.
    fn now_ms(&self) -> i64;
}

/// Adds a time in milliseconds and a duration.
pub(crate) fn later(time_ms: i64, by: Duration) -> i64 {
    time_ms.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX))
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

/// The system's clock, ahead by as much as somebody moved it.
///
/// For tests and demonstrations: a day passes in a moment, and whoever waits
/// for a time is told that it may have come.
#[derive(Default)]
pub struct MovableClock {
    ahead_ms: AtomicI64,
    stopped_at: Option<i64>,
    listeners: Mutex<Vec<Listener>>,
}

impl MovableClock {
    /// A clock that runs with the system's.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A clock that stands still at this time, in milliseconds since
    /// 1970-01-01 UTC, but for being moved.
    #[must_use]
    pub fn stopped_at(now_ms: i64) -> Self {
        Self {
            stopped_at: Some(now_ms),
            ..Self::default()
        }
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.ahead_ms.fetch_add(by, Ordering::AcqRel);
        let listeners = self.listeners.lock();
        for listener in listeners.iter().flat_map(|all| all.iter()) {
            listener();
        }
    }

    /// Has this called after every move.
    pub fn on_move(&self, listener: impl Fn() + Send + Sync + 'static) {
        if let Ok(mut listeners) = self.listeners.lock() {
            listeners.push(Box::new(listener));
        }
    }
}

impl fmt::Debug for MovableClock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MovableClock({})", self.now_ms())
    }
}

impl Clock for MovableClock {
    fn now_ms(&self) -> i64 {
        let now = self.stopped_at.unwrap_or_else(|| SystemClock.now_ms());
        now.saturating_add(self.ahead_ms.load(Ordering::Acquire))
    }
}
