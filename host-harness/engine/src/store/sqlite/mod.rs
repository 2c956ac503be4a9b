//! The store in one SQLite file: a thread that writes, and connections that read.

mod readers;
mod writer;

use super::error::StoreError;
use super::job::{Job, WriteStatistics};
use super::sql::{Column, Columns, Connection, Dialect, Driver, Row, Value};
use super::{Result, schema};
use readers::Readers;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{OpenFlags, ToSql, params_from_iter};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use writer::Writer;

/// How long a write waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The mode of the store's files: the owner's alone.
const FILE_MODE: u32 = 0o600;

/// Statements that each connection keeps prepared.
const PREPARED: usize = 128;

/// The file, and the ways to it.
pub(super) struct SqliteStore {
    path: PathBuf,
    writer: Writer,
    readers: Readers,
    /// Device and inode of the file that is open.
    file: (u64, u64),
}

impl SqliteStore {
    /// Opens the file; also says whether it was empty.
    pub(super) fn open(path: &Path) -> Result<(Self, bool)> {
        let file = make_private_file(path)?;
        let mut connection = connect(path)?;
        let was_empty = schema::is_empty(&connection)?;
        schema::migrate(&mut connection)?;
        let store = Self {
            path: path.to_owned(),
            writer: Writer::start(connection)?,
            readers: Readers::new(path),
            file,
        };
        Ok((store, was_empty))
    }

    /// Where the file is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file is still the one at its path, and what was written last could
    /// be written.
    pub(super) fn check(&self) -> Result<bool> {
        let found =
            fs::metadata(&self.path).map_err(|error| StoreError::cannot_open(&self.path, error))?;
        if (found.dev(), found.ino()) != self.file {
            let reason = "it was replaced while it was open; start the engine again";
            return Err(StoreError::cannot_open(&self.path, reason));
        }
        Ok(!self.writer.is_failing())
    }

    /// What was written since the start.
    pub(super) fn write_statistics(&self) -> WriteStatistics {
        self.writer.statistics()
    }

    /// Writes what is waiting, puts everything into the one file, and closes it.
    pub(super) fn shut(&self) {
        if !self.readers.close() {
            tracing::warn!("somebody was still reading the engine's store when it was shut");
        }
        self.writer.finish();
    }

    /// Reads one consistent state.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let reader = self.readers.take()?;
        let transaction = reader.connection()?.unchecked_transaction()?;
        let connection: &rusqlite::Connection = &transaction;
        let result = work(connection);
        transaction.finish()?;
        reader.give_back();
        result
    }

    /// Hands over a piece of work.
    pub(super) fn submit(&self, job: Box<dyn Job>) {
        self.writer.submit(job);
    }

    /// Writes a consistent copy to a file that is not there yet.
    pub(super) fn back_up(&self, file: &Path) -> Result<()> {
        let Some(text) = file.to_str() else {
            return Err(StoreError::cannot_open(file, "its name is no text"));
        };
        // Made before SQLite does, which would let others read it.
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(file)
            .map_err(|error| StoreError::cannot_open(file, error))?;
        let copied = connect(&self.path)?.execute("VACUUM INTO ?1", [text]);
        if copied.is_err() {
            // What is left of it is no store.
            let _ = fs::remove_file(file);
        }
        copied?;
        Ok(())
    }

    /// Brings what the write-ahead journal holds into the file and empties it.
    pub(super) fn truncate_journal(&self) -> Result<()> {
        let connection = connect(&self.path)?;
        let busy: i64 =
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy != 0 {
            return Err(StoreError::Busy);
        }
        Ok(())
    }
}

impl Driver for rusqlite::Connection {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn run(&self, sql: &str, values: &[Value<'_>]) -> Result<usize> {
        Ok(self
            .prepare_cached(sql)?
            .execute(params_from_iter(values))?)
    }

    fn rows(
        &self,
        sql: &str,
        values: &[Value<'_>],
        each: &mut dyn FnMut(&Row<'_>) -> Result<bool>,
    ) -> Result<()> {
        let mut statement = self.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            if !each(&Row(row))? {
                break;
            }
        }
        Ok(())
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match self {
            Self::Integer(Some(number)) => ValueRef::Integer(*number),
            Self::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(Some(bytes)) => ValueRef::Blob(bytes),
            Self::Integer(None) | Self::Text(None) | Self::Bytes(None) => ValueRef::Null,
        };
        Ok(ToSqlOutput::Borrowed(value))
    }
}

impl Columns for rusqlite::Row<'_> {
    fn column(&self, index: usize) -> Result<Column<'_>> {
        Ok(match self.get_ref(index)? {
            ValueRef::Null => Column::Missing,
            ValueRef::Integer(number) => Column::Integer(number),
            ValueRef::Text(text) => Column::Text(
                std::str::from_utf8(text)
                    .map_err(|error| StoreError::Damaged(error.to_string()))?,
            ),
            ValueRef::Blob(bytes) => Column::Bytes(bytes),
            ValueRef::Real(_) => {
                return Err(StoreError::Damaged("a number is not whole".to_owned()));
            }
        })
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

/// The schema of a file, which stays as it is; `None` if there is no store in it.
pub(super) fn schema_of(path: &Path) -> Result<Option<usize>> {
    if !path.is_file() {
        return Ok(None);
    }
    let connection = rusqlite::Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .map_err(|error| StoreError::cannot_open(path, error))?;
    let version = schema::version(&connection)?;
    Ok((version > 0).then_some(version))
}

fn connect(path: &Path) -> Result<rusqlite::Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = rusqlite::Connection::open_with_flags(path, flags)
        .map_err(|error| StoreError::cannot_open(path, error))?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    switch_to_wal(&connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Deleted secrets do not stay behind in free pages.
    connection.pragma_update(None, "secure_delete", true)?;
    Ok(connection)
}

/// Switching the journal ignores SQLite's own busy time-out, so two processes
/// that make a store together have to wait for each other here.
fn switch_to_wal(connection: &rusqlite::Connection) -> Result<()> {
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
