//! The engine's memory: one SQLite file.
//!
//! Owns the file, its schema and every SQL statement of the engine. Knows
//! nothing of HTTP, of providers at work, or of why something is stored.
//!
//! What is confirmed has been flushed to the disk (`synchronous=FULL`): a crash
//! at any point leaves the state before or after, never one between. Several
//! processes may use one file.

mod applications;
mod changes;
mod cleanups;
mod consent;
mod cursors;
mod deliveries;
mod error;
mod events;
mod figures;
mod grants;
mod hooks;
mod job;
mod newest;
mod outbox;
mod runs;
mod schema;
mod sql;
mod sqlite;
mod tokens;
mod transaction;

pub use applications::{Application, ApplicationOptions, NewApplication, PullRequestRuns};
pub use changes::Change;
pub use cleanups::Cleanup;
pub use consent::ConsentState;
pub use cursors::{PollCursor, PolledApplication, WorkspaceCursor, WorkspacePlace};
pub use deliveries::{NewDelivery, NewEvent, Received};
pub use error::StoreError;
pub use events::{Completion, EventSource, EventState, StoredEvent};
pub use figures::StoreFigures;
pub use grants::{ProjectGrant, SealedGrant};
pub use hooks::StoredHook;
pub use job::WriteStatistics;
pub use newest::PageOf;
pub use outbox::{
    LONGEST_MESSAGE_PAUSE, MessageKind, NewMessage, OutboxCount, OutboxMessage, OutboxState,
};
pub use runs::{Lease, NewRun, Run, RunFilter};
pub use tokens::StoredToken;
pub use transaction::Transaction;

use job::job;
use sql::{Connection, values};
use sqlite::SqliteStore;
use std::path::Path;
use std::sync::mpsc;

/// The result of everything the store does.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The engine's store.
///
/// Reads block for microseconds; writes wait for the disk. From asynchronous
/// code, write with `write_async`.
pub struct Store {
    database: SqliteStore,
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
        Ok(Self {
            database,
            was_empty,
        })
    }

    /// Whether nothing was in the file when it was opened.
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
        if self.database.check()? {
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

    /// What was written since the start.
    #[must_use]
    pub fn write_statistics(&self) -> WriteStatistics {
        self.database.write_statistics()
    }

    /// Writes what is waiting and closes the store. From then on, whoever asks is told
    /// that it is shut.
    pub fn shut(&self) {
        self.database.shut();
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.database.path()
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
        let (sender, receiver) = mpsc::sync_channel(1);
        self.database.submit(job(work, move |result| {
            // The caller waits below for as long as it lives.
            let _ = sender.send(result);
        }));
        receiver.recv().unwrap_or(Err(StoreError::Shut))
    }

    /// Brings what the write-ahead journal holds into the file and empties it,
    /// so that nothing of what was deleted stays behind in it.
    ///
    /// # Errors
    /// `Busy` if others read or write all the while.
    pub(crate) fn truncate_journal(&self) -> Result<()> {
        self.database.truncate_journal()
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

#[cfg(test)]
mod plans;
#[cfg(test)]
pub(crate) mod tests;
