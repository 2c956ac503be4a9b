//! A piece of work for a thread that writes, and what is counted of it.

use super::error::StoreError;
use super::sql::Connection;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// A piece of work and where its result goes.
pub(super) trait Job: Send {
    /// Does the work inside a transaction. May be called again after a transaction
    /// that did not come about.
    fn run(&mut self, connection: &Connection) -> Result<(), StoreError>;

    /// Takes back the result of `run`: the transaction did not come about.
    fn fail(&mut self, error: StoreError);

    /// Tells the caller; the transaction is on the disk or undone.
    fn reply(self: Box<Self>);
}

struct Work<T, F, R> {
    work: F,
    result: Result<T, StoreError>,
    reply: R,
}

/// Makes a job of a piece of work.
pub(super) fn job<T: Send + 'static>(
    work: impl Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    reply: impl FnOnce(Result<T, StoreError>) + Send + 'static,
) -> Box<dyn Job> {
    Box::new(Work {
        work,
        result: Err(StoreError::Shut),
        reply,
    })
}

/// Ends a job that is not begun.
pub(super) fn reject(mut job: Box<dyn Job>, error: StoreError) {
    job.fail(error);
    job.reply();
}

impl<T, F, R> Job for Work<T, F, R>
where
    T: Send,
    F: Fn(&Connection) -> Result<T, StoreError> + Send,
    R: FnOnce(Result<T, StoreError>) + Send,
{
    fn run(&mut self, connection: &Connection) -> Result<(), StoreError> {
        match (self.work)(connection) {
            Ok(value) => {
                self.result = Ok(value);
                Ok(())
            }
            Err(error) => {
                self.result = Err(error.clone());
                Err(error)
            }
        }
    }

    fn fail(&mut self, error: StoreError) {
        self.result = Err(error);
    }

    fn reply(self: Box<Self>) {
        (self.reply)(self.result);
    }
}

/// What a store wrote since it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteStatistics {
    /// Transactions.
    pub transactions: u64,
    /// Pieces of work in them.
    pub writes: u64,
    /// How long they took together.
    pub microseconds: u64,
}

/// Counts what is written.
#[derive(Default)]
pub(super) struct Progress {
    is_failing: AtomicBool,
    transactions: AtomicU64,
    writes: AtomicU64,
    microseconds: AtomicU64,
}

impl Progress {
    /// Counts a transaction.
    pub(super) fn note(&self, is_written: bool, writes: usize, took: Duration) {
        self.is_failing.store(!is_written, Ordering::Release);
        let writes = u64::try_from(writes).unwrap_or(u64::MAX);
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.transactions.fetch_add(1, Ordering::Relaxed);
        self.writes.fetch_add(writes, Ordering::Relaxed);
        self.microseconds.fetch_add(took, Ordering::Relaxed);
    }

    /// Whether the last transaction could not be written.
    pub(super) fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Acquire)
    }

    /// What was written since the start.
    pub(super) fn statistics(&self) -> WriteStatistics {
        WriteStatistics {
            transactions: self.transactions.load(Ordering::Relaxed),
            writes: self.writes.load(Ordering::Relaxed),
            microseconds: self.microseconds.load(Ordering::Relaxed),
        }
    }
}
