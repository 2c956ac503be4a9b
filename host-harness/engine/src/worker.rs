//! Working on events: completed with the service's help, then handled and
//! marked as handled in one transaction, so that a crash at any point means
//! either not begun or done.

use super::core::{Engine, blocking, later};
use super::effects::{effects, is_incomplete};
use super::store::{Effects, StoreError, StoredEvent};
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
/// is set aside.
const RETRIES: [Duration; 4] = [
    Duration::from_secs(2),
    Duration::from_secs(15),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
];

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
            let (slow, quick): (Vec<_>, Vec<_>) = group_by_subject(events)
                .into_iter()
                .partition(|group| group.iter().any(wants_completion));
            // Nothing waits for the service that does not need it.
            let mut quick: Vec<_> = quick.into_iter().flatten().collect();
            quick.sort_by_key(|event| event.id);
            self.work_in_order(quick).await?;
            self.work_side_by_side(slow).await?;
        }
    }

    /// Works on groups of events that the service has to be asked about.
    async fn work_side_by_side(
        self: &Arc<Self>,
        groups: Vec<Vec<StoredEvent>>,
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
    async fn work_in_order(self: &Arc<Self>, events: Vec<StoredEvent>) -> Result<(), StoreError> {
        let mut ready = Vec::new();
        let mut waiting = HashSet::new();
        for event in events {
            if waiting.contains(&subject_of(&event)) {
                continue;
            }
            match self.decide(&event).await? {
                Decision::Handle(effects) => ready.push((event, *effects)),
                Decision::Retry(reason, at) => {
                    waiting.insert(subject_of(&event));
                    self.store.fail_event(event.id, reason, Some(at)).await?;
                }
                Decision::Park(reason) => {
                    tracing::error!(event = event.id, reason, "an event is set aside");
                    self.store.fail_event(event.id, reason, None).await?;
                }
            }
        }
        self.handle(ready).await
    }

    /// Handles events together; if that fails, one by one, to find the one that
    /// cannot be handled.
    async fn handle(&self, ready: Vec<(StoredEvent, Effects)>) -> Result<(), StoreError> {
        let together = ready
            .iter()
            .map(|(event, effects)| (event.id, effects.clone()))
            .collect();
        match self.store.handle_events(together, self.now()).await {
            Ok(()) => return Ok(()),
            Err(error) if is_of_the_store(&error) => return Err(error),
            Err(_) => {}
        }
        let mut waiting = HashSet::new();
        for (event, effects) in ready {
            if waiting.contains(&subject_of(&event)) {
                continue;
            }
            let alone = vec![(event.id, effects)];
            match self.store.handle_events(alone, self.now()).await {
                Ok(()) => {}
                Err(error) if is_of_the_store(&error) => return Err(error),
                Err(error) => {
                    let retry_at = self.retry_at(&event);
                    let reason = format!("it could not be handled: {error}");
                    tracing::error!(event = event.id, reason, "an event failed");
                    self.store.fail_event(event.id, reason, retry_at).await?;
                    if retry_at.is_some() {
                        waiting.insert(subject_of(&event));
                    }
                }
            }
        }
        Ok(())
    }

    async fn decide(self: &Arc<Self>, stored: &StoredEvent) -> Result<Decision, StoreError> {
        let Ok(event) = serde_json::from_str::<Event>(&stored.payload) else {
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
        if is_incomplete(&event) {
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
        let event = completed.as_ref().unwrap_or(&event);
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
        application: &super::store::Application,
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

/// Events of one subject are handled in their order.
type Subject = (i64, String);

fn subject_of(event: &StoredEvent) -> Subject {
    (event.application, event.subject.clone())
}

/// Whether the service is to be asked about an event.
fn wants_completion(stored: &StoredEvent) -> bool {
    serde_json::from_str::<Event>(&stored.payload).is_ok_and(|event| is_incomplete(&event))
}

/// Events by subject, each in their order, the groups in the order of their
/// first events.
fn group_by_subject(events: Vec<StoredEvent>) -> Vec<Vec<StoredEvent>> {
    let mut places: HashMap<Subject, usize> = HashMap::new();
    let mut groups: Vec<Vec<StoredEvent>> = Vec::new();
    for event in events {
        let place = *places.entry(subject_of(&event)).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[place].push(event);
    }
    groups
}
