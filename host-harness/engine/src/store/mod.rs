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
mod outbox;
mod readers;
mod runs;
mod schema;
mod tokens;
mod transaction;
mod writer;

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
pub use outbox::{
    LONGEST_MESSAGE_PAUSE, MessageKind, NewMessage, OutboxCount, OutboxMessage, OutboxState,
};
pub use runs::{Lease, NewRun, Run, RunFilter};
pub use tokens::StoredToken;
pub use transaction::Transaction;
pub use writer::WriteStatistics;

use readers::Readers;
use rusqlite::{Connection, OpenFlags};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use writer::Writer;

/// How long a write waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The mode of the store's files: the owner's alone.
const FILE_MODE: u32 = 0o600;

/// The result of everything the store does.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The engine's store.
///
/// Reads block for microseconds; writes wait for the disk. From asynchronous
/// code, write with `write_async`.
pub struct Store {
    path: PathBuf,
    writer: Writer,
    readers: Readers,
    was_empty: bool,
    /// Device and inode of the file that is open.
    file: (u64, u64),
}

impl Store {
    /// Opens the file, makes it (and its directory) if it is not there, and brings
    /// it to the newest schema. The file is readable by its owner only.
    ///
    /// # Errors
    /// `CannotOpen`, `ReadOnly`, `Damaged`, `NewerSchema`, `Full`, `Busy`.
    pub fn open(path: &Path) -> Result<Self> {
        let file = make_private_file(path)?;
        let mut connection = connect(path)?;
        let was_empty = schema::is_empty(&connection)?;
        schema::migrate(&mut connection)?;
        Ok(Self {
            path: path.to_owned(),
            writer: Writer::start(connection)?,
            readers: Readers::new(path),
            was_empty,
            file,
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
        let found =
            fs::metadata(&self.path).map_err(|error| StoreError::cannot_open(&self.path, error))?;
        if (found.dev(), found.ino()) != self.file {
            let reason = "it was replaced while it was open; start the engine again";
            return Err(StoreError::cannot_open(&self.path, reason));
        }
        if self.writer.is_failing() {
            return self.write(|connection| {
                connection.execute_batch(
                    "CREATE TABLE IF NOT EXISTS write_check (at INTEGER) STRICT;
                     DELETE FROM write_check;
                     INSERT INTO write_check VALUES (unixepoch())",
                )?;
                Ok(())
            });
        }
        Ok(())
    }

    /// What was written since the start.
    #[must_use]
    pub fn write_statistics(&self) -> WriteStatistics {
        self.writer.statistics()
    }

    /// Writes what is waiting, puts everything into the one file, and closes it. From
    /// then on, whoever asks is told that the store is shut.
    pub fn shut(&self) {
        if !self.readers.close() {
            tracing::warn!("somebody was still reading the engine's store when it was shut");
        }
        self.writer.finish();
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads. `work` sees one consistent state.
    ///
    /// # Errors
    /// What `work` returns; `CannotOpen` if no connection can be made.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let reader = self.readers.take()?;
        let transaction = reader.connection()?.unchecked_transaction()?;
        let result = work(&transaction);
        transaction.finish()?;
        reader.give_back();
        result
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
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.writer.submit(work, move |result| {
            // The caller waits below for as long as it lives.
            let _ = sender.send(result);
        });
        receiver.recv().unwrap_or(Err(StoreError::Shut))
    }

    /// Brings what the write-ahead journal holds into the file and empties it,
    /// so that nothing of what was deleted stays behind in it.
    ///
    /// # Errors
    /// `Busy` if others read or write all the while.
    pub(crate) fn truncate_journal(&self) -> Result<()> {
        let connection = connect(&self.path)?;
        let busy: i64 =
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy != 0 {
            return Err(StoreError::Busy);
        }
        Ok(())
    }

    /// [`Store::write`] for asynchronous code. Once it was first polled, the
    /// write happens even if the future is dropped.
    ///
    /// # Errors
    /// As for [`Store::write`].
    pub(crate) async fn write_async<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.writer.submit(work, move |result| {
            // Nobody waits any more if the future was dropped.
            let _ = sender.send(result);
        });
        receiver.await.unwrap_or(Err(StoreError::Shut))
    }
}

/// Makes the file before SQLite does, because SQLite would let others read it;
/// the files that SQLite puts beside it get the same mode as the file itself. Gives
/// the device and the inode of the file.
fn make_private_file(path: &Path) -> Result<(u64, u64)> {
    let cannot_open = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied => {
            StoreError::ReadOnly
        }
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::cannot_open(path, error),
    };
    if let Some(directory) = path
        .parent()
        .filter(|directory| !directory.as_os_str().is_empty())
    {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(cannot_open)?;
    }
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(FILE_MODE)
        .open(path)
        .map_err(cannot_open)?;
    let metadata = file.metadata().map_err(cannot_open)?;
    if !metadata.is_file() {
        return Err(StoreError::cannot_open(path, "it is no regular file"));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        tracing::warn!(
            path = %path.display(),
            "the store could be read by others; its mode is set to 0600"
        );
        let private = fs::Permissions::from_mode(FILE_MODE);
        file.set_permissions(private.clone()).map_err(cannot_open)?;
        for suffix in ["-wal", "-shm"] {
            let mut beside = path.as_os_str().to_owned();
            beside.push(suffix);
            if Path::new(&beside).exists() {
                fs::set_permissions(&beside, private.clone()).map_err(cannot_open)?;
            }
        }
    }
    Ok((metadata.dev(), metadata.ino()))
}

fn connect(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)
        .map_err(|error| StoreError::cannot_open(path, error))?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(64);
    switch_to_wal(&connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Deleted secrets do not stay behind in free pages.
    connection.pragma_update(None, "secure_delete", true)?;
    Ok(connection)
}

/// Switching the journal ignores SQLite's own busy time-out, so two processes
/// that make a store together have to wait for each other here.
fn switch_to_wal(connection: &Connection) -> Result<()> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        let switched = connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))
            .map_err(StoreError::from);
        match switched {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                return Err(StoreError::Failed(format!(
                    "the journal cannot be {mode:?}; the file must be on a local disk"
                )));
            }
            Err(StoreError::Busy) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod plans;
#[cfg(test)]
pub(crate) mod tests;
