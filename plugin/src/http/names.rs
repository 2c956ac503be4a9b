//! Host names and their addresses: one look-up per host and minute.
//!
//! The HTTP client would look a name up for every request, before it looks for
//! an idle connection. Here a name is looked up when a connection is made, and
//! its addresses are used for [`FRESH`]. After that one caller looks it up
//! again, while all others go on with the old addresses, which are also used
//! while the name service does not respond. A look-up asks for both address
//! families at once and runs on the thread of its caller: a plugin must leave
//! no thread behind, and the system's resolver has time limits of its own.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long looked-up addresses are used without another look-up.
const FRESH: Duration = Duration::from_secs(45);

/// How long addresses are used while they cannot be looked up again.
const STALE: Duration = Duration::from_secs(15 * 60);

/// How long after a failed look-up the old addresses are used without another.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The most hosts that are kept: those of the configuration, and those that the
/// service redirects downloads to.
const MOST_HOSTS: usize = 64;

type Lookup = dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// Looks names up. One for each server, used from several threads at once.
pub(super) struct Names {
    lookup: Box<Lookup>,
    hosts: Mutex<HashMap<String, Host>>,
    /// Told after each look-up.
    done: Condvar,
}

/// What is known of a host.
#[derive(Default)]
struct Host {
    addresses: Vec<SocketAddr>,
    /// When the addresses were looked up.
    since: Option<Instant>,
    /// From when on they are to be looked up again.
    due: Option<Instant>,
    /// Whether somebody does that just now.
    in_progress: bool,
    /// Failed look-ups so far, so that whoever waits for one notices.
    failures: u64,
}

/// Why a name has no addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameError {
    /// The name service knows none.
    NotFound,
    /// Somebody else's look-up took longer than this caller may wait.
    TimedOut,
}

impl Names {
    /// Names as this machine knows them.
    pub(super) fn of_the_system() -> Self {
        Self::new(|name| name.to_socket_addrs().map(Iterator::collect))
    }

    pub(super) fn new(
        lookup: impl Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            lookup: Box::new(lookup),
            hosts: Mutex::default(),
            done: Condvar::new(),
        }
    }

    /// The addresses of `host:port`. `longest_wait` bounds the wait for
    /// somebody else's look-up of the same name.
    pub(super) fn addresses(
        &self,
        name: &str,
        longest_wait: Option<Duration>,
    ) -> Result<Vec<SocketAddr>, NameError> {
        if let Ok(address) = name.parse::<SocketAddr>() {
            return Ok(vec![address]);
        }
        let begun = Instant::now();
        let mut hosts = self.hosts();
        let failures = hosts.get(name).map_or(0, |host| host.failures);
        loop {
            make_room(&mut hosts);
            let host = hosts.entry(name.to_owned()).or_default();
            let now = Instant::now();
            let usable = host.usable(now);
            if usable && (host.in_progress || host.due.is_some_and(|due| now < due)) {
                return Ok(host.addresses.clone());
            }
            if host.failures > failures {
                return Err(NameError::NotFound);
            }
            if !host.in_progress {
                host.in_progress = true;
                break;
            }
            let left = longest_wait.map(|wait| wait.saturating_sub(begun.elapsed()));
            hosts = match left {
                Some(Duration::ZERO) => return Err(NameError::TimedOut),
                Some(left) => {
                    self.done
                        .wait_timeout(hosts, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
                None => self
                    .done
                    .wait(hosts)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
        drop(hosts);
        let found = (self.lookup)(name);
        let result = self.keep(name, found);
        self.done.notify_all();
        result
    }

    /// Told that no connection could be made to the addresses of `host:port`:
    /// the next one looks the name up again.
    pub(super) fn distrust(&self, name: &str) {
        if let Some(host) = self.hosts().get_mut(name) {
            host.due = None;
        }
    }

    fn keep(
        &self,
        name: &str,
        found: io::Result<Vec<SocketAddr>>,
    ) -> Result<Vec<SocketAddr>, NameError> {
        let now = Instant::now();
        let mut hosts = self.hosts();
        let host = hosts.entry(name.to_owned()).or_default();
        host.in_progress = false;
        match found {
            Ok(addresses) if !addresses.is_empty() => {
                host.since = Some(now);
                host.due = now.checked_add(FRESH);
                host.addresses.clone_from(&addresses);
                Ok(addresses)
            }
            _ => {
                host.failures += 1;
                if host.usable(now) {
                    host.due = now.checked_add(AFTER_FAILURE);
                    return Ok(host.addresses.clone());
                }
                Err(NameError::NotFound)
            }
        }
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<String, Host>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host {
    fn usable(&self, now: Instant) -> bool {
        self.since
            .is_some_and(|since| now.saturating_duration_since(since) < STALE)
    }
}

fn make_room(hosts: &mut HashMap<String, Host>) {
    if hosts.len() >= MOST_HOSTS {
        hosts.retain(|_, host| host.in_progress);
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Names")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::thread;

    const HOST: &str = "api.example:443";

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 443))
    }

    /// Names that count the look-ups and fail while they are told to.
    fn counted() -> (Names, Arc<AtomicUsize>, Arc<AtomicBool>) {
        let count = Arc::new(AtomicUsize::new(0));
        let fails = Arc::new(AtomicBool::new(false));
        let (counted, failing) = (Arc::clone(&count), Arc::clone(&fails));
        let names = Names::new(move |_| {
            let number = counted.fetch_add(1, Ordering::AcqRel);
            if failing.load(Ordering::Acquire) {
                return Err(io::ErrorKind::NotFound.into());
            }
            Ok(vec![address(u8::try_from(number).unwrap_or(255))])
        });
        (names, count, fails)
    }

    /// Makes the addresses as old as this.
    fn age(names: &Names, by: Duration) {
        let mut hosts = names.hosts();
        let host = hosts.get_mut(HOST).expect("the host is known");
        host.since = host.since.and_then(|since| since.checked_sub(by));
        host.due = host.due.and_then(|due| due.checked_sub(by));
    }

    /// Situation `look-ups`.
    #[test]
    fn a_name_is_looked_up_once_while_its_addresses_are_fresh() {
        let (names, count, _) = counted();
        for _ in 0..5 {
            assert_eq!(names.addresses(HOST, None), Ok(vec![address(0)]));
        }
        assert_eq!(count.load(Ordering::Acquire), 1);
        age(&names, FRESH);
        assert_eq!(names.addresses(HOST, None), Ok(vec![address(1)]));
        names.distrust(HOST);
        assert_eq!(names.addresses(HOST, None), Ok(vec![address(2)]));
    }

    #[test]
    fn an_address_needs_no_look_up() {
        let (names, count, _) = counted();
        let loopback = SocketAddr::from(([127, 0, 0, 1], 80));
        assert_eq!(names.addresses("127.0.0.1:80", None), Ok(vec![loopback]));
        assert!(names.addresses("[::1]:80", None).is_ok());
        assert_eq!(count.load(Ordering::Acquire), 0);
    }

    #[test]
    fn old_addresses_serve_while_the_name_service_fails_but_not_for_ever() {
        let (names, count, fails) = counted();
        assert!(names.addresses(HOST, None).is_ok());
        fails.store(true, Ordering::Release);
        age(&names, FRESH);
        for _ in 0..3 {
            assert_eq!(names.addresses(HOST, None), Ok(vec![address(0)]));
        }
        assert_eq!(count.load(Ordering::Acquire), 2, "not asked for each");
        age(&names, STALE);
        assert_eq!(names.addresses(HOST, None), Err(NameError::NotFound));
        fails.store(false, Ordering::Release);
        assert!(names.addresses(HOST, None).is_ok());
    }

    /// Situation `look-ups`.
    #[test]
    fn all_wait_for_the_first_look_up_and_none_for_a_later_one() {
        let (release, wait) = mpsc::channel::<()>();
        let wait = Mutex::new(wait);
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let names = Names::new(move |_| {
            counted.fetch_add(1, Ordering::AcqRel);
            let _ = wait.lock().expect("no test panicked").recv();
            Ok(vec![address(7)])
        });
        thread::scope(|scope| {
            let callers: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| names.addresses(HOST, None)))
                .collect();
            while count.load(Ordering::Acquire) == 0 {
                thread::yield_now();
            }
            assert_eq!(
                names.addresses(HOST, Some(Duration::ZERO)),
                Err(NameError::TimedOut)
            );
            release.send(()).expect("the look-up waits");
            for caller in callers {
                assert_eq!(caller.join().expect("no panic"), Ok(vec![address(7)]));
            }
            assert_eq!(count.load(Ordering::Acquire), 1);

            age(&names, FRESH);
            let refreshing = scope.spawn(|| names.addresses(HOST, None));
            while count.load(Ordering::Acquire) == 1 {
                thread::yield_now();
            }
            assert_eq!(
                names.addresses(HOST, Some(Duration::ZERO)),
                Ok(vec![address(7)]),
                "the old addresses, at once"
            );
            release.send(()).expect("the look-up waits");
            assert!(refreshing.join().expect("no panic").is_ok());
        });
    }

    #[test]
    fn whoever_waits_for_a_look_up_that_fails_does_not_repeat_it() {
        let (release, wait) = mpsc::channel::<()>();
        let wait = Mutex::new(wait);
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let names = Names::new(move |_| {
            counted.fetch_add(1, Ordering::AcqRel);
            let _ = wait.lock().expect("no test panicked").recv();
            Err(io::ErrorKind::NotFound.into())
        });
        thread::scope(|scope| {
            let first = scope.spawn(|| names.addresses(HOST, None));
            while count.load(Ordering::Acquire) == 0 {
                thread::yield_now();
            }
            let (ready, is_ready) = mpsc::channel();
            let names = &names;
            let second = scope.spawn(move || {
                // Begun while the first is under way: that is seen in `failures`.
                let hosts = names.hosts();
                let begun = hosts.get(HOST).is_some_and(|host| host.in_progress);
                drop(hosts);
                ready.send(begun).expect("the test waits");
                names.addresses(HOST, Some(Duration::from_secs(10)))
            });
            assert!(is_ready.recv().expect("the thread runs"));
            release.send(()).expect("the look-up waits");
            drop(release);
            assert_eq!(first.join().expect("no panic"), Err(NameError::NotFound));
            assert_eq!(second.join().expect("no panic"), Err(NameError::NotFound));
        });
    }
}
