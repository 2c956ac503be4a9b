//! A bound on requests without a token: so many a second from one client.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Requests that one client may make at once.
const BURST: f64 = 100.0;

/// Requests a second that one client may make on and on.
const PER_SECOND: f64 = 50.0;

/// Clients that are kept track of; beyond, those that rested longest are forgotten.
const CLIENTS: usize = 4096;

/// The bound for each client.
#[derive(Default)]
pub(super) struct RateLimit {
    clients: Mutex<HashMap<IpAddr, Bucket>>,
}

struct Bucket {
    left: f64,
    at: Instant,
}

impl RateLimit {
    /// Takes one request of this client into account. `Err` says how long to wait.
    pub(super) fn take(&self, client: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= CLIENTS && !clients.contains_key(&client) {
            make_room(&mut clients, now);
        }
        let bucket = clients.entry(client).or_insert(Bucket {
            left: BURST,
            at: now,
        });
        let refilled = now.saturating_duration_since(bucket.at).as_secs_f64() * PER_SECOND;
        bucket.left = (bucket.left + refilled).min(BURST);
        bucket.at = now;
        if bucket.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.left) / PER_SECOND));
        }
        bucket.left -= 1.0;
        Ok(())
    }
}

/// Forgets clients whose buckets are full again, or the one that rested longest.
fn make_room(clients: &mut HashMap<IpAddr, Bucket>, now: Instant) {
    let refill = Duration::from_secs_f64(BURST / PER_SECOND);
    clients.retain(|_, bucket| now.saturating_duration_since(bucket.at) < refill);
    if clients.len() < CLIENTS {
        return;
    }
    let oldest = clients.iter().min_by_key(|(_, bucket)| bucket.at);
    if let Some(client) = oldest.map(|(client, _)| *client) {
        clients.remove(&client);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn a_burst_passes_and_then_so_many_a_second() {
        let limit = RateLimit::default();
        let begin = Instant::now();
        let passed = (0..1000).filter(|_| limit.take(client(1), begin).is_ok());
        assert_eq!(passed.count(), 100);
        assert!(limit.take(client(2), begin).is_ok(), "another client waits");
        let later = begin + Duration::from_secs(1);
        let passed = (0..1000).filter(|_| limit.take(client(1), later).is_ok());
        assert_eq!(passed.count(), 50);
        let wait = limit.take(client(1), later).unwrap_err();
        assert!(wait <= Duration::from_millis(20));
    }

    #[test]
    fn many_clients_take_bounded_memory() {
        let limit = RateLimit::default();
        let now = Instant::now();
        for number in 0..20_000 {
            assert!(limit.take(client(number), now).is_ok());
        }
        assert!(limit.clients.lock().unwrap().len() <= CLIENTS);
    }
}
