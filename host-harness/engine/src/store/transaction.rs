//! A write transaction in which a caller reads, decides and writes.
//!
//! The methods stand beside the tables they are about. They store and find;
//! what follows from an event is decided by the caller.

use super::sql::{Connection, Dialect, values};
use super::{Result, Store};

/// One write transaction: everything in it happens, or nothing.
pub struct Transaction<'c> {
    pub(super) connection: &'c Connection,
}

impl Transaction<'_> {
    /// Keeps others from working on an application's events until the end of the
    /// transaction; `false` if somebody else does, or it is gone. Does not wait.
    ///
    /// # Errors
    /// As every read.
    pub fn try_hold(&self, application: i64) -> Result<bool> {
        let dialect = self.connection.dialect();
        if dialect == Dialect::Sqlite {
            return Ok(true);
        }
        let locking = dialect.locking();
        let found = "SELECT 1 FROM applications WHERE id = ?1";
        let sql = format!("{found}{locking} SKIP LOCKED");
        self.connection.exists(&sql, values![application])
    }
}

impl Store {
    /// Runs `work` in a write transaction and waits until it is on the disk.
    /// An error undoes everything that `work` wrote. It runs on the store's
    /// writing thread: no calls to services in it. It may run again if its transaction did
    /// not come about.
    ///
    /// # Errors
    /// What `work` returns; otherwise as every write.
    pub async fn transact<T: Send + 'static>(
        &self,
        work: impl Fn(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.write_async(move |connection| work(&Transaction { connection }))
            .await
    }

    /// [`Store::transact`] for blocking code.
    ///
    /// # Errors
    /// As there.
    pub fn transact_blocking<T: Send + 'static>(
        &self,
        work: impl Fn(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.write(move |connection| work(&Transaction { connection }))
    }
}
