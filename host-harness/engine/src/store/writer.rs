//! One thread that writes, and commits many callers' work at once.
//!
//! A durable commit costs a flush of the disk. While one flush runs, more work
//! arrives; all of it goes into the next transaction, each piece in a savepoint
//! of its own, so that one failing piece undoes only itself. Nobody is told of
//! success before the transaction is on the disk.

use super::error::StoreError;
use rusqlite::Connection;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;

/// Pieces of work in one transaction, at most.
const GROUP: usize = 256;

/// Pieces of work that may wait; more are rejected as `Busy`.
const QUEUE: usize = 8192;

/// A piece of work and where its result goes.
trait Job: Send {
    /// Does the work inside the transaction.
    fn run(&mut self, connection: &Connection) -> Result<(), StoreError>;

    /// Takes back the result of `run`: the transaction did not come about.
    fn fail(&mut self, error: StoreError);

    /// Tells the caller; the transaction is on the disk or undone.
    fn reply(self: Box<Self>);
}

struct Work<T, F, R> {
    work: Option<F>,
    result: Result<T, StoreError>,
    reply: R,
}

impl<T, F, R> Job for Work<T, F, R>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, StoreError> + Send,
    R: FnOnce(Result<T, StoreError>) + Send,
{
    fn run(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let Some(work) = self.work.take() else {
            return Err(StoreError::Shut);
        };
        match work(connection) {
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

/// The way to the writing thread. Dropping it waits until the thread has
/// written what it was given.
pub(crate) struct Writer {
    jobs: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    waiting: Arc<AtomicUsize>,
    is_failing: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// `Failed` if the system gives no thread.
    pub(crate) fn start(connection: Connection) -> Result<Self, StoreError> {
        let (sender, receiver) = mpsc::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&waiting);
        let is_failing = Arc::new(AtomicBool::new(false));
        let failing = Arc::clone(&is_failing);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                write_all(&connection, &receiver, &counter, &failing);
                put_into_one_file(connection);
            })
            .map_err(|error| StoreError::Failed(error.to_string()))?;
        Ok(Self {
            jobs: Mutex::new(Some(sender)),
            waiting,
            is_failing,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Hands over a piece of work; `reply` is called on the writing thread once
    /// it is durable or has failed, and must be quick.
    pub(crate) fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        reply: impl FnOnce(Result<T, StoreError>) + Send + 'static,
    ) {
        let job: Box<dyn Job> = Box::new(Work {
            work: Some(work),
            result: Err(StoreError::Shut),
            reply,
        });
        if self.waiting.fetch_add(1, Ordering::AcqRel) >= QUEUE {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            reject(job, StoreError::Busy);
            return;
        }
        let unsent = match self.jobs.lock() {
            Ok(jobs) => match jobs.as_ref() {
                Some(sender) => sender.send(job).err().map(|unsent| unsent.0),
                None => Some(job),
            },
            Err(_) => Some(job),
        };
        if let Some(job) = unsent {
            reject(job, StoreError::Shut);
        }
    }
}

fn reject(mut job: Box<dyn Job>, error: StoreError) {
    job.fail(error);
    job.reply();
}

impl Writer {
    /// Whether the last transaction could not be written.
    pub(crate) fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Acquire)
    }

    /// Writes what was handed over, and closes the connection; later work is
    /// rejected.
    pub(crate) fn finish(&self) {
        if let Ok(mut jobs) = self.jobs.lock() {
            jobs.take();
        }
        let thread = self.thread.lock().ok().and_then(|mut thread| thread.take());
        if let Some(thread) = thread {
            // A panic of the thread was reported by the thread itself.
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Moves what stands in the write-ahead log into the file itself, so that a copy of
/// the file alone holds everything.
fn put_into_one_file(connection: Connection) {
    let moved = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
        row.get::<_, i64>(0)
    });
    match moved {
        Ok(0) => {}
        Ok(_) => tracing::warn!(
            "somebody else has the engine's store open: copy its -wal file along with it"
        ),
        Err(error) => tracing::warn!(%error, "the engine's store was not put into one file"),
    }
    if let Err((_, error)) = connection.close() {
        tracing::warn!(%error, "the engine's store was not closed in order");
    }
}

fn write_all(
    connection: &Connection,
    receiver: &mpsc::Receiver<Box<dyn Job>>,
    waiting: &AtomicUsize,
    is_failing: &AtomicBool,
) {
    while let Ok(first) = receiver.recv() {
        let mut group = vec![first];
        while group.len() < GROUP {
            match receiver.try_recv() {
                Ok(job) => group.push(job),
                Err(_) => break,
            }
        }
        waiting.fetch_sub(group.len(), Ordering::AcqRel);
        let written = write_group(connection, &mut group);
        is_failing.store(written.is_err(), Ordering::Release);
        if let Err(error) = written {
            if !connection.is_autocommit() {
                // The transaction could not be ended; undo it, so that the next
                // group can begin. Failing here shows up there.
                let _ = connection.execute_batch("ROLLBACK");
            }
            for job in &mut group {
                job.fail(error.clone());
            }
        }
        for job in group {
            job.reply();
        }
    }
}

/// Writes a group in one transaction. An error means that none of it is there.
fn write_group(connection: &Connection, group: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
    let execute = |sql| -> Result<(), StoreError> {
        connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    };
    execute("BEGIN IMMEDIATE")?;
    for job in group {
        execute("SAVEPOINT piece")?;
        match job.run(connection) {
            Ok(()) => execute("RELEASE piece")?,
            // SQLite undoes the whole transaction on its own when, for
            // instance, the disk is full.
            Err(error) if connection.is_autocommit() => return Err(error),
            Err(_) => {
                execute("ROLLBACK TO piece")?;
                execute("RELEASE piece")?;
            }
        }
    }
    execute("COMMIT")
}
