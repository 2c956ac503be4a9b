//! Delivering events to hooks: headers, signature, time-out, retries, and the
//! log that tests read.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::model::records::Hook;
use crate::sync::lock;

/// Bodies larger than this are never sent, and nobody is told.
pub(crate) const LARGEST_BODY: usize = 256 * 1024;

/// How long a delivery waits for the first try of one before it.
const LONGEST_TURN: Duration = Duration::from_secs(1);

/// How often a delivery is tried in all.
const MOST_ATTEMPTS: u32 = 3;

/// How deliveries wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryPolicy {
    /// How long a receiver may take to respond; Bitbucket Cloud waits 10 s.
    pub time_out: Duration,
    /// The pause before another try after a 5xx or a time-out.
    pub retry_delay: Duration,
}

impl Default for DeliveryPolicy {
    fn default() -> Self {
        Self {
            time_out: Duration::from_secs(10),
            retry_delay: Duration::ZERO,
        }
    }
}

/// How one try to deliver ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The receiver responded with this status.
    Responded(u16),
    /// The receiver did not respond in time.
    TimedOut,
    /// The receiver could not be reached.
    Failed(String),
    /// The body was larger than 256 KB, so nothing was sent.
    TooLarge,
}

impl DeliveryOutcome {
    fn asks_for_another_try(&self) -> bool {
        matches!(self, Self::TimedOut | Self::Responded(500..=599))
    }
}

/// One try to deliver one event to one hook.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The event key, such as `repo:push`.
    pub event: String,
    /// The hook's uuid with braces.
    pub hook_uuid: String,
    /// Where it went.
    pub url: String,
    /// The same for every try of one delivery.
    pub request_uuid: String,
    /// 1 for the first try.
    pub attempt: u32,
    /// All headers that were sent besides those of HTTP itself.
    pub headers: Vec<(String, String)>,
    /// The raw body.
    pub body: Vec<u8>,
    /// How it ended.
    pub outcome: DeliveryOutcome,
}

/// The log of deliveries and those still under way.
pub(crate) struct Deliveries {
    policy: DeliveryPolicy,
    log: Mutex<Log>,
    changed: Condvar,
}

#[derive(Default)]
struct Log {
    finished: Vec<Delivery>,
    under_way: usize,
    tickets: u64,
    /// Deliveries whose first try is not over, with their hooks.
    first_tries: Vec<(u64, String)>,
    stopped: bool,
}

impl Deliveries {
    pub(crate) fn new(policy: DeliveryPolicy) -> Arc<Self> {
        Arc::new(Self {
            policy,
            log: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// Every try so far.
    pub(crate) fn log(&self) -> Vec<Delivery> {
        lock(&self.log).finished.clone()
    }

    /// Waits until nothing is under way. False when that took too long.
    pub(crate) fn wait_until_idle(&self, longest: Duration) -> bool {
        self.wait(longest, |log| log.under_way == 0)
    }

    /// Waits until there were so many tries. False when that took too long.
    pub(crate) fn wait_for(&self, count: usize, longest: Duration) -> bool {
        self.wait(longest, |log| log.finished.len() >= count)
    }

    fn wait(&self, longest: Duration, done: impl Fn(&Log) -> bool) -> bool {
        let end = Instant::now() + longest;
        let mut log = lock(&self.log);
        while !done(&log) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            log = self
                .changed
                .wait_timeout(log, left)
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .0;
        }
        true
    }

    /// Ends retrying: the mock is going away.
    pub(crate) fn stop(&self) {
        lock(&self.log).stopped = true;
    }

    /// Sends in the background, with retries. What goes to one hook is begun in the
    /// order it was started in, but waits for a slow receiver only for a moment.
    pub(crate) fn start(self: &Arc<Self>, outgoing: OutgoingDelivery) {
        let ticket = {
            let mut log = lock(&self.log);
            log.under_way += 1;
            let ticket = log.tickets;
            log.tickets += 1;
            log.first_tries.push((ticket, outgoing.hook_uuid.clone()));
            ticket
        };
        let deliveries = Arc::clone(self);
        std::thread::spawn(move || {
            deliveries.wait(LONGEST_TURN, |log| {
                !log.first_tries
                    .iter()
                    .any(|(other, hook)| *other < ticket && *hook == outgoing.hook_uuid)
            });
            deliveries.try_all(&outgoing, ticket);
            lock(&deliveries.log).under_way -= 1;
            deliveries.changed.notify_all();
        });
    }

    fn try_all(&self, outgoing: &OutgoingDelivery, ticket: u64) {
        for attempt in 1..=MOST_ATTEMPTS {
            if attempt > 1 {
                std::thread::sleep(self.policy.retry_delay);
            }
            if lock(&self.log).stopped {
                return;
            }
            let headers = outgoing.headers(attempt);
            let outcome = if outgoing.body.len() > LARGEST_BODY {
                DeliveryOutcome::TooLarge
            } else {
                self.send(outgoing, &headers)
            };
            let again = outcome.asks_for_another_try();
            let mut log = lock(&self.log);
            log.first_tries.retain(|(other, _)| *other != ticket);
            log.finished.push(Delivery {
                event: outgoing.event.clone(),
                hook_uuid: outgoing.hook_uuid.clone(),
                url: outgoing.url.clone(),
                request_uuid: outgoing.request_uuid.clone(),
                attempt,
                headers,
                body: outgoing.body.clone(),
                outcome,
            });
            drop(log);
            self.changed.notify_all();
            if !again {
                return;
            }
        }
    }

    fn send(&self, outgoing: &OutgoingDelivery, headers: &[(String, String)]) -> DeliveryOutcome {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(self.policy.time_out))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .build()
            .into();
        let mut request = agent.post(&outgoing.url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        match request.send(outgoing.body.as_slice()) {
            Ok(response) => DeliveryOutcome::Responded(response.status().as_u16()),
            Err(ureq::Error::Timeout(_)) => DeliveryOutcome::TimedOut,
            Err(other) => DeliveryOutcome::Failed(other.to_string()),
        }
    }
}

/// What is sent to one hook.
pub(crate) struct OutgoingDelivery {
    event: String,
    hook_uuid: String,
    url: String,
    request_uuid: String,
    signature: Option<String>,
    body: Vec<u8>,
}

impl OutgoingDelivery {
    /// What a hook gets of an event.
    pub(crate) fn new(hook: &Hook, event: &str, request_uuid: String, body: Vec<u8>) -> Self {
        Self {
            event: event.to_owned(),
            hook_uuid: hook.uuid.clone(),
            url: hook.url.clone(),
            request_uuid,
            signature: hook
                .secret
                .as_ref()
                .and_then(|secret| sign(secret.expose(), &body)),
            body,
        }
    }

    /// The same delivery once more, as a service that lost the response would send it.
    pub(crate) fn again(delivery: &Delivery) -> Self {
        Self {
            event: delivery.event.clone(),
            hook_uuid: delivery.hook_uuid.clone(),
            url: delivery.url.clone(),
            request_uuid: delivery.request_uuid.clone(),
            signature: delivery
                .headers
                .iter()
                .find(|(name, _)| name == "X-Hub-Signature")
                .map(|(_, value)| value.clone()),
            body: delivery.body.clone(),
        }
    }

    fn headers(&self, attempt: u32) -> Vec<(String, String)> {
        let mut headers = vec![
            ("Content-Type", "application/json; charset=UTF-8".to_owned()),
            ("User-Agent", "Bitbucket-Webhooks/2.0".to_owned()),
            ("X-Event-Key", self.event.clone()),
            (
                "X-Hook-UUID",
                self.hook_uuid.trim_matches(['{', '}']).to_owned(),
            ),
            ("X-Request-UUID", self.request_uuid.clone()),
            ("X-Attempt-Number", attempt.to_string()),
        ];
        if let Some(signature) = &self.signature {
            headers.push(("X-Hub-Signature", signature.clone()));
        }
        headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}

/// `sha256=` and the HMAC of the body in hex.
fn sign(secret: &str, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(body);
    Some(format!(
        "sha256={}",
        hex::encode(mac.finalize().into_bytes())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_hmac_sha256_in_hex() {
        // The second test case of RFC 4231.
        assert_eq!(
            sign("Jefe", b"what do ya want for nothing?").as_deref(),
            Some("sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        );
    }
}
