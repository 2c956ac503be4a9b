//! The engine's memory: one SQLite file, or a PostgreSQL database that many engines
//! share.
//!
//! Owns the database, its schema and every SQL statement of the engine. Knows
//! nothing of HTTP, of providers at work, or of why something is stored. Nobody else
//! knows which database it is.
//!
//! What is confirmed has been flushed to the disk: a crash at any point leaves the
//! state before or after, never one between.

mod applications;
mod changes;
mod cleanups;
mod consent;
mod copy;
mod cursors;
mod database;
mod deliveries;
mod error;
mod events;
mod figures;
mod grants;
mod hooks;
mod job;
mod leases;
mod limits;
mod newest;
mod news;
mod outbox;
mod postgres;
mod retention;
mod runs;
mod schema;
mod sql;
mod sqlite;
mod tokens;
mod topic;
mod transaction;

pub use applications::{Application, ApplicationOptions, NewApplication, PullRequestRuns};
pub use changes::Change;
pub use cleanups::Cleanup;
pub use consent::ConsentState;
pub use copy::CopiedTable;
pub use cursors::{PollCursor, PolledApplication, WorkspaceCursor, WorkspacePlace};
pub use deliveries::{NewDelivery, NewEvent, Received};
pub use error::StoreError;
pub use events::{Completion, EventSource, EventState, StoredEvent};
pub use figures::StoreFigures;
pub use grants::{ProjectGrant, SealedGrant, SealedRow, SealedTable};
pub use hooks::StoredHook;
pub use job::WriteStatistics;
pub use limits::HeldBack;
pub use newest::PageOf;
pub use outbox::{
    LONGEST_MESSAGE_PAUSE, MessageKind, NewMessage, OutboxCount, OutboxMessage, OutboxState,
};
pub use postgres::{DEFAULT_CONNECTIONS, PostgresSettings};
pub use runs::{Lease, NewRun, Run, RunFilter};
pub use tokens::StoredToken;
pub use topic::Topic;
pub use transaction::Transaction;

pub(crate) use leases::Lease as WorkLease;

use crate::random;
use database::Database;
use job::job;
use leases::Leases;
use postgres::PostgresStore;
use sql::{Connection, values};
use sqlite::SqliteStore;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The result of everything the store does.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The engine's store.
///
/// Reads block for microseconds; writes wait for the disk. From asynchronous
/// code, write with `write_async`.
pub struct Store {
    database: Arc<Database>,
    leases: Arc<Leases>,
    was_empty: bool,
}

impl Store {
    /// Opens the file, makes it (and its directory) if it is not there, and brings
    /// it to the newest schema. The file is readable by its owner only.
    ///
    /// # Errors
    /// `CannotOpen`, `ReadOnly`, `Damaged`, `NewerSchema`, `Full`, `Busy`.
    pub fn open(path: &Path) -> Result<Self> {
        let (database, was_empty) = SqliteStore::open(path)?;
        Self::of(Database::Sqlite(database), new_owner()?, was_empty)
    }

    /// Connects to a database that engines share and brings it to the newest schema.
    ///
    /// # Errors
    /// `Away` if it cannot be reached, `Damaged`, `NewerSchema`.
    pub fn open_postgres(settings: &PostgresSettings) -> Result<Self> {
        let owner = new_owner()?;
        let (database, was_empty) = PostgresStore::open(settings, &owner)?;
        let store = Self::of(Database::Postgres(database), owner, was_empty)?;
        leases::start_renewal(&store.leases, &store.database)?;
        Ok(store)
    }

    fn of(database: Database, owner: String, was_empty: bool) -> Result<Self> {
        Ok(Self {
            database: Arc::new(database),
            leases: Arc::new(Leases::new(owner)),
            was_empty,
        })
    }

    /// Whether engines on several machines may use it.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.database.is_shared()
    }

    /// Whether nothing was in it when it was opened.
    #[must_use]
    pub fn was_empty(&self) -> bool {
        self.was_empty
    }

    /// Whether the store can be used: its file is still the one at its path, and what
    /// was written last could be written. After a failed write, it tries one.
    ///
    /// # Errors
    /// `CannotOpen` if the file was removed or replaced; what a write fails with.
    pub fn check(&self) -> Result<()> {
        if self.database.is_well()? {
            return Ok(());
        }
        self.write(|connection| {
            for sql in [
                "CREATE TABLE IF NOT EXISTS write_check (at BIGINT)",
                "DELETE FROM write_check",
                "INSERT INTO write_check VALUES (0)",
            ] {
                connection.execute(sql, values![])?;
            }
            Ok(())
        })
    }

    /// The newest schema that this engine knows.
    #[must_use]
    pub fn newest_schema() -> usize {
        schema::STEPS.len()
    }

    /// The schema of the store in a file, which is not changed; `None` without one.
    ///
    /// # Errors
    /// `CannotOpen`, `Damaged`, `NewerSchema`.
    pub fn schema_of_file(path: &Path) -> Result<Option<usize>> {
        sqlite::schema_of(path)
    }

    /// The schema of the store in a database, which is not changed; `None` without one.
    ///
    /// # Errors
    /// `Away`, `Damaged`, `NewerSchema`.
    pub fn schema_of_database(settings: &PostgresSettings) -> Result<Option<usize>> {
        PostgresStore::schema_of(settings)
    }

    /// Has the file looked through for damage; a database does that on its own.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn check_integrity(&self) -> Result<()> {
        if self.is_shared() {
            return Ok(());
        }
        let found: String = self.read(|connection| {
            connection.query_one("PRAGMA quick_check", values![], |row| row.get(0))
        })?;
        match &*found {
            "ok" => Ok(()),
            _ => Err(StoreError::Damaged(found)),
        }
    }

    /// Writes a consistent copy of the file to another, which must not be there yet,
    /// while others go on using it.
    ///
    /// # Errors
    /// `CannotOpen` if the file cannot be made; `Conflict` for a database, which has
    /// means of its own.
    pub fn back_up(&self, file: &Path) -> Result<()> {
        match &*self.database {
            Database::Sqlite(store) => store.back_up(file),
            Database::Postgres(_) => Err(StoreError::Conflict(
                "a database is backed up with its own means, such as pg_dump".to_owned(),
            )),
        }
    }

    /// What was written since the start.
    #[must_use]
    pub fn write_statistics(&self) -> WriteStatistics {
        self.database.write_statistics()
    }

    /// Writes what is waiting and closes the store. From then on, whoever asks is told
    /// that it is shut.
    pub fn shut(&self) {
        self.leases.close();
        self.database.shut();
    }

    /// Where it is, for people: a path, or an address without what is secret.
    #[must_use]
    pub fn place(&self) -> String {
        match &*self.database {
            Database::Sqlite(store) => store.path().display().to_string(),
            Database::Postgres(store) => store.shown().to_owned(),
        }
    }

    /// The directory for lock files of those who use the store; `None` if they may be
    /// on several machines.
    #[must_use]
    pub fn lock_directory(&self) -> Option<PathBuf> {
        match &*self.database {
            Database::Sqlite(store) => {
                let mut directory = store.path().as_os_str().to_owned();
                directory.push(".locks");
                Some(directory.into())
            }
            Database::Postgres(_) => None,
        }
    }

    /// Reads. `work` sees one consistent state.
    ///
    /// # Errors
    /// What `work` returns; `CannotOpen` if no connection can be made.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.database.read(work)
    }

    /// Writes and waits until it is on the disk. `work` runs in a transaction
    /// that others share; its error undoes its own writes only.
    ///
    /// Not for asynchronous code: it blocks.
    ///
    /// # Errors
    /// What `work` returns; `Full`, `ReadOnly`, `Busy`, `Shut`.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.database.write(work)
    }

    /// Brings what the write-ahead journal holds into the file and empties it,
    /// so that nothing of what was deleted stays behind in it.
    ///
    /// # Errors
    /// `Busy` if others read or write all the while.
    pub(crate) fn truncate_journal(&self) -> Result<()> {
        match &*self.database {
            Database::Sqlite(store) => store.truncate_journal(),
            // What was deleted goes with the next vacuum.
            Database::Postgres(_) => Ok(()),
        }
    }

    /// [`Store::write`] for asynchronous code. Once it was first polled, the
    /// write happens even if the future is dropped.
    ///
    /// # Errors
    /// As for [`Store::write`].
    pub(crate) async fn write_async<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.database.submit(job(work, move |result| {
            // Nobody waits any more if the future was dropped.
            let _ = sender.send(result);
        }));
        receiver.await.unwrap_or(Err(StoreError::Shut))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.leases.close();
    }
}

/// A name that no other engine has.
fn new_owner() -> Result<String> {
    random::name().map_err(|error| StoreError::Failed(error.to_string()))
}

#[cfg(test)]
mod plans;
#[cfg(test)]
pub(crate) mod tests;
