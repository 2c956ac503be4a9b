//! The open connections of a service: how many there may be, and which one gives
//! way when there is no room.
//!
//! A stranger can open connections and leave them idle, half-sent or unread. So a
//! newcomer is always let in, and the connection that has waited longest for its
//! client gives way: first among those that never showed a token or a signature, then
//! among the others. A connection whose request the engine is working on never gives
//! way; how many of these there can be is bounded where the work is done. With that,
//! no number of stalled connections keeps a delivery out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// The time between two warnings that there is no room.
const WARNING_INTERVAL: Duration = Duration::from_secs(10);

/// How many connections there may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConnectionLimits {
    /// Of all clients.
    pub(super) total: usize,
    /// Of one client address; a reverse proxy is one.
    pub(super) per_peer: usize,
}

/// The connections of one service.
pub(crate) struct Connections {
    limits: ConnectionLimits,
    started: Instant,
    table: Mutex<Table>,
    evicted: AtomicU64,
}

#[derive(Default)]
struct Table {
    open: HashMap<u64, Arc<Connection>>,
    peers: HashMap<IpAddr, usize>,
    next_id: u64,
    last_warning: Option<Instant>,
}

/// One connection, as its requests and its task see it.
pub(super) struct Connection {
    id: u64,
    peer: IpAddr,
    started: Instant,
    /// Requests in work: HTTP/1 has one at a time.
    working: AtomicUsize,
    /// Since when it waits for its client, in milliseconds since `started`.
    waits_since: AtomicU64,
    is_proven: AtomicBool,
    closing: Notify,
}

/// An admitted connection; leaves the table when it is dropped.
pub(super) struct Admitted {
    connections: Arc<Connections>,
    connection: Arc<Connection>,
}

/// While it lives, the connection does not give way.
pub(super) struct Working(Arc<Connection>);

impl Connections {
    pub(super) fn new(limits: ConnectionLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            started: Instant::now(),
            table: Mutex::default(),
            evicted: AtomicU64::new(0),
        })
    }

    /// Lets a connection of this client in, at the cost of another one where there is
    /// no room. `None` if all are at work.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Admitted> {
        let peer = network_of(peer);
        let mut table = self.table();
        let of_peer = table.peers.get(&peer).copied().unwrap_or(0);
        let victim = if of_peer >= self.limits.per_peer {
            Some(table.give_way(Some(peer)))
        } else if table.open.len() >= self.limits.total {
            Some(table.give_way(None))
        } else {
            None
        };
        if let Some(victim) = victim {
            self.warn(&mut table, peer, of_peer);
            let victim = victim?;
            self.evicted.fetch_add(1, Ordering::Relaxed);
            table.remove(&victim);
            victim.closing.notify_one();
        }
        let connection = Arc::new(Connection {
            id: table.next_id,
            peer,
            started: self.started,
            working: AtomicUsize::new(0),
            waits_since: AtomicU64::new(milliseconds(self.started.elapsed())),
            is_proven: AtomicBool::new(false),
            closing: Notify::new(),
        });
        table.next_id += 1;
        table.open.insert(connection.id, Arc::clone(&connection));
        *table.peers.entry(peer).or_default() += 1;
        Some(Admitted {
            connections: Arc::clone(self),
            connection,
        })
    }

    /// How many are open.
    #[cfg(test)]
    pub(super) fn open(&self) -> usize {
        self.table().open.len()
    }

    /// How many gave way to others since the start.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    fn warn(&self, table: &mut Table, peer: IpAddr, of_peer: usize) {
        let is_due = table
            .last_warning
            .is_none_or(|last| last.elapsed() >= WARNING_INTERVAL);
        if is_due {
            table.last_warning = Some(Instant::now());
            tracing::warn!(
                open = table.open.len(),
                %peer,
                of_peer,
                closed_so_far = self.evicted(),
                "there is no room for more connections: those that wait longest for their client are closed"
            );
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// The connection that gives way, among those of a client or among all.
    fn give_way(&self, peer: Option<IpAddr>) -> Option<Arc<Connection>> {
        self.open
            .values()
            .filter(|connection| peer.is_none_or(|peer| connection.peer == peer))
            .filter(|connection| connection.working.load(Ordering::Acquire) == 0)
            .min_by_key(|connection| {
                (
                    connection.is_proven.load(Ordering::Acquire),
                    connection.waits_since.load(Ordering::Acquire),
                    connection.id,
                )
            })
            .cloned()
    }

    fn remove(&mut self, connection: &Connection) {
        if self.open.remove(&connection.id).is_none() {
            return;
        }
        if let Some(count) = self.peers.get_mut(&connection.peer) {
            *count -= 1;
            if *count == 0 {
                self.peers.remove(&connection.peer);
            }
        }
    }
}

impl Connection {
    /// The client's address; of IPv6 the network of 64 bits, which one client has.
    pub(super) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// Begins work on a request of it.
    pub(super) fn work(self: &Arc<Self>) -> Working {
        self.working.fetch_add(1, Ordering::AcqRel);
        Working(Arc::clone(self))
    }

    /// Takes note that its client showed a token or a signature.
    pub(super) fn prove(&self) {
        self.is_proven.store(true, Ordering::Release);
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        let now = milliseconds(self.0.started.elapsed());
        self.0.waits_since.store(now, Ordering::Release);
        self.0.working.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Admitted {
    pub(super) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Waits until the connection has to give way.
    pub(super) async fn closing(&self) {
        self.connection.closing.notified().await;
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.connections.table().remove(&self.connection);
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What counts as one client: an IPv4 address, or the first 64 bits of an IPv6 one.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            IpAddr::V6(network.into())
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn connections(total: usize, per_peer: usize) -> Arc<Connections> {
        Connections::new(ConnectionLimits { total, per_peer })
    }

    fn is_open(connections: &Connections, admitted: &Admitted) -> bool {
        connections
            .table()
            .open
            .contains_key(&admitted.connection.id)
    }

    #[test]
    fn a_newcomer_takes_the_place_of_the_one_that_waits_longest() {
        let connections = connections(2, 2);
        let first = connections.admit(peer(1)).unwrap();
        let second = connections.admit(peer(2)).unwrap();
        let third = connections.admit(peer(3)).unwrap();
        assert!(!is_open(&connections, &first));
        assert!(is_open(&connections, &second) && is_open(&connections, &third));
        assert_eq!((connections.open(), connections.evicted()), (2, 1));
        drop(first);
        assert_eq!(connections.open(), 2);
    }

    #[test]
    fn whoever_is_at_work_or_showed_a_proof_stays() {
        let connections = connections(3, 3);
        let working = connections.admit(peer(1)).unwrap();
        let _work = working.connection().work();
        let proven = connections.admit(peer(1)).unwrap();
        proven.connection().prove();
        let stranger = connections.admit(peer(1)).unwrap();
        let newcomer = connections.admit(peer(2)).unwrap();
        assert!(!is_open(&connections, &stranger));
        for stays in [&working, &proven, &newcomer] {
            assert!(is_open(&connections, stays));
        }
    }

    #[test]
    fn nobody_gives_way_where_all_are_at_work() {
        let connections = connections(1, 1);
        let working = connections.admit(peer(1)).unwrap();
        let work = working.connection().work();
        assert!(connections.admit(peer(2)).is_none());
        drop(work);
        assert!(connections.admit(peer(2)).is_some());
    }

    #[test]
    fn a_client_with_too_many_loses_its_own_and_nobody_else_s() {
        let connections = connections(10, 2);
        let other = connections.admit(peer(9)).unwrap();
        let first = connections.admit(peer(1)).unwrap();
        let _second = connections.admit(peer(1)).unwrap();
        let _third = connections.admit(peer(1)).unwrap();
        assert!(is_open(&connections, &other));
        assert!(!is_open(&connections, &first));
        assert_eq!(connections.open(), 3);
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_are_one_client() {
        let one: IpAddr = "2001:db8::1".parse().unwrap();
        let same: IpAddr = "2001:db8::ffff:2".parse().unwrap();
        let other: IpAddr = "2001:db8:0:1::1".parse().unwrap();
        assert_eq!(network_of(one), network_of(same));
        assert_ne!(network_of(one), network_of(other));
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(network_of(mapped), peer(1));
    }
}
