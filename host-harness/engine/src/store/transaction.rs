//! A write transaction in which a caller reads, decides and writes.
//!
//! The methods stand beside the tables they are about. They store and find;
//! what follows from an event is decided by the caller.

use super::sql::Connection;
use super::{Result, Store};

/// One write transaction: everything in it happens, or nothing.
pub struct Transaction<'c> {
    pub(super) connection: &'c Connection,
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
