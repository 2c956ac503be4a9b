//! Completing events after they were acted on: commits that a delivery left
//! out, and the rest of short hashes.
//!
//! Bounded and beside everything else: nothing waits for it but, for a moment,
//! the run of a pull request whose hash came short.

use super::rules::completed_hash;
use crate::clock::later;
use crate::engine::{Engine, blocking};
use crate::store::{MessageKind, Result, StoreError, StoredEvent};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use vcs_provider_interface::error::{ErrorKind, Result as VcsResult, VcsError};
use vcs_provider_interface::records::{CompleteEventRequest, Event};

/// How long completing an event may take.
const COMPLETION_LIMIT: Duration = Duration::from_secs(20);

/// Events that are completed at the same time.
const PARALLEL: usize = 8;

/// Events that are looked at together.
const BATCH: usize = 256;

/// The pauses after failures; the last one is repeated.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(2),
    Duration::from_secs(15),
    Duration::from_secs(60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(60 * 60),
];

/// The longest pause, also if the service asks for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_secs(2 * 60 * 60);

/// How long an event is tried to be completed.
const END: Duration = Duration::from_secs(24 * 60 * 60);

/// Until when servers want no calls, and why.
type Resting = HashMap<String, (i64, String)>;

impl Engine {
    /// Completes the events whose time has come. Returns how many were looked at.
    ///
    /// # Errors
    /// The store's; what was not completed is still to be.
    pub async fn complete_due_events(self: &Arc<Self>) -> Result<usize> {
        let events = self.store.events_to_complete(self.now(), BATCH)?;
        let mut count = 0;
        let mut resting = Resting::new();
        let mut running = JoinSet::new();
        for event in events {
            while running.len() >= PARALLEL {
                note_rest(running.join_next().await, &mut resting)?;
            }
            let application = match self.store.application_by_id(event.application) {
                Ok(application) => application,
                // Unlinked meanwhile; its events went with it.
                Err(StoreError::NotFound(_)) => continue,
                Err(error) => return Err(error),
            };
            // Another engine asks for it.
            let name = format!("completion:{}", event.id);
            let Some(lease) = self.store.lease_async(&name).await? else {
                continue;
            };
            count += 1;
            if let Some((until, reason)) = resting.get(&application.server) {
                let reason = reason.clone();
                self.store
                    .fail_completion(event.id, reason, Some(*until))
                    .await?;
                continue;
            }
            let engine = Arc::clone(self);
            running.spawn(async move {
                let _lease = lease;
                let rest = engine.complete(&application, event).await?;
                Ok::<_, StoreError>(rest.map(|rest| (application.server, rest)))
            });
        }
        while let Some(done) = running.join_next().await {
            note_rest(Some(done), &mut resting)?;
        }
        if count > 0 {
            // What was held back can be handled.
            self.events_came();
        }
        Ok(count)
    }

    /// Completes one event. Returns until when its server wants no calls.
    async fn complete(
        self: &Arc<Self>,
        application: &crate::store::Application,
        stored: StoredEvent,
    ) -> Result<Option<(i64, String)>> {
        let Ok(event) = serde_json::from_str::<Event>(&stored.payload) else {
            let reason = "its stored form cannot be read".to_owned();
            self.store.fail_completion(stored.id, reason, None).await?;
            return Ok(None);
        };
        let asking = {
            let (engine, application) = (Arc::clone(self), application.clone());
            blocking(move || -> VcsResult<Event> {
                let context = engine
                    .background("complete_event")
                    .with_time_limit(COMPLETION_LIMIT);
                engine.ask(&application.project, &application.server, |client| {
                    let request = CompleteEventRequest {
                        event,
                        ..CompleteEventRequest::default()
                    };
                    client.complete_event(&context, request)
                })
            })
        };
        match asking.await {
            Ok(completed) => {
                self.keep_completed(&stored, &completed).await?;
                Ok(None)
            }
            Err(error) => self.put_off_completion(&stored, &error).await,
        }
    }

    /// Keeps a completed event and corrects the run that was made of it.
    async fn keep_completed(&self, stored: &StoredEvent, completed: &Event) -> Result<()> {
        let payload = serde_json::to_string(completed)
            .map_err(|error| StoreError::Failed(error.to_string()))?;
        let (publisher, now, id) = (self.publisher(), self.now(), stored.id);
        let (completed, application) = (completed.clone(), stored.application);
        let corrected = self
            .store
            .transact(move |transaction| {
                let Some(application) = transaction.application(application)? else {
                    return Ok(None);
                };
                if !transaction.complete_event(id, &payload)? {
                    return Ok(None);
                }
                let Some(run) = transaction.run_of_event(id)? else {
                    return Ok(None);
                };
                let Some(hash) = completed_hash(&completed, &run.hash) else {
                    return Ok(None);
                };
                transaction.drop_messages(run.id, MessageKind::Status, &run.hash)?;
                transaction.set_run_hash(run.id, &hash)?;
                let corrected = transaction.run(run.id)?;
                publisher.publish(transaction, &application, &corrected, now)?;
                Ok(Some(run.id))
            })
            .await?;
        tracing::debug!(event = id, "an event is complete");
        if let Some(run) = corrected {
            tracing::info!(event = id, run, "a run has the full hash of its commit");
            self.runs_changed();
        }
        Ok(())
    }

    async fn put_off_completion(
        &self,
        stored: &StoredEvent,
        error: &VcsError,
    ) -> Result<Option<(i64, String)>> {
        let now = self.now();
        let is_old = now.saturating_sub(stored.received_at).max(0).unsigned_abs()
            > END.as_secs().saturating_mul(1000);
        let retry_at = if error.retryable && !is_old {
            let tried = usize::try_from(stored.completion_attempts).unwrap_or(usize::MAX);
            let pause = PAUSES[tried.min(PAUSES.len() - 1)];
            let asked = error.retry_after().unwrap_or(Duration::ZERO);
            Some(later(now, pause.max(asked).min(LONGEST_PAUSE)))
        } else {
            None
        };
        let reason = match retry_at {
            Some(_) => format!("not complete yet: {error}"),
            None => format!("not completed: {error}"),
        };
        tracing::warn!(event = stored.id, reason, "completing an event is put off");
        self.store
            .fail_completion(stored.id, reason.clone(), retry_at)
            .await?;
        let limited = error.kind == ErrorKind::RATE_LIMITED;
        Ok(retry_at.filter(|_| limited).map(|until| (until, reason)))
    }
}

type Joined = std::result::Result<Result<Option<(String, (i64, String))>>, tokio::task::JoinError>;

fn note_rest(done: Option<Joined>, resting: &mut Resting) -> Result<()> {
    match done {
        None => Ok(()),
        Some(Ok(rest)) => {
            if let Some((server, rest)) = rest? {
                resting.insert(server, rest);
            }
            Ok(())
        }
        Some(Err(error)) => Err(StoreError::Failed(error.to_string())),
    }
}
