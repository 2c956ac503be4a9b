//! Retry as data: what is tried again, how often, how long at most, and why
//! that is safe. Nothing outside this table repeats a request, but for the
//! single repeat after a renewed credential.

use std::time::Duration;

/// Why a request did not succeed, as far as it matters for another try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RetryClass {
    /// HTTP 429: rejected before any work was done.
    RateLimited,
    /// No connection: the service never saw the request.
    NotSent,
    /// The connection broke or went silent; the service may have worked on it.
    ConnectionLost,
    /// HTTP 500, 502, 503, 504 or 555: the service may have worked on it.
    ServerFailed,
    /// Anything else: another try would end in the same way.
    Final,
}

/// Whether a request may be sent again when it is not known if the service
/// has worked on the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Idempotency {
    /// Reading, replacing, deleting, and creations that are an upsert.
    Idempotent,
    /// A second one could make a second thing, so whoever wants to try again
    /// looks first.
    NotIdempotent,
}

/// One line of the table.
pub(crate) struct Rule {
    pub(crate) class: RetryClass,
    /// Tries in all, the first included.
    pub(crate) tries: u32,
    /// The longest pause before a try.
    pub(crate) longest_pause: Duration,
    /// Whether the service surely did nothing, so that even a creation may be
    /// repeated.
    pub(crate) surely_not_done: bool,
}

/// The table. Pauses double from the configured first one, are spread evenly
/// over zero to their length (full jitter), give way to a longer `Retry-After`,
/// and always end at the call's deadline. For `RateLimited` the pause is the
/// rate gate's, which is shared by all calls of the credential.
pub(crate) const RULES: &[Rule] = &[
    Rule {
        class: RetryClass::RateLimited,
        tries: 8,
        longest_pause: Duration::from_secs(60),
        surely_not_done: true,
    },
    Rule {
        class: RetryClass::NotSent,
        tries: 4,
        longest_pause: Duration::from_secs(5),
        surely_not_done: true,
    },
    Rule {
        class: RetryClass::ConnectionLost,
        tries: 4,
        longest_pause: Duration::from_secs(5),
        surely_not_done: false,
    },
    // As long as the deadline and `maxWaitSeconds` allow: with the usual first
    // pause these are some two minutes.
    Rule {
        class: RetryClass::ServerFailed,
        tries: 24,
        longest_pause: Duration::from_secs(10),
        surely_not_done: false,
    },
];

/// No pause is longer than so many times the first one, so that whoever makes
/// the first one short gets short ones.
const LONGEST_IN_FIRST: u32 = 20;

/// The class that an HTTP status stands for.
pub(crate) fn class_of_status(status: u16) -> RetryClass {
    match status {
        429 => RetryClass::RateLimited,
        500 | 502 | 503 | 504 | 555 => RetryClass::ServerFailed,
        _ => RetryClass::Final,
    }
}

/// The pause before the next try, or `None` if there is to be none.
///
/// `tried` counts the tries so far, `first_pause` is the configured length of
/// the first pause, `asked` is the service's `Retry-After`, and `random` is
/// between zero and one.
pub(crate) fn next_pause(
    class: RetryClass,
    idempotency: Idempotency,
    tried: u32,
    first_pause: Duration,
    asked: Option<Duration>,
    random: f64,
) -> Option<Duration> {
    let rule = RULES.iter().find(|rule| rule.class == class)?;
    if tried >= rule.tries || (idempotency == Idempotency::NotIdempotent && !rule.surely_not_done) {
        return None;
    }
    if class == RetryClass::RateLimited {
        return Some(Duration::ZERO);
    }
    let longest = rule
        .longest_pause
        .min(first_pause.saturating_mul(LONGEST_IN_FIRST));
    let pause = backoff(first_pause, longest, tried, random);
    Some(asked.map_or(pause, |asked| pause.max(asked)))
}

/// A pause of an exponential back-off with full jitter; `step` begins at one.
pub(crate) fn backoff(first: Duration, longest: Duration, step: u32, random: f64) -> Duration {
    let doubled = first.saturating_mul(2u32.saturating_pow(step.saturating_sub(1)));
    doubled.min(longest).mul_f64(random.clamp(0.0, 1.0))
}

/// An even random number between zero and one. Without randomness from the
/// system it is one: the longest pause, never none.
pub(crate) fn random() -> f64 {
    getrandom::u32().map_or(1.0, |number| f64::from(number) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(100);

    fn pause(class: RetryClass, idempotency: Idempotency, tried: u32) -> Option<Duration> {
        next_pause(class, idempotency, tried, FIRST, None, 1.0)
    }

    #[test]
    fn a_creation_is_repeated_only_where_the_service_surely_did_nothing() {
        for class in [RetryClass::ConnectionLost, RetryClass::ServerFailed] {
            assert_eq!(pause(class, Idempotency::NotIdempotent, 1), None);
            assert!(pause(class, Idempotency::Idempotent, 1).is_some());
        }
        for class in [RetryClass::RateLimited, RetryClass::NotSent] {
            assert!(pause(class, Idempotency::NotIdempotent, 1).is_some());
        }
    }

    #[test]
    fn tries_end() {
        for rule in RULES {
            assert!(pause(rule.class, Idempotency::Idempotent, rule.tries - 1).is_some());
            assert_eq!(pause(rule.class, Idempotency::Idempotent, rule.tries), None);
        }
        assert_eq!(pause(RetryClass::Final, Idempotency::Idempotent, 1), None);
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_are_spread() {
        assert_eq!(backoff(FIRST, Duration::from_secs(1), 1, 1.0), FIRST);
        assert_eq!(backoff(FIRST, Duration::from_secs(1), 3, 1.0), FIRST * 4);
        assert_eq!(
            backoff(FIRST, Duration::from_secs(1), 40, 1.0),
            Duration::from_secs(1)
        );
        assert_eq!(backoff(FIRST, Duration::from_secs(1), 3, 0.5), FIRST * 2);
    }

    #[test]
    fn a_longer_wish_of_the_service_counts() {
        let asked = Some(Duration::from_secs(7));
        assert_eq!(
            next_pause(
                RetryClass::ServerFailed,
                Idempotency::Idempotent,
                1,
                FIRST,
                asked,
                1.0
            ),
            asked
        );
    }
}
