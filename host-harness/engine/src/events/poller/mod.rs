//! Polling: finds what deliveries missed. What it finds goes the way of
//! deliveries; the store tells what was delivered as well.
//!
//! Where the provider can say in one call in which repositories of a workspace
//! something happened, [`round`] asks that first and polls only those. Elsewhere
//! [`schedule`] polls each application by itself. [`tasks`] lets no server wait
//! for another.

mod failure;
mod round;
mod schedule;
mod tasks;

pub use schedule::PollSchedule;
pub(crate) use tasks::poll_when_due;

use crate::engine::Engine;
use crate::events::rules::to_stored;
use crate::store::{Application, PollCursor, StoreError, WorkspacePlace};
use std::time::Duration;
use vcs_provider_interface::error::{ErrorKind, Result};
use vcs_provider_interface::records::{EventKind, PollEventsRequest, PollRepositoriesRequest};

/// The time between two polls where there are no webhooks, unless the provider
/// wants a longer one.
const WITHOUT_WEBHOOKS: Duration = Duration::from_secs(60);

/// How a server is polled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollManner {
    /// The time between two polls of one repository.
    pub interval: Duration,
    /// The time between two looks at a workspace; `None` if the provider has no
    /// such call.
    pub workspaces: Option<Duration>,
}

/// What a look at a workspace found.
#[derive(Debug, Default)]
struct Looked {
    /// The store's number of its cursor.
    id: i64,
    /// Which of the applications have to be polled.
    changed: Vec<i64>,
    /// Which kinds of events show in a look.
    kinds: Vec<EventKind>,
    requests: u64,
}

/// What a poll of one repository found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Polled {
    /// Events that it found.
    pub events: usize,
    /// Requests that it took.
    pub requests: u64,
}

impl Engine {
    /// How a server is polled; `None` if it is not.
    ///
    /// # Errors
    /// What the provider returns.
    pub fn poll_manner(&self, server: &str) -> Result<Option<PollManner>> {
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
        let at_least = |seconds| wanted.max(Duration::from_secs(seconds));
        Ok(Some(PollManner {
            interval: at_least(polling.min_interval_seconds),
            workspaces: polling.repositories_interval_seconds.map(at_least),
        }))
    }

    /// Notes where polling begins for an application that was never polled: first
    /// for its workspace, so that nothing of what comes after is missed. Blocks.
    ///
    /// # Errors
    /// What the provider or the store returns; the schedule repeats it.
    pub fn begin_polling(&self, application: &Application) -> Result<()> {
        let Some(manner) = self.poll_manner(&application.server)? else {
            return Ok(());
        };
        if self.store.poll_cursor(application.id)?.is_some() {
            return Ok(());
        }
        if manner.workspaces.is_some() {
            let place = self.workspace_place(application)?;
            if self.store.workspace_cursor(&place)?.is_none() {
                // Without it, the application is polled by itself for now.
                if let Err(error) = self.look_at_workspace(&place, &[application]) {
                    tracing::warn!(workspace = place.workspace, %error, "the first look at a workspace failed");
                }
            }
        }
        self.poll(application).map(|_| ())
    }

    /// Polls one application and keeps what was found, with the new cursor, in
    /// one transaction. The first poll finds nothing: it says where to begin.
    /// Blocks.
    ///
    /// # Errors
    /// What the provider or the store returns; then the cursor has not moved.
    pub fn poll(&self, application: &Application) -> Result<Polled> {
        let before = self.store.poll_cursor(application.id)?;
        let place = self.workspace_place(application)?;
        // Read first: what happens from now on, that workspace's next look shows.
        let covered_by = self.store.workspace_cursor(&place)?.map(|found| found.id);
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
        let found = Polled {
            events: events.len(),
            requests: polled.requests,
        };
        let now = PollCursor {
            cursor: polled.cursor,
            began_at,
            covered_by,
        };
        match self.store.store_poll(application.id, before, now, events) {
            // Whoever was quicker has kept the same events.
            Err(StoreError::Conflict(_)) => return Ok(Polled { events: 0, ..found }),
            result => result?,
        }
        if found.events > 0 {
            let (project, name) = (&application.project, &application.name);
            tracing::info!(
                project,
                application = name,
                events = found.events,
                "a poll found events"
            );
            self.events_came();
        }
        Ok(found)
    }

    /// Which look at a workspace shows what happens in an application's repository.
    fn workspace_place(&self, application: &Application) -> Result<WorkspacePlace> {
        let (project, server) = (&application.project, &application.server);
        let grant = self.store.project_grant(project, server)?;
        Ok(WorkspacePlace {
            server: server.clone(),
            credential: grant.unwrap_or_default(),
            workspace: workspace_of(&application.repo).to_owned(),
        })
    }

    /// Asks in which of the applications' repositories something happened, and
    /// keeps that with the new cursor in one transaction. Blocks.
    fn look_at_workspace(
        &self,
        place: &WorkspacePlace,
        applications: &[&Application],
    ) -> Result<Looked> {
        let Some(first) = applications.first() else {
            return Ok(Looked::default());
        };
        let before = self.store.workspace_cursor(place)?;
        let request = PollRepositoriesRequest {
            workspace: place.workspace.clone(),
            repos: applications.iter().map(|app| app.repo.clone()).collect(),
            cursor: before.as_ref().map(|before| before.cursor.clone()),
            ..Default::default()
        };
        let context = self.background("poll_repositories");
        let polled = self.ask(&first.project, &place.server, |client| {
            client.poll_repositories(&context, request)
        });
        let polled = match (polled, &before) {
            (Err(error), Some(before)) if error.kind == ErrorKind::INVALID_INPUT => {
                // Such as a cursor of an older provider: the next look begins anew.
                self.store.drop_workspace_cursor(before.id)?;
                return Err(error);
            }
            (polled, _) => polled?,
        };
        let is_named = |app: &&&Application| {
            let is_it = |id: &str, name: &str| {
                name.eq_ignore_ascii_case(&app.repo) || !id.is_empty() && id == app.repo_id
            };
            let changed = &polled.changed;
            changed.iter().any(|repo| is_it(&repo.id, &repo.fullname))
                || polled.not_seen.iter().any(|name| is_it("", name))
        };
        let changed: Vec<i64> = applications
            .iter()
            .filter(is_named)
            .map(|app| app.id)
            .collect();
        let id = self.store.store_workspace_look(
            place.clone(),
            before,
            polled.cursor,
            changed.clone(),
            self.now(),
        )?;
        Ok(Looked {
            id,
            changed,
            kinds: polled.kinds,
            requests: polled.requests,
        })
    }
}

/// What stands before the first slash of a repository's full name.
fn workspace_of(repo: &str) -> &str {
    repo.split('/').next().unwrap_or(repo)
}
