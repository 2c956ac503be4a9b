//! Working on events: completed with the service's help, then handled and
//! marked as handled in one transaction, so that a crash at any point means
//! either not begun or done.

use super::handling::handle;
use super::rules::{Effects, effects, is_incomplete};
use crate::clock::later;
use crate::engine::{Engine, blocking};
use crate::store::{Application, StoreError, StoredEvent};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use vcs_provider_interface::error::VcsError;
use vcs_provider_interface::records::{CompleteEventRequest, Event};

/// Events that are worked on together.
const BATCH: usize = 256;

/// Subjects that are worked on at the same time.
const PARALLEL: usize = 8;

/// How long completing an event may take: later events wait meanwhile.
const COMPLETION_LIMIT: Duration = Duration::from_secs(20);

/// How long to wait after each failure. After the last one, an event that could
/// not be completed is handled as it arrived, and one that could not be handled
/// is parked.
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

    /// Whether the service is to be asked about it.
    fn wants_completion(&self) -> bool {
        self.event.as_ref().is_some_and(is_incomplete)
    }
}

/// The application and the subject of an event.
type Subject = (i64, String);

/// What is to be done with an event.
enum Decision {
    /// Handle it, with these effects.
    Handle(Box<Effects>),
    /// Try again at this time.
    Retry(String, i64),
    /// Set it aside.
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
            let (slow, quick): (Vec<_>, Vec<_>) = group_by_subject(items)
                .into_iter()
                .partition(|group| group.iter().any(WorkItem::wants_completion));
            // Nothing waits for the service that does not need it.
            let mut quick: Vec<_> = quick.into_iter().flatten().collect();
            quick.sort_by_key(|item| item.stored.id);
            self.work_in_order(quick).await?;
            self.work_side_by_side(slow).await?;
        }
    }

    /// Works on groups of events that the service has to be asked about.
    async fn work_side_by_side(
        self: &Arc<Self>,
        groups: Vec<Vec<WorkItem>>,
    ) -> Result<(), StoreError> {
        let mut groups = groups.into_iter();
        let mut running = JoinSet::new();
        loop {
            while running.len() < PARALLEL {
                let Some(group) = groups.next() else { break };
                let engine = Arc::clone(self);
                running.spawn(async move { engine.work_in_order(group).await });
            }
            match running.join_next().await {
                None => return Ok(()),
                Some(Ok(done)) => done?,
                Some(Err(error)) => return Err(StoreError::Failed(error.to_string())),
            }
        }
    }

    /// Works on events in their order. While one has to be tried again, the
    /// later ones of its subject wait.
    async fn work_in_order(self: &Arc<Self>, items: Vec<WorkItem>) -> Result<(), StoreError> {
        let mut ready = Vec::new();
        let mut waiting = HashSet::new();
        for item in items {
            if waiting.contains(&item.subject()) {
                continue;
            }
            let id = item.stored.id;
            match self.decide(&item).await? {
                Decision::Handle(effects) => ready.push((item, *effects)),
                Decision::Retry(reason, at) => {
                    waiting.insert(item.subject());
                    self.store.fail_event(id, reason, Some(at)).await?;
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
    async fn handle(&self, ready: Vec<(WorkItem, Effects)>) -> Result<(), StoreError> {
        let together = ready
            .iter()
            .map(|(item, effects)| (item.stored.id, effects.clone()))
            .collect();
        match self.handle_together(together).await {
            Ok(()) => return Ok(()),
            Err(error) if is_of_the_store(&error) => return Err(error),
            Err(_) => {}
        }
        let mut waiting = HashSet::new();
        for (item, effects) in ready {
            if waiting.contains(&item.subject()) {
                continue;
            }
            let id = item.stored.id;
            match self.handle_together(vec![(id, effects)]).await {
                Ok(()) => {}
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
        Ok(())
    }

    /// Handles events in their order, all of them or none.
    async fn handle_together(&self, events: Vec<(i64, Effects)>) -> Result<(), StoreError> {
        let now = self.now();
        self.store
            .transact(move |transaction| {
                for (id, effects) in &events {
                    handle(transaction, *id, effects, now)?;
                }
                Ok(())
            })
            .await
    }

    async fn decide(self: &Arc<Self>, item: &WorkItem) -> Result<Decision, StoreError> {
        let stored = &item.stored;
        let Some(event) = &item.event else {
            return Ok(Decision::Park("its stored form cannot be read".to_owned()));
        };
        let application = match self.store.application_by_id(stored.application) {
            Ok(application) => application,
            Err(StoreError::NotFound(_)) => {
                // Unlinked meanwhile; its events went with it.
                return Ok(Decision::Handle(Box::default()));
            }
            Err(error) => return Err(error),
        };
        let mut note = None;
        let mut completed = None;
        if is_incomplete(event) {
            match self.complete(&application, event.clone()).await {
                Ok(event) => completed = Some(event),
                Err(error) => {
                    if let (true, Some(at)) = (error.retryable, self.retry_at(stored)) {
                        let at = error.retry_after().map_or(at, |wait| {
                            at.max(later(self.now(), wait.min(Duration::from_secs(3600))))
                        });
                        return Ok(Decision::Retry(error.to_string(), at));
                    }
                    note = Some(format!("handled as it arrived: {error}"));
                }
            }
        }
        let event = completed.as_ref().unwrap_or(event);
        let retention = self.settings.retention;
        let mut effects = effects(&application, event, stored.received_at, retention);
        effects.note = effects.note.or(note);
        effects.payload = completed
            .as_ref()
            .and_then(|event| serde_json::to_string(event).ok());
        Ok(Decision::Handle(Box::new(effects)))
    }

    async fn complete(
        self: &Arc<Self>,
        application: &Application,
        event: Event,
    ) -> Result<Event, VcsError> {
        let engine = Arc::clone(self);
        let application = application.clone();
        blocking(move || {
            let context = engine
                .background("complete_event")
                .with_time_limit(COMPLETION_LIMIT);
            engine.client_of(&application)?.complete_event(
                &context,
                CompleteEventRequest {
                    event,
                    ..Default::default()
                },
            )
        })
        .await
    }

    /// When to try an event again; `None` after the last try.
    fn retry_at(&self, event: &StoredEvent) -> Option<i64> {
        let tries = usize::try_from(event.attempts).unwrap_or(usize::MAX);
        RETRIES.get(tries).map(|wait| later(self.now(), *wait))
    }
}

/// Whether the store as a whole is to blame, and not what was written.
fn is_of_the_store(error: &StoreError) -> bool {
    !matches!(
        error,
        StoreError::Conflict(_) | StoreError::NotFound(_) | StoreError::Failed(_)
    )
}

/// Events by subject, each in their order, the groups in the order of their
/// first events.
fn group_by_subject(items: Vec<WorkItem>) -> Vec<Vec<WorkItem>> {
    let mut places: HashMap<Subject, usize> = HashMap::new();
    let mut groups: Vec<Vec<WorkItem>> = Vec::new();
    for item in items {
        let place = *places.entry(item.subject()).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[place].push(item);
    }
    groups
}
