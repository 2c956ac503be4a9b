//! The connections: threads that write with one each, and a few that are shared for
//! reading.
//!
//! While the database is away nobody waits for it: one connection is tried now and
//! then, everybody else is told at once.

use super::session::Session;
use super::settings::PostgresSettings;
use super::wait::blocking;
use crate::store::job::{Job, Progress, reject};
use crate::store::sql::Connection;
use crate::store::{Result, StoreError};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// Pieces of work that may wait; more are rejected as `Busy`.
const QUEUE: usize = 8192;

/// How long a reader waits for a connection.
const READ_WAIT: Duration = Duration::from_secs(5);

/// The time between two tries to reach a database that is away.
const BETWEEN_TRIES: Duration = Duration::from_millis(250);

/// How often a transaction is tried that others were in the way of.
const TRIES: u32 = 12;

/// What connections are made of.
pub(super) struct Source {
    runtime: Handle,
    settings: PostgresSettings,
    /// When the database could not be reached last, and why.
    away: Mutex<Option<(Instant, StoreError)>>,
}

impl Source {
    pub(super) fn new(runtime: Handle, settings: PostgresSettings) -> Self {
        Self {
            runtime,
            settings,
            away: Mutex::default(),
        }
    }

    /// Connects, unless that failed a moment ago.
    pub(super) fn connect(&self) -> Result<Session> {
        let known = lock(&self.away).clone();
        if let Some((_, error)) = known.filter(|(at, _)| at.elapsed() < BETWEEN_TRIES) {
            return Err(error);
        }
        let connected = Session::connect(&self.runtime, &self.settings);
        let error = connected.as_ref().err();
        *lock(&self.away) = error.map(|error| (Instant::now(), error.clone()));
        connected
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Connections for reading.
pub(super) struct Readers {
    source: Arc<Source>,
    limit: usize,
    state: Mutex<ReadersState>,
    given_back: Condvar,
}

#[derive(Default)]
struct ReadersState {
    idle: Vec<Session>,
    taken: usize,
    is_closed: bool,
}

impl Readers {
    pub(super) fn new(source: Arc<Source>, limit: usize) -> Self {
        Self {
            source,
            limit,
            state: Mutex::default(),
            given_back: Condvar::new(),
        }
    }

    /// Reads, on a connection that is idle or a new one.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        blocking(|| {
            let idle = self.take()?;
            let session = match idle.map_or_else(|| self.source.connect(), Ok) {
                Ok(session) => session,
                Err(error) => {
                    self.give_back(None);
                    return Err(error);
                }
            };
            let result = work(&session);
            self.give_back((!session.is_lost()).then_some(session));
            result
        })
    }

    /// A place among the readers, with a connection if one is idle.
    fn take(&self) -> Result<Option<Session>> {
        let deadline = Instant::now() + READ_WAIT;
        let mut state = lock(&self.state);
        while state.taken >= self.limit && !state.is_closed {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(StoreError::Busy);
            }
            let waited = self.given_back.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.is_closed {
            return Err(StoreError::Shut);
        }
        state.taken += 1;
        // One that the server has closed meanwhile is no use.
        state.idle.retain(|session| !session.is_lost());
        Ok(state.idle.pop())
    }

    fn give_back(&self, session: Option<Session>) {
        let mut state = lock(&self.state);
        state.taken -= 1;
        if !state.is_closed {
            state.idle.extend(session);
        }
        drop(state);
        self.given_back.notify_one();
    }

    /// Closes all.
    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        state.is_closed = true;
        state.idle.clear();
        drop(state);
        self.given_back.notify_all();
    }
}

/// The threads that write, each with a connection and one transaction for each piece
/// of work.
pub(super) struct Writers {
    queue: Arc<Queue>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Queue {
    state: Mutex<QueueState>,
    changed: Condvar,
    progress: Progress,
}

#[derive(Default)]
struct QueueState {
    jobs: VecDeque<Box<dyn Job>>,
    is_closed: bool,
}

impl Writers {
    /// Starts the threads; the first one uses this connection.
    pub(super) fn start(source: &Arc<Source>, first: Session, count: usize) -> Result<Self> {
        let queue = Arc::new(Queue {
            state: Mutex::default(),
            changed: Condvar::new(),
            progress: Progress::default(),
        });
        let mut first = Some(first);
        let mut threads = Vec::new();
        for _ in 0..count.max(1) {
            let (queue, source, session) = (Arc::clone(&queue), Arc::clone(source), first.take());
            let thread = std::thread::Builder::new()
                .name("store-writer".to_owned())
                .spawn(move || write_all(&queue, &source, session))
                .map_err(|error| StoreError::Failed(error.to_string()))?;
            threads.push(thread);
        }
        Ok(Self {
            queue,
            threads: Mutex::new(threads),
        })
    }

    /// Hands over a piece of work.
    pub(super) fn submit(&self, job: Box<dyn Job>) {
        let mut state = lock(&self.queue.state);
        let error = match () {
            () if state.is_closed => StoreError::Shut,
            () if state.jobs.len() >= QUEUE => StoreError::Busy,
            () => {
                state.jobs.push_back(job);
                drop(state);
                self.queue.changed.notify_one();
                return;
            }
        };
        drop(state);
        reject(job, error);
    }

    /// What is written.
    pub(super) fn progress(&self) -> &Progress {
        &self.queue.progress
    }

    /// Writes what was handed over and closes the connections.
    pub(super) fn finish(&self) {
        lock(&self.queue.state).is_closed = true;
        self.queue.changed.notify_all();
        for thread in lock(&self.threads).drain(..) {
            // A panic of the thread was reported by the thread itself.
            let _ = thread.join();
        }
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Queue {
    fn next(&self) -> Option<Box<dyn Job>> {
        let mut state = lock(&self.state);
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if state.is_closed {
                return None;
            }
            let waited = self.changed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn write_all(queue: &Queue, source: &Source, mut session: Option<Session>) {
    while let Some(mut job) = queue.next() {
        let begun = Instant::now();
        let written = write(&mut session, source, job.as_mut());
        if let Err(error) = &written {
            job.fail(error.clone());
        }
        let is_away = matches!(
            written,
            Err(StoreError::Away(_) | StoreError::Full | StoreError::ReadOnly)
        );
        queue.progress.note(!is_away, 1, begun.elapsed());
        job.reply();
    }
}

/// Does a piece of work in a transaction of its own, again when others were in the way.
fn write(session: &mut Option<Session>, source: &Source, job: &mut dyn Job) -> Result<()> {
    let mut tries = 0;
    loop {
        if session.as_ref().is_none_or(Session::is_lost) {
            *session = None;
            *session = Some(source.connect()?);
        }
        let Some(connection) = session.as_ref() else {
            return Err(StoreError::Shut);
        };
        tries += 1;
        match write_once(connection, job) {
            Err(StoreError::Busy) if tries < TRIES => {
                // Those who were in each other's way do not try again together.
                let pause = u64::from(std::process::id() % 7 + tries * 3);
                std::thread::sleep(Duration::from_millis(pause));
            }
            result => {
                if connection.is_lost() {
                    *session = None;
                }
                return result;
            }
        }
    }
}

fn write_once(session: &Session, job: &mut dyn Job) -> Result<()> {
    session.begin();
    // A defect in one piece of work must not end the thread that others need.
    let ran = catch_unwind(AssertUnwindSafe(|| job.run(session)));
    let ran = ran.unwrap_or_else(|_| Err(StoreError::Failed("a write panicked".to_owned())));
    match ran {
        Ok(()) => session.end(true),
        Err(error) => {
            if !session.is_lost() {
                // The error of the work is the one to tell.
                let _ = session.end(false);
            }
            Err(error)
        }
    }
}
