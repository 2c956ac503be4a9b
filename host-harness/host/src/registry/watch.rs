//! Reloads when a plugin directory has changed.

use super::Shared;
use super::reload::{ReloadReport, reload};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a directory must rest after a change. A file that is still being
/// copied by then is rejected, for its digest is not that of its manifest, and
/// tried again after its next change.
const REST: Duration = Duration::from_millis(300);

/// Watches a plugin directory until it is dropped.
pub struct Watch {
    watcher: Option<RecommendedWatcher>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(super) fn start(
        shared: &Arc<Shared>,
        directory: &Path,
        report: impl Fn(&ReloadReport) + Send + 'static,
    ) -> Result<Self, String> {
        let in_words = |error: &dyn std::fmt::Display| {
            format!("{} cannot be watched: {error}", directory.display())
        };
        let (send, changes) = mpsc::channel();
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                // An error may mean that events were lost, which is a reason to
                // look as well.
                if event.map_or(true, |event| is_change(&event)) {
                    // The thread is gone only while the watch is dropped.
                    let _ = send.send(());
                }
            })
            .map_err(|error| in_words(&error))?;
        watcher
            .watch(directory, RecursiveMode::NonRecursive)
            .map_err(|error| in_words(&error))?;
        let (shared, watched) = (Arc::downgrade(shared), directory.to_owned());
        let thread = std::thread::Builder::new()
            .name("plugin-watch".to_owned())
            .spawn(move || follow(&shared, &watched, &changes, report))
            .map_err(|error| in_words(&error))?;
        Ok(Self {
            watcher: Some(watcher),
            thread: Some(thread),
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Without the watcher there is no sender, and the thread ends.
        self.watcher = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Reading the directory is an event as well, and no reason to read it again.
fn is_change(event: &notify::Event) -> bool {
    !matches!(event.kind, notify::EventKind::Access(_))
}

fn follow(
    shared: &Weak<Shared>,
    directory: &Path,
    changes: &Receiver<()>,
    report: impl Fn(&ReloadReport),
) {
    while changes.recv().is_ok() {
        // Wait until nothing has happened for a while.
        loop {
            match changes.recv_timeout(REST) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        let Some(shared) = shared.upgrade() else {
            return;
        };
        report(&reload(&shared, directory));
    }
}
