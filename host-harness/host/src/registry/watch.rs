//! Reloads when a plugin directory has changed.
//!
//! The operating system's reports make that quick. They are no proof that
//! nothing happened: they follow the directory that was opened, so they end
//! with it and know nothing of a link that is switched, and some file systems
//! make none. So the directory is also looked at every now and then.

use super::Shared;
use super::reload::{ReloadReport, reload};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// How long a directory must rest after a change. A file that is still being
/// copied by then is rejected, for its digest is not that of its manifest, and
/// tried again after its next change.
const REST: Duration = Duration::from_millis(300);

/// How often the directory is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// How long a dropped watch waits for a reload that is under way.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// What happens to a watched directory.
enum Happened {
    Changed,
    Dropped,
}

/// Watches a plugin directory until it is dropped. Dropping waits for a reload
/// that is under way, but not for long: plugins may hang.
pub struct Watch {
    send: Sender<Happened>,
    ended: Mutex<Receiver<()>>,
}

impl Watch {
    pub(super) fn start(
        shared: &Arc<Shared>,
        directory: &Path,
        report: impl Fn(&ReloadReport) + Send + 'static,
    ) -> Result<Self, String> {
        let (send, happened) = mpsc::channel();
        let (ending, ended) = mpsc::channel::<()>();
        let follower = Follower {
            shared: Arc::downgrade(shared),
            directory: directory.to_owned(),
            send: send.clone(),
            happened,
            watcher: None,
        };
        // Taken before the caller goes on, so that no change from now on is missed.
        let state = State::of(directory);
        std::thread::Builder::new()
            .name("plugin-watch".to_owned())
            .spawn(move || {
                follower.follow(state, report);
                drop(ending);
            })
            .map_err(|error| format!("{} cannot be watched: {error}", directory.display()))?;
        Ok(Self {
            send,
            ended: Mutex::new(ended),
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // The thread is gone already if nothing is left to watch for.
        let _ = self.send.send(Happened::Dropped);
        // Ends when the thread drops its side.
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = ended.recv_timeout(LAST_WAIT);
    }
}

/// A directory and its files, as far as a change of them can be seen without
/// reading them.
#[derive(PartialEq, Eq)]
struct State {
    /// Device and number; `None` if it is not there.
    directory: Option<(u64, u64)>,
    files: Vec<FileState>,
}

/// A file, as far as a change of it can be seen without reading it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct FileState {
    name: OsString,
    number: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl State {
    fn of(directory: &Path) -> Self {
        let found = fs::metadata(directory).ok();
        let entries = fs::read_dir(directory).into_iter().flatten();
        let mut files: Vec<FileState> = entries
            .filter_map(Result::ok)
            .filter_map(|entry| {
                let metadata = entry.metadata().ok()?;
                Some(FileState {
                    name: entry.file_name(),
                    number: metadata.ino(),
                    size: metadata.len(),
                    modified: (metadata.mtime(), metadata.mtime_nsec()),
                    changed: (metadata.ctime(), metadata.ctime_nsec()),
                })
            })
            .collect();
        files.sort_unstable();
        Self {
            directory: found.map(|found| (found.dev(), found.ino())),
            files,
        }
    }
}

struct Follower {
    shared: Weak<Shared>,
    directory: PathBuf,
    send: Sender<Happened>,
    happened: Receiver<Happened>,
    watcher: Option<RecommendedWatcher>,
}

impl Follower {
    fn follow(mut self, mut known: State, report: impl Fn(&ReloadReport)) {
        self.watch_again();
        loop {
            match self.happened.recv_timeout(LOOK) {
                Ok(Happened::Changed) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Happened::Dropped) | Err(RecvTimeoutError::Disconnected) => return,
            }
            let mut found = State::of(&self.directory);
            if found == known {
                continue;
            }
            // Wait until nothing has happened for a while.
            loop {
                match self.happened.recv_timeout(REST) {
                    Ok(Happened::Changed) => continue,
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(Happened::Dropped) | Err(RecvTimeoutError::Disconnected) => return,
                }
                let rested = State::of(&self.directory);
                if rested == found {
                    break;
                }
                found = rested;
            }
            if found.directory != known.directory || self.watcher.is_none() {
                self.watch_again();
            }
            let Some(shared) = self.shared.upgrade() else {
                return;
            };
            // What changes during the reload differs from this.
            known = found;
            report(&reload(&shared, &self.directory));
        }
    }

    /// Has the system report changes of the directory that stands there now. If
    /// it cannot, looking every now and then has to do.
    fn watch_again(&mut self) {
        self.watcher = None;
        let send = self.send.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // An error may mean that events were lost, which is a reason to
            // look as well.
            if event.map_or(true, |event| is_change(&event)) {
                // The thread is gone only while the watch is dropped.
                let _ = send.send(Happened::Changed);
            }
        });
        self.watcher = watcher.ok().and_then(|mut watcher| {
            let watched = watcher.watch(&self.directory, RecursiveMode::NonRecursive);
            watched.is_ok().then_some(watcher)
        });
    }
}

/// Reading the directory is an event as well, and no reason to read it again.
fn is_change(event: &notify::Event) -> bool {
    !matches!(event.kind, notify::EventKind::Access(_))
}
