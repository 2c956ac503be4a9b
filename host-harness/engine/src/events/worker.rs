//! Working on events: acted on from what the delivery or the poll said, and
//! marked as handled in one transaction, so that a crash at any point means
//! either not begun or done. What they lack is asked for afterwards.

use super::handling::{Handled, handle};
use super::rules::{Effects, effects, is_incomplete};
use crate::clock::later;
use crate::engine::Engine;
use crate::store::{Completion, StoreError, StoredEvent};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use vcs_provider_interface::records::Event;

/// Events that are worked on together.
const BATCH: usize = 256;

/// How long the run of a pull request waits for the full hash of its commit.
const HASH_WAIT: Duration = Duration::from_secs(5);

/// How long to wait after each failure. After the last one, an event that could
/// not be handled is parked.
const RETRIES: [Duration; 4] = [
    Duration::from_secs(2),
    Duration::from_secs(15),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
];

/// An event in hand, read once.
struct WorkItem {
    stored: StoredEvent,
    /// `None` if the stored form cannot be read.
    event: Option<Event>,
}

impl WorkItem {
    fn new(stored: StoredEvent) -> Self {
        Self {
            event: serde_json::from_str(&stored.payload).ok(),
            stored,
        }
    }

    /// Events of one subject are handled in their order.
    fn subject(&self) -> Subject {
        (self.stored.application, self.stored.subject.clone())
    }
}

/// The pause when all that could be done is in the hands of other engines.
const WHILE_ELSEWHERE: Duration = Duration::from_millis(25);

/// An event that can be handled: its application, its number and what follows from it.
type Ready = (i64, i64, Effects);

/// What a round of work came to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Something was done.
    Made,
    /// Other engines work on all of it.
    Elsewhere,
}

/// The application and the subject of an event.
type Subject = (i64, String);

/// What is to be done with an event.
enum Decision {
    /// Handle it, with these effects.
    Handle(Box<Effects>),
    /// Hold it back until this time: the service is asked for the full hash.
    Hold(i64),
    /// Park it.
    Park(String),
}

impl Engine {
    /// Works on everything that can be worked on now. Returns how many events
    /// there were.
    ///
    /// # Errors
    /// The store's; what was not handled is still there.
    pub async fn work_on_events(self: &Arc<Self>) -> Result<usize, StoreError> {
        let mut worked = 0;
        loop {
            let events = self.store.open_events(self.now(), BATCH)?;
            if events.is_empty() {
                return Ok(worked);
            }
            worked += events.len();
            let items = events.into_iter().map(WorkItem::new).collect();
            if self.work_in_order(items).await? == Progress::Elsewhere {
                tokio::time::sleep(WHILE_ELSEWHERE).await;
            }
        }
    }

    /// Works on events in their order. While one is held back, the later ones of
    /// its subject wait.
    async fn work_in_order(&self, items: Vec<WorkItem>) -> Result<Progress, StoreError> {
        let mut ready = Vec::new();
        let mut waiting = HashSet::new();
        let mut applications = HashMap::new();
        for item in items {
            if waiting.contains(&item.subject()) {
                continue;
            }
            let id = item.stored.id;
            match self.decide(&item, &mut applications)? {
                Decision::Handle(effects) => ready.push((item, *effects)),
                Decision::Hold(until) => {
                    waiting.insert(item.subject());
                    self.store.hold_for_completion(id, until).await?;
                    self.wake_completion.notify_one();
                }
                Decision::Park(reason) => {
                    tracing::error!(event = id, reason, "an event is parked");
                    self.store.fail_event(id, reason, None).await?;
                }
            }
        }
        self.handle(ready).await
    }

    /// Handles events together; if that fails, one by one, to find the one that
    /// cannot be handled.
    async fn handle(&self, ready: Vec<(WorkItem, Effects)>) -> Result<Progress, StoreError> {
        let together = ready
            .iter()
            .map(|(item, effects)| (item.stored.application, item.stored.id, effects.clone()))
            .collect();
        match self.handle_together(together).await {
            Ok(progress) => return Ok(progress),
            Err(error) if is_of_the_store(&error) => return Err(error),
            Err(_) => {}
        }
        let mut waiting = HashSet::new();
        for (item, effects) in ready {
            if waiting.contains(&item.subject()) {
                continue;
            }
            let id = item.stored.id;
            match self
                .handle_together(vec![(item.stored.application, id, effects)])
                .await
            {
                Ok(_) => {}
                Err(error) if is_of_the_store(&error) => return Err(error),
                Err(error) => {
                    let retry_at = self.retry_at(&item.stored);
                    let reason = format!("it could not be handled: {error}");
                    tracing::error!(event = id, reason, "an event failed");
                    self.store.fail_event(id, reason, retry_at).await?;
                    if retry_at.is_some() {
                        waiting.insert(item.subject());
                    }
                }
            }
        }
        Ok(Progress::Made)
    }

    /// Handles events in their order, all of them or none. Those of applications that
    /// another engine works on are left to it.
    async fn handle_together(&self, events: Vec<Ready>) -> Result<Progress, StoreError> {
        let (publisher, now) = (self.publisher(), self.now());
        let has_events = !events.is_empty();
        let handled = self
            .store
            .transact(move |transaction| {
                let mut all = Vec::with_capacity(events.len());
                let mut held = HashMap::new();
                for (application, id, effects) in &events {
                    let is_held = match held.entry(*application) {
                        Entry::Occupied(known) => *known.get(),
                        Entry::Vacant(place) => *place.insert(transaction.try_hold(*application)?),
                    };
                    if !is_held {
                        continue;
                    }
                    if let Some(handled) = handle(transaction, &publisher, *id, effects, now)? {
                        all.push((*id, handled, effects.completion));
                    }
                }
                Ok(all)
            })
            .await?;
        let progress = match handled.is_empty() && has_events {
            true => Progress::Elsewhere,
            false => Progress::Made,
        };
        let mut has_runs = false;
        for (event, handled, completion) in handled {
            has_runs |= !handled.runs.is_empty();
            log_handled(event, &handled);
            if completion {
                self.wake_completion.notify_one();
            }
        }
        if has_runs {
            self.runs_changed();
        }
        Ok(progress)
    }

    fn decide(
        &self,
        item: &WorkItem,
        applications: &mut HashMap<i64, crate::store::Application>,
    ) -> Result<Decision, StoreError> {
        let stored = &item.stored;
        let Some(event) = &item.event else {
            return Ok(Decision::Park("its stored form cannot be read".to_owned()));
        };
        if let Entry::Vacant(place) = applications.entry(stored.application) {
            match self.store.application_by_id(stored.application) {
                Ok(found) => {
                    place.insert(found);
                }
                // Unlinked meanwhile; its events went with it.
                Err(StoreError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let Some(application) = applications.get(&stored.application) else {
            return Ok(Decision::Handle(Box::default()));
        };
        let retention = self.settings.retention;
        let mut effects = effects(application, event, stored.received_at, retention);
        if let Some(repo) = &effects.renamed_to {
            if let Some(application) = applications.get_mut(&stored.application) {
                application.repo.clone_from(repo);
            }
        }
        let waits_for_hash = stored.completion == Completion::None
            && effects
                .run
                .as_ref()
                .is_some_and(|run| run.pull_request.is_some() && run.has_short_hash());
        if waits_for_hash {
            return Ok(Decision::Hold(later(self.now(), HASH_WAIT)));
        }
        effects.completion = stored.completion == Completion::None && is_incomplete(event);
        Ok(Decision::Handle(Box::new(effects)))
    }

    /// When to try an event again; `None` after the last try.
    fn retry_at(&self, event: &StoredEvent) -> Option<i64> {
        let tries = usize::try_from(event.attempts).unwrap_or(usize::MAX);
        RETRIES.get(tries).map(|wait| later(self.now(), *wait))
    }
}

fn log_handled(event: i64, handled: &Handled) {
    let note = handled.note.as_deref().unwrap_or_default();
    if handled.duplicate {
        tracing::info!(event, "an event is a duplicate");
    } else {
        tracing::info!(
            event,
            runs = handled.runs.len(),
            note,
            "an event was handled"
        );
    }
    for (run, branch, hash) in &handled.runs {
        tracing::info!(event, run, branch, hash, "a run waits for a worker");
    }
    for run in &handled.superseded {
        tracing::info!(event, run, "a run was superseded by that of a newer push");
    }
}

/// Whether the store as a whole is to blame, and not what was written.
fn is_of_the_store(error: &StoreError) -> bool {
    !matches!(
        error,
        StoreError::Conflict(_) | StoreError::NotFound(_) | StoreError::Failed(_)
    )
}
