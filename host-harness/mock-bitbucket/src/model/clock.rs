//! The mock's own clock: it only goes forward, and tests move it by hand.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use crate::sync::lock;

/// Time as the mock sees it: real time since the start plus what was added by
/// [`advance`](Clock::advance). Expiry is decided on it, so no test has to sleep.
pub(crate) struct Clock {
    started: Instant,
    started_at: Duration,
    added: Mutex<Duration>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            started_at: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
            added: Mutex::new(Duration::ZERO),
        }
    }

    /// Time since 1970.
    pub(crate) fn now(&self) -> Duration {
        self.started_at + self.started.elapsed() + *lock(&self.added)
    }

    /// Moves the clock forward.
    pub(crate) fn advance(&self, step: Duration) {
        *lock(&self.added) += step;
    }

    /// The present moment the way most resources write it:
    /// `2026-11-05T08:15:30.123456+00:00`.
    pub(crate) fn timestamp(&self) -> String {
        format_micros(self.now())
    }

    /// The present moment the way hooks write it: nanoseconds and `Z`.
    pub(crate) fn timestamp_nanos(&self) -> String {
        format(self.now(), "%Y-%m-%dT%H:%M:%S.%9fZ")
    }
}

/// Writes a time since 1970 with microseconds and an offset.
pub(crate) fn format_micros(time: Duration) -> String {
    format(time, "%Y-%m-%dT%H:%M:%S.%6f+00:00")
}

fn format(time: Duration, pattern: &str) -> String {
    let timestamp = i64::try_from(time.as_secs())
        .ok()
        .and_then(|seconds| {
            Timestamp::new(seconds, i32::try_from(time.subsec_nanos()).unwrap_or(0)).ok()
        })
        .unwrap_or(Timestamp::UNIX_EPOCH);
    timestamp.strftime(pattern).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advancing_moves_the_time_without_waiting() {
        let clock = Clock::new();
        let before = clock.now();
        clock.advance(Duration::from_secs(3600));
        assert!(clock.now() >= before + Duration::from_secs(3600));
    }

    #[test]
    fn timestamps_have_microseconds_and_an_offset() {
        assert_eq!(
            format_micros(Duration::new(1_700_000_000, 5_000)),
            "2023-11-14T22:13:20.000005+00:00"
        );
    }
}
