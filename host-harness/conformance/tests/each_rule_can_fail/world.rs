//! The made-up service: repositories that can be written to, and faults.

use crate::defect::Defect;
use crate::history::{History, Tag};
use std::collections::BTreeMap;
use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use vcs_conformance::ServerFaults;
use vcs_provider_interface::prelude::*;

pub(crate) const READABLE: &str = "team/read";
pub(crate) const WRITABLE: &str = "team/write";
pub(crate) const EMPTY: &str = "team/empty";

/// The credential that the service accepts.
pub(crate) const TOKEN: &str = "the-configured-token/+=";

#[derive(Clone, Default)]
pub(crate) struct Repo {
    pub(crate) branches: BTreeMap<String, String>,
    pub(crate) tags: BTreeMap<String, Tag>,
    pub(crate) hooks: Vec<Hook>,
    pub(crate) deleted_hooks: Vec<Hook>,
    pub(crate) statuses: Vec<Status>,
    pub(crate) pull_requests: Vec<PullRequest>,
    pub(crate) comments: Vec<(u64, Comment)>,
    pub(crate) approved: Vec<u64>,
}

#[derive(Default)]
struct Faults {
    slow: Option<Duration>,
    answers_left: Option<u64>,
    limited: Option<Duration>,
}

pub(crate) struct World {
    pub(crate) history: Arc<History>,
    pub(crate) defect: Option<Defect>,
    pub(crate) numbers: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) open_files: Mutex<Vec<File>>,
    pub(crate) over: Arc<(Mutex<bool>, Condvar)>,
    repos: Mutex<BTreeMap<String, Repo>>,
    faults: Mutex<Faults>,
    changed: Condvar,
    turn: AtomicBool,
    inside: (Mutex<u32>, Condvar),
}

/// Where in a call a request stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    First,
    Later,
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn not_found(what: impl std::fmt::Display) -> VcsError {
    VcsError::new(ErrorKind::NOT_FOUND, format!("there is no {what}"))
}

impl World {
    pub(crate) fn new(history: &Arc<History>, defect: Option<Defect>) -> Self {
        let full = Repo {
            branches: history.branches.clone(),
            tags: history.tags.clone(),
            ..Default::default()
        };
        let repos = [
            (READABLE, full.clone()),
            (WRITABLE, full),
            (EMPTY, Repo::default()),
            ("team/fork1", Repo::default()),
            ("team/fork2", Repo::default()),
        ];
        Self {
            history: Arc::clone(history),
            defect,
            numbers: AtomicU64::new(1),
            requests: AtomicU64::new(0),
            open_files: Mutex::default(),
            over: Arc::default(),
            repos: Mutex::new(repos.map(|(name, repo)| (name.to_owned(), repo)).into()),
            faults: Mutex::default(),
            changed: Condvar::new(),
            turn: AtomicBool::new(false),
            inside: Default::default(),
        }
    }

    pub(crate) fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    pub(crate) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// True at every second call.
    pub(crate) fn other_turn(&self) -> bool {
        self.turn.fetch_xor(true, Ordering::Relaxed)
    }

    pub(crate) fn repo_names(&self) -> Vec<String> {
        locked(&self.repos).keys().cloned().collect()
    }

    /// Works on a repository.
    pub(crate) fn with<T>(
        &self,
        name: &str,
        work: impl FnOnce(&mut Repo) -> Result<T>,
    ) -> Result<T> {
        let mut repos = locked(&self.repos);
        let repo = repos
            .get_mut(name)
            .ok_or_else(|| self.unknown_repository(name))?;
        work(repo)
    }

    fn unknown_repository(&self, name: &str) -> VcsError {
        let mut error = not_found(format_args!("repository {name:?}"));
        if self.has(Defect::EmptyMessage) {
            error.message.clear();
        }
        if self.has(Defect::WebPageInMessage) {
            error.message = "<!DOCTYPE html><html>not found</html>".to_owned();
        }
        error
    }

    /// Whether another call of this kind runs at the same time; waits a moment for one.
    pub(crate) fn is_disturbed(&self) -> bool {
        let (count, came) = &self.inside;
        let mut inside = locked(count);
        *inside += 1;
        came.notify_all();
        let (mut inside, _) = came
            .wait_timeout_while(inside, Duration::from_millis(20), |inside| *inside < 2)
            .unwrap_or_else(PoisonError::into_inner);
        let disturbed = *inside > 1;
        // The count stays up until everybody has seen it.
        if !disturbed {
            *inside -= 1;
        }
        disturbed
    }

    /// One request to the service.
    pub(crate) fn request(&self, context: &dyn CallContext, place: Place) -> Result<()> {
        let (cancelled_ignored, late_ignored) = match place {
            Place::First => (
                self.has(Defect::CancelledBeforeIgnored),
                self.has(Defect::DeadlineBeforeIgnored),
            ),
            Place::Later => (
                self.has(Defect::CancelledBetweenPagesIgnored),
                self.has(Defect::DeadlineBetweenPagesIgnored),
            ),
        };
        if !cancelled_ignored {
            refuse_if_cancelled(context)?;
        }
        if !late_ignored {
            refuse_if_late(context)?;
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        let mut faults = locked(&self.faults);
        if let Some(answers_left) = &mut faults.answers_left {
            if *answers_left == 0 {
                return Err(VcsError::new(ErrorKind::UNAVAILABLE, "the service failed"));
            }
            *answers_left -= 1;
        }
        if let Some(delay) = faults.slow {
            let limit = match context.time_left() {
                Some(left) if !self.has(Defect::DeadlineOfSlowServerIgnored) => left.min(delay),
                _ => delay,
            };
            let restored = self
                .changed
                .wait_timeout_while(faults, limit, |faults| faults.slow.is_some());
            drop(restored);
            return refuse_if_late(context);
        }
        if let Some(wait) = faults.limited {
            drop(faults);
            return Err(self.wait_for_rate(context, wait));
        }
        Ok(())
    }

    /// Waits as the service asks, but not longer than the caller wants.
    fn wait_for_rate(&self, context: &dyn CallContext, wait: Duration) -> VcsError {
        let ignores = self.has(Defect::CancelledWhileWaitingIgnored);
        // A wrong provider need not be waited for to the end.
        let end = Instant::now()
            + if ignores {
                Duration::from_secs(3)
            } else {
                wait
            };
        let mut faults = locked(&self.faults);
        while Instant::now() < end {
            if !ignores {
                if let Err(error) = refuse_if_cancelled(context).and(refuse_if_late(context)) {
                    return error;
                }
            }
            faults = self
                .changed
                .wait_timeout(faults, Duration::from_millis(5))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        VcsError::new(ErrorKind::RATE_LIMITED, "too many requests").with_retry_after(wait)
    }

    fn change_faults(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut locked(&self.faults));
        self.changed.notify_all();
    }

    /// A thread that ends with the world and not with the call.
    pub(crate) fn leave_thread(&self) {
        let over = Arc::clone(&self.over);
        std::thread::spawn(move || {
            let (flag, changed) = &*over;
            let guard = changed.wait_while(locked(flag), |over| !*over);
            drop(guard);
        });
    }
}

impl Drop for World {
    fn drop(&mut self) {
        *locked(&self.over.0) = true;
        self.over.1.notify_all();
    }
}

fn refuse_if_cancelled(context: &dyn CallContext) -> Result<()> {
    if context.is_cancelled() {
        return Err(VcsError::new(
            ErrorKind::CANCELLED,
            "the caller cancelled the call",
        ));
    }
    Ok(())
}

fn refuse_if_late(context: &dyn CallContext) -> Result<()> {
    if context.time_left().is_some_and(|left| left.is_zero()) {
        return Err(VcsError::new(ErrorKind::TIMEOUT, "the deadline has passed"));
    }
    Ok(())
}

impl ServerFaults for World {
    fn slow_down(&self, delay: Duration) {
        self.change_faults(|faults| faults.slow = Some(delay));
    }

    fn fail_after(&self, answered: u64) {
        self.change_faults(|faults| faults.answers_left = Some(answered));
    }

    fn limit_rate(&self, wait: Duration) {
        self.change_faults(|faults| faults.limited = Some(wait));
    }

    fn restore(&self) {
        self.change_faults(|faults| *faults = Faults::default());
    }
}
