//! Leases: which engine does a piece of work that takes longer than a transaction.
//!
//! A lease has a name, an owner and an end. It is renewed while its owner lives and
//! taken over once it has ended; times are the database's, so that the clocks of
//! engines do not matter. A store that only one machine can use needs none: there they
//! are always to be had.

use super::job::job;
use super::sql::{Connection, Dialect, values};
use super::{Database, Result, Store};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// How long a lease lasts that nobody renews.
const LASTS: Duration = Duration::from_secs(15);

/// The time between two renewals.
const RENEWAL: Duration = Duration::from_secs(4);

/// The leases of this engine.
pub(super) struct Leases {
    /// What the owners of all of them begin with.
    engine: String,
    next: AtomicU64,
    state: Mutex<State>,
    closed: Condvar,
}

#[derive(Default)]
struct State {
    /// By name, each with its owner.
    held: BTreeMap<String, String>,
    is_closed: bool,
}

/// A lease that is held until this is dropped.
pub(crate) struct Lease {
    database: Arc<Database>,
    leases: Arc<Leases>,
    name: String,
    owner: String,
}

impl Leases {
    pub(super) fn new(engine: String) -> Self {
        Self {
            engine,
            next: AtomicU64::new(0),
            state: Mutex::default(),
            closed: Condvar::new(),
        }
    }

    /// Keeps a lease from others of this engine, and says under which owner it is to be
    /// [taken](Self::take); `None` if one of them has it. It is renewed until it is
    /// [forgotten](Self::forget).
    pub(super) fn reserve(&self, name: &str) -> Option<String> {
        match self.state().held.entry(name.to_owned()) {
            Entry::Occupied(_) => None,
            Entry::Vacant(place) => {
                let number = self.next.fetch_add(1, Ordering::Relaxed);
                Some(place.insert(format!("{}/{number}", self.engine)).clone())
            }
        }
    }

    /// Has a lease renewed no more; returns its owner.
    pub(super) fn forget(&self, name: &str) -> Option<String> {
        self.state().held.remove(name)
    }

    /// Takes a lease within a transaction; `false` if another engine has it.
    pub(super) fn take(&self, connection: &Connection, name: &str, owner: &str) -> Result<bool> {
        let Some(now) = now(connection) else {
            return Ok(true);
        };
        let lasts = i64::try_from(LASTS.as_millis()).unwrap_or(i64::MAX);
        // One of this engine is on its way back: nobody else here has reserved it.
        let sql = format!(
            "INSERT INTO leases (name, owner, until) VALUES (?1, ?2, {now} + ?3)
             ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until
             WHERE leases.until < {now} OR substr(leases.owner, 1, length(?4)) = ?4"
        );
        let own = format!("{}/", self.engine);
        Ok(connection.execute(&sql, values![name, owner, lasts, own])? > 0)
    }

    /// Renews what is held until told to end.
    fn renew_all(&self, database: &Weak<Database>) {
        let mut state = self.state();
        while !state.is_closed {
            let waited = self.closed.wait_timeout(state, RENEWAL);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if state.is_closed || state.held.is_empty() {
                continue;
            }
            let held = state.held.clone();
            drop(state);
            if let Some(database) = database.upgrade() {
                let renewed = database.write(move |connection| renew(connection, &held));
                match renewed {
                    Ok(lost) if lost > 0 => tracing::warn!(
                        lost,
                        "work took so long without the database that others have taken it over"
                    ),
                    Ok(_) => {}
                    Err(error) => tracing::warn!(%error, "leases could not be renewed"),
                }
            }
            state = self.state();
        }
    }

    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.closed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time in the words of a database that several machines use.
fn now(connection: &Connection) -> Option<&'static str> {
    match connection.dialect() {
        Dialect::Sqlite => None,
        Dialect::Postgres => Some("CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"),
    }
}

/// A condition on rows of whose names nobody has a lease.
pub(super) fn unleased(connection: &Connection, name: &str) -> String {
    now(connection).map_or_else(String::new, |now| {
        format!("AND NOT EXISTS (SELECT 1 FROM leases WHERE name = {name} AND until > {now})")
    })
}

/// Lets others have a lease, within a transaction.
pub(super) fn release(connection: &Connection, name: &str, owner: &str) -> Result<()> {
    if now(connection).is_some() {
        connection.execute(
            "DELETE FROM leases WHERE name = ?1 AND owner = ?2",
            values![name, owner],
        )?;
    }
    Ok(())
}

/// Renews leases; returns how many of them are not this engine's any more.
fn renew(connection: &Connection, held: &BTreeMap<String, String>) -> Result<usize> {
    let Some(now) = now(connection) else {
        return Ok(0);
    };
    let lasts = i64::try_from(LASTS.as_millis()).unwrap_or(i64::MAX);
    let sql = format!("UPDATE leases SET until = {now} + ?3 WHERE name = ?1 AND owner = ?2");
    let mut lost = 0;
    for (name, owner) in held {
        if connection.execute(&sql, values![name, owner, lasts])? == 0 {
            lost += 1;
        }
    }
    Ok(lost)
}

/// Starts the thread that renews.
pub(super) fn start_renewal(leases: &Arc<Leases>, database: &Arc<Database>) -> Result<()> {
    let (leases, database) = (Arc::clone(leases), Arc::downgrade(database));
    std::thread::Builder::new()
        .name("store-leases".to_owned())
        .spawn(move || leases.renew_all(&database))
        .map_err(|error| super::StoreError::Failed(error.to_string()))?;
    Ok(())
}

impl Store {
    /// Takes the lease of this name; `None` if somebody else has it. Blocks.
    ///
    /// # Errors
    /// As every write.
    pub(crate) fn lease(&self, name: &str) -> Result<Option<Lease>> {
        let Some(lease) = self.reserved(name) else {
            return Ok(None);
        };
        let taken = !self.is_shared() || self.write(lease.taking())?;
        Ok(taken.then_some(lease))
    }

    /// [`Store::lease`] for asynchronous code.
    ///
    /// # Errors
    /// As every write.
    pub(crate) async fn lease_async(&self, name: &str) -> Result<Option<Lease>> {
        let Some(lease) = self.reserved(name) else {
            return Ok(None);
        };
        let taken = !self.is_shared() || self.write_async(lease.taking()).await?;
        Ok(taken.then_some(lease))
    }

    fn reserved(&self, name: &str) -> Option<Lease> {
        Some(Lease {
            owner: self.leases.reserve(name)?,
            database: Arc::clone(&self.database),
            leases: Arc::clone(&self.leases),
            name: name.to_owned(),
        })
    }
}

impl Lease {
    /// What takes it.
    fn taking(&self) -> impl Fn(&Connection) -> Result<bool> + Send + 'static {
        let (leases, name, owner) = (
            Arc::clone(&self.leases),
            self.name.clone(),
            self.owner.clone(),
        );
        move |connection| leases.take(connection, &name, &owner)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leases.forget(&self.name);
        if self.database.is_shared() {
            let (name, owner) = (self.name.clone(), self.owner.clone());
            // Nobody waits for it; what is not released ends by itself.
            self.database.submit(job(
                move |connection| release(connection, &name, &owner),
                drop,
            ));
        }
    }
}
