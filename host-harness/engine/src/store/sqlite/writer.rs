//! One thread that writes, and commits many callers' work at once.
//!
//! A durable commit costs a flush of the disk. While one flush runs, more work
//! arrives; all of it goes into the next transaction, each piece in a savepoint
//! of its own, so that one failing piece undoes only itself. Nobody is told of
//! success before the transaction is on the disk.

use crate::store::error::StoreError;
use crate::store::job::{Job, Progress, WriteStatistics, reject};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Instant;

/// Pieces of work in one transaction, at most.
const GROUP: usize = 256;

/// Pieces of work that may wait; more are rejected as `Busy`.
const QUEUE: usize = 8192;

/// The way to the writing thread. Dropping it waits until the thread has
/// written what it was given.
pub(crate) struct Writer {
    jobs: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    waiting: Arc<AtomicUsize>,
    progress: Arc<Progress>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// `Failed` if the system gives no thread.
    pub(crate) fn start(connection: rusqlite::Connection) -> Result<Self, StoreError> {
        let (sender, receiver) = mpsc::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&waiting);
        let progress = Arc::new(Progress::default());
        let made = Arc::clone(&progress);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                write_all(&connection, &receiver, &counter, &made);
                put_into_one_file(connection);
            })
            .map_err(|error| StoreError::Failed(error.to_string()))?;
        Ok(Self {
            jobs: Mutex::new(Some(sender)),
            waiting,
            progress,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Hands over a piece of work. It is replied to on the writing thread once it is
    /// durable or has failed.
    pub(crate) fn submit(&self, job: Box<dyn Job>) {
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

impl Writer {
    /// Whether the last transaction could not be written.
    pub(crate) fn is_failing(&self) -> bool {
        self.progress.is_failing()
    }

    /// What was written since the start.
    pub(crate) fn statistics(&self) -> WriteStatistics {
        self.progress.statistics()
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
fn put_into_one_file(connection: rusqlite::Connection) {
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
    connection: &rusqlite::Connection,
    receiver: &mpsc::Receiver<Box<dyn Job>>,
    waiting: &AtomicUsize,
    progress: &Progress,
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
        let begun = Instant::now();
        let written = write_group(connection, &mut group);
        progress.note(written.is_ok(), group.len(), begun.elapsed());
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
fn write_group(
    connection: &rusqlite::Connection,
    group: &mut [Box<dyn Job>],
) -> Result<(), StoreError> {
    let execute = |sql| -> Result<(), StoreError> {
        connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    };
    execute("BEGIN IMMEDIATE")?;
    for job in group {
        execute("SAVEPOINT piece")?;
        // A defect in one piece of work must not end the thread that all others need.
        let ran = catch_unwind(AssertUnwindSafe(|| job.run(connection)));
        let ran = ran.unwrap_or_else(|_| {
            let error = StoreError::Failed("a write panicked".to_owned());
            job.fail(error.clone());
            Err(error)
        });
        match ran {
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
