//! Work that nobody waits for: events, clean-ups and polls, each when there is
//! something to do or its time has come.

use crate::engine::Engine;
use crate::events::PollSchedule;
use crate::store::StoreError;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The longest time without a look, because the system's clock may be set.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// The rest after the store failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// The time between two purges.
const PURGE_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Works until `stop` says so: on events and clean-ups in one task, on polls in
/// another, so that a slow poll does not hold up deliveries.
pub(crate) async fn run_in_background(engine: Arc<Engine>, stop: watch::Receiver<bool>) {
    let polls = tokio::spawn(poll_when_due(Arc::clone(&engine), stop.clone()));
    work_when_woken(engine, stop).await;
    // Ended by the same signal; a panic in it was reported already.
    let _ = polls.await;
}

async fn work_when_woken(engine: Arc<Engine>, mut stop: watch::Receiver<bool>) {
    let mut last_purged: Option<Instant> = None;
    while !*stop.borrow() {
        let worked = tokio::select! {
            worked = work_once(&engine, &mut last_purged) => worked,
            // What is in hand is either not begun or done: it can be left.
            _ = stop.changed() => return,
        };
        let rest = match worked {
            Ok(rest) => rest,
            Err(error) => {
                tracing::error!(%error, "the work on events has to wait");
                AFTER_FAILURE
            }
        };
        tokio::select! {
            () = engine.wake.notified() => {}
            () = tokio::time::sleep(rest) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Does what is due and says how long to rest.
async fn work_once(
    engine: &Arc<Engine>,
    last_purged: &mut Option<Instant>,
) -> Result<Duration, StoreError> {
    engine.work_on_events().await?;
    let forget = last_purged.is_none_or(|last| last.elapsed() > PURGE_INTERVAL);
    let worker = Arc::clone(engine);
    let cleaned = tokio::task::spawn_blocking(move || {
        worker.carry_out_due_cleanups()?;
        if forget {
            worker.purge_expired()?;
        }
        Ok::<_, StoreError>(())
    });
    match cleaned.await {
        Ok(result) => result?,
        Err(error) => return Err(StoreError::Failed(error.to_string())),
    }
    if forget {
        *last_purged = Some(Instant::now());
    }
    let now = engine.now();
    let next = [
        engine.store.next_retry_at(now)?,
        engine.store.next_cleanup_at()?,
    ];
    Ok(rest_until(now, next.into_iter().flatten().min()))
}

async fn poll_when_due(engine: Arc<Engine>, mut stop: watch::Receiver<bool>) {
    let mut schedule = PollSchedule::default();
    while !*stop.borrow() {
        let poller = Arc::clone(&engine);
        let polled = tokio::task::spawn_blocking(move || {
            let result = schedule.poll_due(&poller);
            (schedule, result)
        });
        let rest = match polled.await {
            Ok((used, result)) => {
                schedule = used;
                match result {
                    Ok(_) => rest_until(engine.now(), schedule.next_at()),
                    Err(error) => {
                        tracing::error!(%error, "polling has to wait");
                        AFTER_FAILURE
                    }
                }
            }
            Err(error) => {
                tracing::error!(%error, "polling begins anew");
                schedule = PollSchedule::default();
                AFTER_FAILURE
            }
        };
        tokio::select! {
            () = engine.wake_poller.notified() => {}
            () = tokio::time::sleep(rest) => {}
            _ = stop.changed() => {}
        }
    }
}

/// The time until something is due, as far as one may rest at all. What is due
/// but was not done is looked at again after a moment.
fn rest_until(now: i64, due: Option<i64>) -> Duration {
    let Some(due) = due else { return LONGEST_REST };
    let wait = u64::try_from(due.saturating_sub(now)).unwrap_or(0);
    Duration::from_millis(wait).clamp(AFTER_FAILURE.min(LONGEST_REST), LONGEST_REST)
}
