//! Work that nobody waits for: events and their completion, messages, clean-ups
//! and polls, each when there is something to do or its time has come.

use crate::engine::Engine;
use crate::events::poll_when_due;
use crate::outbox::send_when_due;
use crate::store::StoreError;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The time in which deliveries gather before the work on them begins.
const GATHERING: Duration = Duration::from_millis(10);

/// The rest after the store failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// The time between two purges.
const PURGE_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Works until `stop` says so. Each kind of work has a task of its own, so that
/// none waits for what a service does not say to another.
pub(crate) async fn run_in_background(engine: Arc<Engine>, stop: watch::Receiver<bool>) {
    let tasks = [
        supervised(&engine, &stop, "events", work_when_woken),
        supervised(&engine, &stop, "polls", poll_when_due),
        supervised(&engine, &stop, "completion", complete_when_due),
        supervised(&engine, &stop, "outbox", send_when_due),
        supervised(&engine, &stop, "clean-ups", clean_up_when_due),
    ];
    for task in tasks {
        // Ended by the same signal.
        let _ = task.await;
    }
}

/// Starts a task that is started again if it ends before all stops.
fn supervised<F: Future<Output = ()> + Send + 'static>(
    engine: &Arc<Engine>,
    stop: &watch::Receiver<bool>,
    name: &'static str,
    task: fn(Arc<Engine>, watch::Receiver<bool>) -> F,
) -> JoinHandle<()> {
    let tasks = Arc::clone(&engine.tasks);
    let (engine, stop) = (Arc::clone(engine), stop.clone());
    let stopped = stop.clone();
    tokio::spawn(tasks.supervise(name, stopped, move || {
        task(Arc::clone(&engine), stop.clone())
    }))
}

async fn work_when_woken(engine: Arc<Engine>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let worked = tokio::select! {
            worked = work_once(&engine) => worked,
            // What is in hand is either not begun or done: it can be left.
            _ = stop.changed() => return,
        };
        let rest = rest_after(worked, "the work on events has to wait");
        tokio::select! {
            // Deliveries that come close together are worked on together: each
            // round costs a flush of the disk that intake needs as well.
            () = engine.wake.notified() => tokio::time::sleep(GATHERING).await,
            () = tokio::time::sleep(rest) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Does what is due and says how long to rest.
async fn work_once(engine: &Arc<Engine>) -> Result<Duration, StoreError> {
    engine.work_on_events().await?;
    let worker = Arc::clone(engine);
    in_background(move || worker.end_leases()).await?;
    // Clean-ups wait for the events of their branch.
    engine.wake_cleanups.notify_one();
    let now = engine.now();
    let next = [
        engine.store.next_retry_at(now)?,
        engine.store.next_lease_end()?,
    ];
    Ok(rest_until(engine, next.into_iter().flatten().min()))
}

async fn clean_up_when_due(engine: Arc<Engine>, mut stop: watch::Receiver<bool>) {
    let mut last_purge: Option<Instant> = None;
    while !*stop.borrow() {
        let purges = last_purge.is_none_or(|last| last.elapsed() > PURGE_INTERVAL);
        let worker = Arc::clone(&engine);
        let cleaned = in_background(move || {
            worker.carry_out_due_cleanups()?;
            if purges {
                worker.purge_expired()?;
            }
            worker.store.next_cleanup_at()
        });
        if purges {
            last_purge = Some(Instant::now());
        }
        let cleaned = cleaned.await.map(|next| rest_until(&engine, next));
        let rest = rest_after(cleaned, "clean-ups have to wait");
        tokio::select! {
            () = engine.wake_cleanups.notified() => {}
            () = tokio::time::sleep(rest) => {}
            _ = stop.changed() => {}
        }
    }
}

async fn complete_when_due(engine: Arc<Engine>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let completed = tokio::select! {
            completed = complete_once(&engine) => completed,
            _ = stop.changed() => return,
        };
        let rest = rest_after(completed, "completing events has to wait");
        tokio::select! {
            () = engine.wake_completion.notified() => {}
            () = tokio::time::sleep(rest) => {}
            _ = stop.changed() => {}
        }
    }
}

async fn complete_once(engine: &Arc<Engine>) -> Result<Duration, StoreError> {
    while engine.complete_due_events().await? > 0 {}
    let next = engine.store.next_completion_at()?;
    Ok(rest_until(engine, next))
}

/// Does blocking work of the store.
async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(StoreError::Failed(error.to_string())),
    }
}

fn rest_after(worked: Result<Duration, StoreError>, what: &str) -> Duration {
    worked.unwrap_or_else(|error| {
        tracing::error!(%error, "{what}");
        AFTER_FAILURE
    })
}

/// The time until something is due, as far as one may rest at all. What is due
/// but was not done is looked at again after a moment.
fn rest_until(engine: &Engine, due: Option<i64>) -> Duration {
    let longest = engine.store.look_interval();
    let Some(due) = due else { return longest };
    let wait = u64::try_from(due.saturating_sub(engine.now())).unwrap_or(0);
    Duration::from_millis(wait).clamp(AFTER_FAILURE.min(longest), longest)
}
