//! The rate gate: one per credential, shared by all its calls.
//!
//! It is fed by every response and closes on HTTP 429. While it is closed no
//! call of the credential sends anything, so that a rejected client does not
//! make it worse.

use super::response::ResponseHead;
use super::retry::{RULES, RetryClass, backoff, random};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use ureq::http::HeaderMap;
use vcs_provider_interface::prelude::*;

/// The longest that a service's wish to wait is believed: its windows are an hour.
const LONGEST_WISH: Duration = Duration::from_secs(3600);

/// The state of what Bitbucket still lets through for one credential.
#[derive(Default)]
pub(crate) struct RateGate {
    state: Mutex<State>,
    requests_sent: AtomicU64,
}

#[derive(Default)]
struct State {
    closed_until: Option<Instant>,
    /// Rejections in a row, which make the back-off longer.
    rejections: u32,
    limit: Option<u64>,
    resource: Option<String>,
    near_limit: bool,
    reset_at: Option<Instant>,
}

impl RateGate {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long calls are held back from now on; `None` if the gate is open.
    pub(crate) fn throttled_for(&self, now: Instant) -> Option<Duration> {
        self.state()
            .closed_until
            .and_then(|until| until.checked_duration_since(now))
            .filter(|left| !left.is_zero())
    }

    /// Counts a request.
    pub(crate) fn count_request(&self) {
        self.requests_sent.fetch_add(1, Ordering::Relaxed);
    }

    /// Learns from a response. A rejection closes the gate for as long as the
    /// service asks, or for a doubling back-off that begins at `first_pause`.
    pub(crate) fn observe(
        &self,
        now: Instant,
        status: u16,
        head: &ResponseHead,
        first_pause: Duration,
    ) {
        let headers = &head.headers;
        let reset = header(headers, "x-ratelimit-reset")
            .and_then(first_number)
            .map(|seconds| Duration::from_secs(seconds).min(LONGEST_WISH));
        let mut state = self.state();
        if let Some(limit) = header(headers, "x-ratelimit-limit").and_then(first_number) {
            state.limit = Some(limit);
        }
        if let Some(resource) = header(headers, "x-ratelimit-resource") {
            state.resource = Some(head.secrets.clean(resource).chars().take(100).collect());
        }
        if let Some(near) = header(headers, "x-ratelimit-nearlimit") {
            state.near_limit = near.trim().eq_ignore_ascii_case("true");
        }
        if let Some(reset) = reset {
            state.reset_at = now.checked_add(reset);
        }
        if status == 429 {
            state.rejections = state.rejections.saturating_add(1);
            let pause = retry_after(headers, SystemTime::now())
                .or(reset)
                .unwrap_or_else(|| own_pause(first_pause, state.rejections));
            let until = now.checked_add(pause);
            state.closed_until = state.closed_until.max(until);
        } else if status < 500 {
            state.rejections = 0;
        }
    }

    /// What an administrator is told.
    pub(crate) fn report(&self, now: Instant) -> RateLimit {
        let throttled = self.throttled_for(now).unwrap_or_default();
        let state = self.state();
        RateLimit {
            limit: state.limit,
            resource: state.resource.clone(),
            near_limit: state.near_limit,
            reset_ms: state
                .reset_at
                .and_then(|at| at.checked_duration_since(now))
                .map(milliseconds),
            held_back_ms: milliseconds(throttled),
            requests_sent: self.requests_sent.load(Ordering::Relaxed),
            ..Default::default()
        }
    }
}

fn own_pause(first_pause: Duration, rejections: u32) -> Duration {
    let longest = RULES
        .iter()
        .find(|rule| rule.class == RetryClass::RateLimited)
        .map_or(Duration::from_secs(60), |rule| rule.longest_pause);
    // Half of the pause is certain: a gate that jitter opens at once would
    // let the very next call be rejected again.
    backoff(first_pause, longest, rejections, 0.5 + random() / 2.0)
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The first number of a header such as `60, 60;w=3600`.
fn first_number(text: &str) -> Option<u64> {
    let text = text.trim_start();
    let end = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

/// The time that `Retry-After` asks for, in seconds or as a date.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = header(headers, "retry-after")?.trim();
    let wish = match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok()?,
        Err(_) => httpdate::parse_http_date(text)
            .ok()?
            .duration_since(now)
            .unwrap_or_default(),
    };
    Some(wish.min(LONGEST_WISH))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::redact::Secrets;
    use ureq::http::{HeaderName, HeaderValue, Method, Uri};

    const FIRST: Duration = Duration::from_millis(500);

    fn head(pairs: &[(&'static str, &'static str)]) -> ResponseHead {
        ResponseHead {
            method: Method::GET,
            uri: Uri::from_static("https://api.bitbucket.org/"),
            status: 200,
            headers: headers(pairs),
            secrets: Secrets::default(),
        }
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn a_rejection_closes_the_gate_for_as_long_as_the_service_asks() {
        let gate = RateGate::default();
        let now = Instant::now();
        gate.observe(now, 429, &head(&[("retry-after", "30")]), FIRST);
        assert_eq!(gate.throttled_for(now), Some(Duration::from_secs(30)));
        assert_eq!(gate.throttled_for(now + Duration::from_secs(30)), None);
    }

    #[test]
    fn rejections_without_a_wish_back_off_longer_each_time_until_a_response_comes() {
        let gate = RateGate::default();
        let now = Instant::now();
        gate.observe(now, 429, &head(&[]), FIRST);
        let first = gate.throttled_for(now).expect("the gate is closed");
        assert!(first >= FIRST / 2 && first <= FIRST, "{first:?}");
        gate.observe(now, 429, &head(&[]), FIRST);
        gate.observe(now, 429, &head(&[]), FIRST);
        assert!(gate.throttled_for(now).expect("the gate is closed") >= FIRST * 2);

        let later = now + Duration::from_secs(100);
        gate.observe(later, 200, &head(&[]), FIRST);
        gate.observe(later, 429, &head(&[]), FIRST);
        assert!(gate.throttled_for(later).expect("the gate is closed") <= FIRST);
    }

    #[test]
    fn a_response_of_a_call_that_was_under_way_does_not_open_the_gate() {
        let gate = RateGate::default();
        let now = Instant::now();
        gate.observe(now, 429, &head(&[("retry-after", "30")]), FIRST);
        gate.observe(now, 200, &head(&[]), FIRST);
        assert_eq!(gate.throttled_for(now), Some(Duration::from_secs(30)));
    }

    #[test]
    fn rate_headers_are_read_in_every_shape() {
        let gate = RateGate::default();
        let now = Instant::now();
        let odd = head(&[
            ("x-ratelimit-limit", "60, 60;w=3600"),
            ("x-ratelimit-resource", "api"),
            ("x-ratelimit-nearlimit", "True"),
            ("x-ratelimit-reset", "12"),
        ]);
        gate.observe(now, 200, &odd, FIRST);
        gate.count_request();
        let report = gate.report(now);
        assert_eq!(report.limit, Some(60));
        assert_eq!(report.resource.as_deref(), Some("api"));
        assert!(report.near_limit);
        assert_eq!(report.reset_ms, Some(12_000));
        assert_eq!((report.held_back_ms, report.requests_sent), (0, 1));

        gate.observe(now, 200, &head(&[("x-ratelimit-limit", "many")]), FIRST);
        assert_eq!(gate.report(now).limit, Some(60));
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 2022 08:49:37 GMT").expect("a date");
        let wish = |value| retry_after(&headers(&[("retry-after", value)]), now);
        assert_eq!(wish("120"), Some(Duration::from_secs(120)));
        assert_eq!(
            wish("Sun, 06 Nov 2022 08:49:47 GMT"),
            Some(Duration::from_secs(10))
        );
        assert_eq!(wish("Sun, 06 Nov 2022 08:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wish("999999999999"), Some(LONGEST_WISH));
        assert_eq!(wish("-5"), None);
        assert_eq!(wish("soon"), None);
    }
}
