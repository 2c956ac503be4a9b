//! Polling: finds what deliveries missed. After a start, on a slow schedule,
//! and more often where there are no webhooks. What it finds goes the way of
//! deliveries; the store tells what was delivered as well.

use crate::clock::later;
use crate::engine::Engine;
use crate::events::rules::to_stored;
use crate::store::{Application, PollCursor, StoreError};
use std::collections::HashMap;
use std::time::Duration;
use vcs_provider_interface::error::{ErrorKind, Result, VcsError};
use vcs_provider_interface::records::PollEventsRequest;

/// The time between two polls where there are no webhooks, unless the provider
/// wants a longer one.
const WITHOUT_WEBHOOKS: Duration = Duration::from_secs(60);

/// The time before a server is asked again that rejected to be asked more.
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// When each application is polled next. Kept in memory: after a start, all of
/// them are polled at once.
#[derive(Debug, Default)]
pub struct PollSchedule {
    next: HashMap<i64, i64>,
    /// What time it was at the last look.
    last_look: i64,
}

impl PollSchedule {
    /// Polls every application whose time has come, one after the other.
    /// Returns how many events were found. Blocks.
    ///
    /// # Errors
    /// The store's. A failing poll is logged and tried again later.
    pub fn poll_due(&mut self, engine: &Engine) -> std::result::Result<usize, StoreError> {
        let mut found = 0;
        let now = engine.now();
        if now < self.last_look {
            // The clock was set back: what was to be polled by the old time would
            // wait for as long as the clock was ahead.
            self.next.clear();
        }
        self.last_look = now;
        let mut resting: HashMap<String, i64> = HashMap::new();
        let applications = engine.store.applications()?;
        self.next
            .retain(|id, _| applications.iter().any(|linked| linked.id == *id));
        for application in applications {
            let due = self.next.get(&application.id).copied();
            if due.is_some_and(|due| due > engine.now()) {
                continue;
            }
            if let Some(until) = resting.get(&application.server) {
                self.next.insert(application.id, *until);
                continue;
            }
            let next = match engine.poll_interval(&application) {
                Ok(None) => later(engine.now(), engine.settings.poll_interval),
                Ok(Some(interval)) => {
                    if let Some(next) = polled_elsewhere(engine, application.id, due, interval)? {
                        self.next.insert(application.id, next);
                        continue;
                    }
                    // Another engine polls it right now.
                    let Some(_lease) = engine.store.lease(&format!("poll:{}", application.id))?
                    else {
                        self.next
                            .insert(application.id, later(engine.now(), interval));
                        continue;
                    };
                    match engine.poll(&application) {
                        Ok(events) => {
                            found += events;
                            later(engine.now(), interval)
                        }
                        Err(error) => after_failure(engine, &application, &error, &mut resting),
                    }
                }
                Err(error) => after_failure(engine, &application, &error, &mut resting),
            };
            self.next.insert(application.id, next);
        }
        Ok(found)
    }

    /// When the next poll is due.
    #[must_use]
    pub fn next_at(&self) -> Option<i64> {
        self.next.values().min().copied()
    }
}

/// When an application is to be polled that another engine has polled since this one
/// did.
fn polled_elsewhere(
    engine: &Engine,
    application: i64,
    due: Option<i64>,
    interval: Duration,
) -> std::result::Result<Option<i64>, StoreError> {
    if due.is_none() {
        // The first poll after a start finds what nobody was there for.
        return Ok(None);
    }
    let last = engine.store.poll_cursor(application)?;
    let next = last.map(|last| later(last.began_at, interval));
    Ok(next.filter(|next| *next > engine.now()))
}

/// When to try again; a server that wants rest gets it for all its applications.
fn after_failure(
    engine: &Engine,
    application: &Application,
    error: &VcsError,
    resting: &mut HashMap<String, i64>,
) -> i64 {
    tracing::warn!(
        project = application.project,
        application = application.name,
        %error,
        "polling failed and is tried again later"
    );
    let wait = if error.retryable {
        error.retry_after().unwrap_or(AFTER_FAILURE)
    } else {
        // It will fail again until somebody changes something.
        engine.settings.poll_interval
    };
    let until = later(engine.now(), wait.max(AFTER_FAILURE));
    if error.kind == ErrorKind::RATE_LIMITED {
        resting.insert(application.server.clone(), until);
    }
    until
}

impl Engine {
    /// The time between two polls of an application; `None` if its server is
    /// not polled.
    ///
    /// # Errors
    /// What the provider returns.
    pub fn poll_interval(&self, application: &Application) -> Result<Option<Duration>> {
        let server = &application.server;
        let context = self.background("polling_info");
        let polling = self.polling_of(&context, server)?;
        if !polling.supported || polling.disabled {
            return Ok(None);
        }
        let webhooks = self.webhooks_of(&context, server, None)?;
        let wanted = if webhooks.supported && !webhooks.disabled {
            self.settings.poll_interval
        } else {
            WITHOUT_WEBHOOKS.min(self.settings.poll_interval)
        };
        Ok(Some(
            wanted.max(Duration::from_secs(polling.min_interval_seconds)),
        ))
    }

    /// Polls one application and keeps what was found, with the new cursor, in
    /// one transaction. The first poll finds nothing: it says where to begin.
    /// Blocks. Returns how many events were found.
    ///
    /// # Errors
    /// What the provider or the store returns; then the cursor has not moved.
    pub fn poll(&self, application: &Application) -> Result<usize> {
        let before = self.store.poll_cursor(application.id)?;
        let began_at = self.now();
        let request = PollEventsRequest {
            repo: application.repo.clone(),
            cursor: before.as_ref().map(|before| before.cursor.clone()),
            kinds: Vec::new(),
            ..Default::default()
        };
        let context = self.background("poll_events");
        let polled = self.ask(&application.project, &application.server, |client| {
            client.poll_events(&context, request)
        })?;
        let events: Vec<_> = polled.events.iter().map(to_stored).collect();
        let found = events.len();
        let now = PollCursor {
            cursor: polled.cursor,
            began_at,
        };
        match self.store.store_poll(application.id, before, now, events) {
            // Whoever was quicker has kept the same events.
            Err(StoreError::Conflict(_)) => return Ok(0),
            result => result?,
        }
        if found > 0 {
            let (project, name) = (&application.project, &application.name);
            tracing::info!(
                project,
                application = name,
                events = found,
                "a poll found events"
            );
            self.events_came();
        }
        Ok(found)
    }
}
