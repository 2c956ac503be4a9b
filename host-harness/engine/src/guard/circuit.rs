//! A circuit breaker for each server: one that does not answer is rested, so that
//! nobody waits for it again and again.
//!
//! Silence counts and not failure: a server that answers with an error is there.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use vcs_provider_interface::error::{ErrorKind, Result, VcsError};

/// Points at which a server is rested. A call that ran into its deadline has cost its
/// caller a long time, and counts double.
const REST_AT: u32 = 4;
const POINTS_TIMEOUT: u32 = 2;
const POINTS_UNREACHABLE: u32 = 1;

/// The first rest; each further one is twice as long.
const FIRST_REST: Duration = Duration::from_secs(5);

/// The longest rest.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// The breakers of all servers.
#[derive(Default)]
pub struct Circuits {
    servers: Mutex<HashMap<String, Circuit>>,
}

#[derive(Clone, Debug)]
struct Circuit {
    points: u32,
    rest: Duration,
    state: State,
    last_success: Option<Instant>,
    last_failure: Option<(Instant, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Calls go through.
    Closed,
    /// Calls are rejected until then.
    Resting { until: Instant },
    /// One call is on its way to find out; the others are rejected until it ends, or
    /// until then.
    Probing { until: Instant },
}

/// How a server is, for readiness.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct CircuitStatus {
    /// Whether calls to it are put off.
    pub resting: bool,
    /// For how long they are, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rests_for_ms: Option<u64>,
    /// How long ago it answered last, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_success_ms_ago: Option<u64>,
    /// How long ago a call failed for its silence, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure_ms_ago: Option<u64>,
    /// What was said of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
}

impl Circuits {
    /// Asks whether a call may be made now.
    ///
    /// # Errors
    /// `Unavailable`, with the time to wait, while the server is rested.
    pub fn admit(&self, server: &str, now: Instant, call_limit: Duration) -> Result<()> {
        let mut servers = self.servers();
        let Some(circuit) = servers.get_mut(server) else {
            return Ok(());
        };
        let until = match circuit.state {
            State::Closed => return Ok(()),
            State::Resting { until } | State::Probing { until } => until,
        };
        if now >= until {
            circuit.state = State::Probing {
                until: now + call_limit,
            };
            return Ok(());
        }
        let wait = until.saturating_duration_since(now).min(circuit.rest);
        let mut error = VcsError::new(
            ErrorKind::UNAVAILABLE,
            format!("the server {server} did not answer and is rested; the call was not made"),
        );
        error.retryable = true;
        error.retry_after_ms = Some(milliseconds(wait).max(1));
        Err(error)
    }

    /// Takes note of how a call ended.
    pub fn note<T>(&self, server: &str, result: &Result<T>, now: Instant) {
        let points = match result {
            Err(error) => points_of(error),
            Ok(_) => Some(0),
        };
        let Some(points) = points else {
            // It says nothing about the server. A probe that ended so is made anew.
            let mut servers = self.servers();
            if let Some(circuit) = servers.get_mut(server) {
                if matches!(circuit.state, State::Probing { .. }) {
                    circuit.state = State::Resting { until: now };
                }
            }
            return;
        };
        let mut servers = self.servers();
        let circuit = servers
            .entry(server.to_owned())
            .or_insert_with(Circuit::closed);
        match (points, result) {
            (0, _) => {
                if circuit.state != State::Closed {
                    tracing::info!(server, "the server answers again");
                }
                *circuit = Circuit {
                    last_success: Some(now),
                    last_failure: circuit.last_failure.take(),
                    ..Circuit::closed()
                };
            }
            (points, result) => circuit.fail(server, points, result.as_ref().err(), now),
        }
    }

    /// How the servers are that were called.
    #[must_use]
    pub fn status(&self, now: Instant) -> HashMap<String, CircuitStatus> {
        let ago = |time: Instant| milliseconds(now.saturating_duration_since(time));
        self.servers()
            .iter()
            .map(|(server, circuit)| {
                let rest = match circuit.state {
                    State::Closed => None,
                    State::Resting { until } | State::Probing { until } => {
                        Some(milliseconds(until.saturating_duration_since(now)))
                    }
                };
                let failure = circuit.last_failure.as_ref();
                let status = CircuitStatus {
                    resting: rest.is_some(),
                    rests_for_ms: rest,
                    last_success_ms_ago: circuit.last_success.map(ago),
                    last_failure_ms_ago: failure.map(|(at, _)| ago(*at)),
                    last_failure: failure.map(|(_, words)| words.clone()),
                };
                (server.clone(), status)
            })
            .collect()
    }

    fn servers(&self) -> MutexGuard<'_, HashMap<String, Circuit>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Circuit {
    fn closed() -> Self {
        Self {
            points: 0,
            rest: FIRST_REST,
            state: State::Closed,
            last_success: None,
            last_failure: None,
        }
    }

    fn fail(&mut self, server: &str, points: u32, error: Option<&VcsError>, now: Instant) {
        let words = error.map_or_else(String::new, ToString::to_string);
        self.last_failure = Some((now, words));
        self.points = self.points.saturating_add(points);
        let rest = match self.state {
            State::Closed if self.points < REST_AT => return,
            State::Closed => FIRST_REST,
            // A call that was under way when the rest began.
            State::Resting { .. } => return,
            State::Probing { .. } => (self.rest * 2).min(LONGEST_REST),
        };
        self.rest = rest;
        self.state = State::Resting { until: now + rest };
        tracing::warn!(
            server,
            seconds = rest.as_secs(),
            "the server does not answer and is rested"
        );
    }
}

/// What an error says about the server: nothing, that it is there (0), or how silent
/// it is.
fn points_of(error: &VcsError) -> Option<u32> {
    if error.http_status.is_some() {
        return Some(0);
    }
    match error.kind {
        ErrorKind::TIMEOUT => Some(POINTS_TIMEOUT),
        ErrorKind::UNAVAILABLE => Some(POINTS_UNREACHABLE),
        _ => None,
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    fn failed(kind: ErrorKind, status: Option<u16>) -> Result<()> {
        let mut error = VcsError::new(kind, "no answer");
        error.http_status = status;
        Err(error)
    }

    fn silent(circuits: &Circuits, now: Instant) {
        for _ in 0..2 {
            circuits.admit("bb", now, LIMIT).unwrap();
            circuits.note("bb", &failed(ErrorKind::TIMEOUT, None), now);
        }
    }

    #[test]
    fn a_silent_server_is_rested_and_others_are_not() {
        let circuits = Circuits::default();
        let now = Instant::now();
        silent(&circuits, now);
        let error = circuits.admit("bb", now, LIMIT).unwrap_err();
        assert_eq!(error.kind, ErrorKind::UNAVAILABLE);
        assert!(error.retryable && error.retry_after_ms == Some(5000));
        assert!(circuits.admit("other", now, LIMIT).is_ok());
        assert!(circuits.status(now)["bb"].resting);
    }

    #[test]
    fn after_the_rest_one_call_finds_out_and_the_others_wait_for_it() {
        let circuits = Circuits::default();
        let now = Instant::now();
        silent(&circuits, now);
        let later = now + FIRST_REST;
        assert!(circuits.admit("bb", later, LIMIT).is_ok());
        assert!(circuits.admit("bb", later, LIMIT).is_err());
        circuits.note("bb", &failed(ErrorKind::TIMEOUT, None), later);
        assert!(circuits.admit("bb", later + FIRST_REST, LIMIT).is_err());
        let again = later + 2 * FIRST_REST;
        assert!(circuits.admit("bb", again, LIMIT).is_ok());
        circuits.note("bb", &Ok(()), again);
        assert!(circuits.admit("bb", again, LIMIT).is_ok());
        assert!(!circuits.status(again)["bb"].resting);
    }

    #[test]
    fn a_server_that_answers_with_errors_is_there() {
        let circuits = Circuits::default();
        let now = Instant::now();
        for _ in 0..100 {
            circuits.note("bb", &failed(ErrorKind::UNAVAILABLE, Some(503)), now);
            circuits.note("bb", &failed(ErrorKind::NOT_FOUND, Some(404)), now);
            circuits.note("bb", &failed(ErrorKind::CANCELLED, None), now);
        }
        assert!(circuits.admit("bb", now, LIMIT).is_ok());
    }

    #[test]
    fn a_probe_that_says_nothing_is_made_anew() {
        let circuits = Circuits::default();
        let now = Instant::now();
        silent(&circuits, now);
        let later = now + FIRST_REST;
        assert!(circuits.admit("bb", later, LIMIT).is_ok());
        circuits.note("bb", &failed(ErrorKind::CANCELLED, None), later);
        assert!(circuits.admit("bb", later, LIMIT).is_ok());
    }
}
