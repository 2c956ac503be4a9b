//! Which database the store is in.

use super::job::{Job, WriteStatistics, job};
use super::postgres::PostgresStore;
use super::sql::Connection;
use super::sqlite::SqliteStore;
use super::{Result, StoreError};
use std::sync::mpsc;

/// The database of a store.
pub(super) enum Database {
    /// A file on this machine.
    Sqlite(SqliteStore),
    /// A server that several engines share.
    Postgres(PostgresStore),
}

impl Database {
    /// Whether several machines may use it.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Whether what was written last could be written.
    pub(super) fn is_well(&self) -> Result<bool> {
        match self {
            Self::Sqlite(store) => store.check(),
            Self::Postgres(store) => {
                store.read(|connection| connection.exists("SELECT 1", &[]))?;
                Ok(store.is_well())
            }
        }
    }

    pub(super) fn write_statistics(&self) -> WriteStatistics {
        match self {
            Self::Sqlite(store) => store.write_statistics(),
            Self::Postgres(store) => store.write_statistics(),
        }
    }

    pub(super) fn shut(&self) {
        match self {
            Self::Sqlite(store) => store.shut(),
            Self::Postgres(store) => store.shut(),
        }
    }

    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        match self {
            Self::Sqlite(store) => store.read(work),
            Self::Postgres(store) => store.read(work),
        }
    }

    /// Hands over a piece of work.
    pub(super) fn submit(&self, job: Box<dyn Job>) {
        match self {
            Self::Sqlite(store) => store.submit(job),
            Self::Postgres(store) => store.submit(job),
        }
    }

    /// Writes and waits until it is done.
    pub(super) fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.submit(job(work, move |result| {
            // The caller waits below for as long as it lives.
            let _ = sender.send(result);
        }));
        receiver.recv().unwrap_or(Err(StoreError::Shut))
    }
}
