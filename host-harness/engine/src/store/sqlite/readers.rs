//! Connections for reading: a bounded number, kept open, shared by waiting.
//!
//! Making a connection costs more than most reads, so that it is better to wait for
//! one than to make another.

use super::connect;
use crate::store::{Result, StoreError};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Connections at the same time.
const CONNECTIONS: usize = 8;

/// How long closing waits for those who still read.
const CLOSING: Duration = Duration::from_secs(5);

/// The connections for reading.
pub(super) struct Readers {
    path: PathBuf,
    state: Mutex<State>,
    given_back: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    /// Those that are in use.
    taken: usize,
    is_closed: bool,
}

/// A connection in use. Dropping it closes it; a sound one is given back.
pub(super) struct Reader<'r> {
    readers: &'r Readers,
    connection: Option<Connection>,
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            state: Mutex::default(),
            given_back: Condvar::new(),
        }
    }

    /// A connection, as soon as there is one.
    pub(super) fn take(&self) -> Result<Reader<'_>> {
        let is_busy = |state: &mut State| state.taken >= CONNECTIONS && !state.is_closed;
        let waited = self.given_back.wait_while(self.state(), is_busy);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.is_closed {
            return Err(StoreError::Shut);
        }
        state.taken += 1;
        let idle = state.idle.pop();
        drop(state);
        let mut reader = Reader {
            readers: self,
            connection: idle,
        };
        if reader.connection.is_none() {
            // On failure, dropping the reader frees its place.
            reader.connection = Some(connect(&self.path)?);
        }
        Ok(reader)
    }

    /// Closes all; says whether nobody reads any more.
    pub(super) fn close(&self) -> bool {
        let deadline = Instant::now() + CLOSING;
        let mut state = self.state();
        state.is_closed = true;
        state.idle.clear();
        self.given_back.notify_all();
        while state.taken > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.given_back.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader<'_> {
    pub(super) fn connection(&self) -> Result<&Connection> {
        self.connection.as_ref().ok_or(StoreError::Shut)
    }

    /// Keeps the connection for others.
    pub(super) fn give_back(mut self) {
        let connection = self.connection.take();
        let mut state = self.readers.state();
        if !state.is_closed {
            state.idle.extend(connection);
        }
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.readers.state().taken -= 1;
        self.readers.given_back.notify_all();
    }
}
