//! One rotation at a time: a lock per grant that holds in this process and
//! between processes, and that a dying process lets go.
//!
//! Between machines that share a database it is a lease of the store. Between processes
//! of one machine it is a lock on a file (`flock`), which belongs to an open
//! file and not to a process; so the threads of one process queue up first and
//! only the foremost asks for the file. Where another process holds the file, a
//! helper thread waits for it in the system, at most one for each grant, while
//! the callers wait with their deadlines. Only a lease is asked for again and again.

use crate::store::{Store, WorkLease};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, VecDeque};
use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use vcs_provider_interface::error::{ErrorKind, VcsError};

/// The time between two tries to have a lease.
const BETWEEN_TRIES: Duration = Duration::from_millis(25);

/// The locks of all grants of a store.
pub(super) struct GrantLocks {
    place: Place,
    slots: Mutex<HashMap<String, Arc<Slot>>>,
    next: AtomicU64,
}

/// Where the locks are that others respect.
enum Place {
    /// In files of this directory.
    Files(PathBuf),
    /// In the store.
    Leases(Arc<Store>),
}

/// Where the lock of one grant is.
enum SlotPlace {
    File(PathBuf),
    Lease(Arc<Store>, String),
}

/// What keeps others out until it is dropped.
enum Held {
    File(#[allow(dead_code, reason = "the system lets go when it is closed")] File),
    Lease(#[allow(dead_code, reason = "it is released when it is dropped")] WorkLease),
}

/// The lock of one grant.
struct Slot {
    place: SlotPlace,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Who waits, the foremost first.
    queue: VecDeque<u64>,
    /// Who holds the lock, with what others respect.
    holder: Option<(u64, Held)>,
    /// Whether the helper waits.
    helper_waits: bool,
    /// What the helper brought for the foremost of the queue.
    brought: Option<Result<Held, VcsError>>,
}

impl GrantLocks {
    /// Locks that are shared by everybody who uses the same store.
    ///
    /// # Errors
    /// What the system says if the directory of the lock files cannot be made.
    pub(super) fn of(store: &Arc<Store>) -> std::io::Result<Self> {
        match store.lock_directory() {
            Some(directory) => Self::in_files(directory),
            None => Ok(Self::at(Place::Leases(Arc::clone(store)))),
        }
    }

    fn in_files(directory: PathBuf) -> std::io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)?;
        Ok(Self::at(Place::Files(directory)))
    }

    fn at(place: Place) -> Self {
        Self {
            place,
            slots: Mutex::default(),
            next: AtomicU64::new(1),
        }
    }

    /// Waits for the lock of a grant and returns the number to unlock with.
    ///
    /// # Errors
    /// `Timeout` after `wait`; `Internal` if the lock file cannot be used.
    pub(super) fn lock(&self, grant_id: &str, wait: Duration) -> Result<u64, VcsError> {
        let deadline = Instant::now() + wait;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let slot = self.slot(grant_id);
        let mut state = slot.state();
        state.queue.push_back(number);
        loop {
            let is_foremost = state.queue.front() == Some(&number) && state.holder.is_none();
            if is_foremost {
                match slot.take(&mut state) {
                    Ok(Some(held)) => {
                        state.queue.pop_front();
                        state.holder = Some((number, held));
                        return Ok(number);
                    }
                    Ok(None) => {}
                    Err(error) => {
                        slot.leave_queue(&mut state, number);
                        return Err(error);
                    }
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                slot.leave_queue(&mut state, number);
                return Err(VcsError::new(
                    ErrorKind::TIMEOUT,
                    format!(
                        "somebody else has been renewing the same grant for longer than {} ms",
                        wait.as_millis()
                    ),
                ));
            }
            state = slot
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Lets the next one have the lock; a number that holds nothing is ignored.
    pub(super) fn unlock(&self, grant_id: &str, number: u64) {
        let slot = self.slot(grant_id);
        let mut state = slot.state();
        if state
            .holder
            .as_ref()
            .is_some_and(|(holder, _)| *holder == number)
        {
            // Dropping it lets others have it.
            state.holder = None;
            slot.changed.notify_all();
        }
    }

    fn slot(&self, grant_id: &str) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.entry(grant_id.to_owned()).or_insert_with(|| {
            let name = hex::encode(&Sha256::digest(grant_id.as_bytes())[..16]);
            let place = match &self.place {
                Place::Files(directory) => SlotPlace::File(directory.join(name)),
                Place::Leases(store) => {
                    SlotPlace::Lease(Arc::clone(store), format!("grant:{name}"))
                }
            };
            Arc::new(Slot {
                place,
                state: Mutex::default(),
                changed: Condvar::new(),
            })
        });
        Arc::clone(slot)
    }
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What keeps others out, for the foremost of the queue; `None` while somebody else
    /// has it and the helper waits.
    fn take(self: &Arc<Self>, state: &mut State) -> Result<Option<Held>, VcsError> {
        if let Some(brought) = state.brought.take() {
            return brought.map(Some);
        }
        if state.helper_waits {
            return Ok(None);
        }
        let file = match &self.place {
            SlotPlace::Lease(..) => None,
            SlotPlace::File(path) => {
                let file = open(path).map_err(unusable)?;
                match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                    Ok(()) => return Ok(Some(Held::File(file))),
                    Err(Errno::WOULDBLOCK | Errno::INTR) => {}
                    Err(error) => return Err(unusable(error)),
                }
                Some(file)
            }
        };
        let slot = Arc::clone(self);
        std::thread::Builder::new()
            .name("grant-lock".to_owned())
            .spawn(move || slot.wait(file))
            .map_err(unusable)?;
        state.helper_waits = true;
        Ok(None)
    }

    /// The helper's work: waits, then hands what it has to whoever is foremost by then,
    /// or lets it go if nobody waits any more.
    fn wait(&self, file: Option<File>) {
        let taken = match (&self.place, file) {
            (SlotPlace::Lease(store, name), _) => self.wait_for_lease(store, name),
            (SlotPlace::File(_), Some(file)) => {
                wait_for_file(file).map(|file| Some(Held::File(file)))
            }
            (SlotPlace::File(_), None) => Ok(None),
        };
        let mut state = self.state();
        state.helper_waits = false;
        if !state.queue.is_empty() {
            state.brought = taken.transpose();
        }
        self.changed.notify_all();
    }

    /// The lease, as soon as it is to be had; `None` if nobody waits for it any more.
    fn wait_for_lease(&self, store: &Store, name: &str) -> Result<Option<Held>, VcsError> {
        while !self.state().queue.is_empty() {
            if let Some(lease) = store.lease(name)? {
                return Ok(Some(Held::Lease(lease)));
            }
            std::thread::sleep(BETWEEN_TRIES);
        }
        Ok(None)
    }

    fn leave_queue(&self, state: &mut State, number: u64) {
        state.queue.retain(|waiting| *waiting != number);
        if state.queue.is_empty() {
            state.brought = None;
        }
        self.changed.notify_all();
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

/// Waits in the system until the file is locked.
fn wait_for_file(file: File) -> Result<File, VcsError> {
    loop {
        match flock(&file, FlockOperation::LockExclusive) {
            Ok(()) => return Ok(file),
            Err(Errno::INTR) => {}
            Err(error) => return Err(unusable(error)),
        }
    }
}

fn unusable(error: impl std::fmt::Display) -> VcsError {
    let message = format!("the lock of a grant cannot be used: {error}");
    VcsError::new(ErrorKind::INTERNAL, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    const SOON: Duration = Duration::from_millis(30);
    const LONG: Duration = Duration::from_secs(20);

    fn locks() -> (tempfile::TempDir, Arc<GrantLocks>) {
        let directory = tempfile::tempdir().unwrap();
        let locks = GrantLocks::in_files(directory.path().join("engine.sqlite.locks")).unwrap();
        (directory, Arc::new(locks))
    }

    /// The same store's locks, as another process would see them.
    fn elsewhere(directory: &tempfile::TempDir) -> GrantLocks {
        GrantLocks::in_files(directory.path().join("engine.sqlite.locks")).unwrap()
    }

    #[test]
    fn only_one_holds_the_lock_of_a_grant_at_a_time() {
        let (_directory, locks) = locks();
        let held = Arc::new(AtomicBool::new(false));
        let threads: Vec<_> = (0..32)
            .map(|_| {
                let (locks, held) = (Arc::clone(&locks), Arc::clone(&held));
                std::thread::spawn(move || {
                    for _ in 0..20 {
                        let number = locks.lock("grant", LONG).unwrap();
                        assert!(!held.swap(true, Ordering::AcqRel), "two hold the lock");
                        std::thread::yield_now();
                        held.store(false, Ordering::Release);
                        locks.unlock("grant", number);
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    }

    #[test]
    fn the_lock_holds_between_processes() {
        let (directory, locks) = locks();
        let others = elsewhere(&directory);
        let number = locks.lock("grant", LONG).unwrap();
        let error = others.lock("grant", SOON).unwrap_err();
        assert_eq!(error.kind, ErrorKind::TIMEOUT);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| others.lock("grant", LONG));
            locks.unlock("grant", number);
            assert!(waiting.join().unwrap().is_ok());
        });
        assert!(locks.lock("grant", SOON).is_err());
    }

    #[test]
    fn nobody_is_left_with_the_lock_after_giving_up_waiting() {
        let (directory, locks) = locks();
        let others = elsewhere(&directory);
        let number = locks.lock("grant", LONG).unwrap();
        assert!(others.lock("grant", SOON).is_err());
        assert!(others.lock("grant", SOON).is_err());
        locks.unlock("grant", number);
        let number = locks.lock("grant", LONG).unwrap();
        locks.unlock("grant", number);
        assert!(others.lock("grant", LONG).is_ok());
    }

    #[test]
    fn locks_of_other_grants_are_free() {
        let (_directory, locks) = locks();
        locks.lock("one", LONG).unwrap();
        assert!(locks.lock("other", SOON).is_ok());
    }

    #[test]
    fn unlocking_with_a_number_that_holds_nothing_changes_nothing() {
        let (_directory, locks) = locks();
        let number = locks.lock("grant", LONG).unwrap();
        locks.unlock("grant", number + 1);
        assert!(locks.lock("grant", SOON).is_err());
    }
}
