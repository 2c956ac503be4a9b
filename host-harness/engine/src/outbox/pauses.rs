//! When a message that failed is sent again, and when not at all. Pure.

use crate::store::LONGEST_MESSAGE_PAUSE;
use std::time::Duration;
use vcs_provider_interface::error::{ErrorKind, VcsError};

/// The pauses after failures that pass by themselves; the last one is repeated.
const PAUSES: [Duration; 8] = [
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(15 * 60),
    Duration::from_secs(60 * 60),
    Duration::from_secs(4 * 60 * 60),
];

/// The pauses after failures that somebody has to put right.
const LONG_PAUSES: [Duration; 4] = [
    Duration::from_secs(60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(60 * 60),
    Duration::from_secs(4 * 60 * 60),
];

/// How long a message is tried for.
const END: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How often something is asked for again that is not there: it may be too new
/// for the service to show it.
const NOT_FOUND_TRIES: u32 = 2;

/// How long to wait before the next try; `None` ends it. `attempts` counts the
/// failures before this one, `age` is the time since the message was queued.
#[must_use]
pub fn pause_after(error: &VcsError, attempts: u32, age: Duration) -> Option<Duration> {
    let pauses: &[Duration] = match error.kind {
        ErrorKind::NOT_FOUND if attempts < NOT_FOUND_TRIES => &LONG_PAUSES,
        ErrorKind::NOT_FOUND
        | ErrorKind::INVALID_INPUT
        | ErrorKind::ALREADY_EXISTS
        | ErrorKind::CONFLICT
        | ErrorKind::UNSUPPORTED
        | ErrorKind::ENDPOINT_REMOVED => return None,
        ErrorKind::UNAUTHENTICATED | ErrorKind::PERMISSION_DENIED | ErrorKind::CONFIG => {
            &LONG_PAUSES
        }
        _ => &PAUSES,
    };
    if age >= END {
        return None;
    }
    let step = usize::try_from(attempts).unwrap_or(usize::MAX);
    let pause = pauses.get(step).or(pauses.last()).copied()?;
    let asked = error.retry_after().unwrap_or(Duration::ZERO);
    Some(pause.max(asked).min(LONGEST_MESSAGE_PAUSE))
}

/// Whether the service may have taken a message although sending it failed.
#[must_use]
pub fn is_uncertain(error: &VcsError) -> bool {
    matches!(
        error.kind,
        ErrorKind::TIMEOUT | ErrorKind::UNAVAILABLE | ErrorKind::CANCELLED | ErrorKind::INTERNAL
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(kind: ErrorKind, attempts: u32) -> Option<Duration> {
        pause_after(&VcsError::new(kind, "no"), attempts, Duration::ZERO)
    }

    #[test]
    fn pauses_grow_up_to_hours() {
        let first = pause(ErrorKind::UNAVAILABLE, 0).unwrap();
        assert!(first <= Duration::from_secs(5));
        for attempts in 0..20 {
            let this = pause(ErrorKind::UNAVAILABLE, attempts).unwrap();
            let next = pause(ErrorKind::UNAVAILABLE, attempts + 1).unwrap();
            assert!(next >= this && next <= LONGEST_MESSAGE_PAUSE);
        }
        assert!(pause(ErrorKind::UNAVAILABLE, 20).unwrap() >= Duration::from_secs(3600));
    }

    #[test]
    fn the_service_s_wish_is_kept_within_a_bound() {
        for (asked, expected) in [(3600, 3600), (1_000_000, 6 * 3600)] {
            let error = VcsError::new(ErrorKind::RATE_LIMITED, "slowly")
                .with_retry_after(Duration::from_secs(asked));
            let pause = pause_after(&error, 0, Duration::ZERO);
            assert_eq!(pause, Some(Duration::from_secs(expected)));
        }
    }

    #[test]
    fn what_is_rejected_for_good_ends_and_so_does_what_nobody_puts_right() {
        assert_eq!(pause(ErrorKind::INVALID_INPUT, 0), None);
        assert!(pause(ErrorKind::NOT_FOUND, 0).is_some());
        assert_eq!(pause(ErrorKind::NOT_FOUND, 2), None);
        let denied = VcsError::new(ErrorKind::PERMISSION_DENIED, "no scope");
        assert!(pause_after(&denied, 30, END - Duration::from_secs(1)).is_some());
        assert_eq!(pause_after(&denied, 30, END), None);
    }
}
