//! Tasks that never end by themselves: one that does is started again, with a reason
//! in the log, and liveness knows.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};

/// The pause before a task is started again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A task that ran for so long has recovered.
const RECOVERED: Duration = Duration::from_secs(30);

/// The tasks of an engine.
#[derive(Default)]
pub struct Tasks {
    states: Mutex<BTreeMap<String, State>>,
}

struct State {
    is_running: bool,
    since: Instant,
    restarts: u64,
    reason: Option<String>,
}

/// A task that ended though it should not.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FailingTask {
    /// Which.
    pub task: String,
    /// How often it was started again.
    pub restarts: u64,
    /// Why it ended last.
    pub reason: String,
}

/// Ends a task when nobody waits for it any more.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Tasks {
    /// Runs a task until `stop` says so, and starts it again whenever it ends before.
    pub async fn supervise<F>(
        self: Arc<Self>,
        name: impl Into<String>,
        mut stop: watch::Receiver<bool>,
        task: impl Fn() -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let name = name.into();
        let mut pause = FIRST_PAUSE;
        while !*stop.borrow() {
            self.begins(&name);
            let begun = Instant::now();
            let mut running = AbortOnDrop(tokio::spawn(task()));
            let ended = (&mut running.0).await;
            if *stop.borrow() {
                break;
            }
            let reason = reason_of(ended);
            tracing::error!(
                task = name,
                reason,
                "a background task ended and is started again"
            );
            self.ended(&name, reason);
            if begun.elapsed() > RECOVERED {
                pause = FIRST_PAUSE;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stop.wait_for(|stopped| *stopped) => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.states().remove(&name);
    }

    /// The tasks that are not running, or were started again a moment ago.
    #[must_use]
    pub fn failing(&self) -> Vec<FailingTask> {
        self.states()
            .iter()
            .filter(|(_, state)| !state.is_running || state.since.elapsed() < RECOVERED)
            .filter_map(|(name, state)| {
                Some(FailingTask {
                    task: name.clone(),
                    restarts: state.restarts,
                    reason: state.reason.clone()?,
                })
            })
            .collect()
    }

    /// How often tasks were started again.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        self.states().values().map(|state| state.restarts).sum()
    }

    fn begins(&self, name: &str) {
        let mut states = self.states();
        let state = states.entry(name.to_owned()).or_insert(State {
            is_running: true,
            since: Instant::now(),
            restarts: 0,
            reason: None,
        });
        state.is_running = true;
        state.since = Instant::now();
    }

    fn ended(&self, name: &str, reason: String) {
        if let Some(state) = self.states().get_mut(name) {
            state.is_running = false;
            state.restarts += 1;
            state.reason = Some(reason);
        }
    }

    fn states(&self) -> MutexGuard<'_, BTreeMap<String, State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn reason_of(ended: Result<(), JoinError>) -> String {
    let Err(error) = ended else {
        return "it returned".to_owned();
    };
    match error.try_into_panic() {
        Ok(payload) => {
            let words = payload
                .downcast_ref::<&str>()
                .map(|words| (*words).to_owned())
                .or_else(|| payload.downcast_ref::<String>().cloned());
            format!("a panic: {}", words.as_deref().unwrap_or("without words"))
        }
        Err(error) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::sync::mpsc;

    #[tokio::test]
    async fn a_task_that_panics_is_started_again_and_reported() {
        let tasks = Arc::new(Tasks::default());
        let (stop, stopped) = watch::channel(false);
        let begun = Arc::new(AtomicU32::new(0));
        let (lives, mut lived) = mpsc::channel(1);
        let counter = Arc::clone(&begun);
        let supervised = tokio::spawn(Arc::clone(&tasks).supervise("work", stopped, move || {
            let number = counter.fetch_add(1, Ordering::AcqRel);
            let lives = lives.clone();
            async move {
                assert!(number > 0, "the first time it fails");
                let _ = lives.send(()).await;
                std::future::pending::<()>().await;
            }
        }));
        lived.recv().await.unwrap();
        let failing = tasks.failing();
        assert_eq!((failing.len(), failing[0].restarts), (1, 1));
        assert!(failing[0].reason.contains("the first time it fails"));
        assert_eq!(tasks.restarts(), 1);
        assert_eq!(begun.load(Ordering::Acquire), 2);
        stop.send(true).unwrap();
        supervised.abort();
    }

    #[tokio::test]
    async fn a_task_that_ends_because_all_stops_is_not_started_again() {
        let tasks = Arc::new(Tasks::default());
        let (stop, stopped) = watch::channel(false);
        let follows = stopped.clone();
        let supervised = Arc::clone(&tasks).supervise("work", stopped, move || {
            let mut follows = follows.clone();
            async move {
                let _ = follows.wait_for(|stopped| *stopped).await;
            }
        });
        let supervised = tokio::spawn(supervised);
        stop.send(true).unwrap();
        supervised.await.unwrap();
        assert!(tasks.failing().is_empty());
    }
}
