//! When the applications of one server are polled next.

use super::PollManner;
use super::failure::{after_failure, failed, wants_rest};
use super::round::{Round, RoundEnd};
use crate::clock::later;
use crate::engine::Engine;
use crate::store::{PolledApplication, StoreError};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// The time before a server is looked at that another engine polls.
const WHILE_ELSEWHERE: Duration = Duration::from_secs(5);

/// The polls of one server.
///
/// Kept in memory: after a start, each workspace is looked at once. Where the
/// provider cannot do that, each application is polled once.
#[derive(Debug)]
pub struct PollSchedule {
    server: String,
    /// When the applications of each credential are looked at next.
    rounds: HashMap<String, i64>,
    /// When an application is polled next: all of them where each is polled by
    /// itself, otherwise those whose poll failed.
    next: HashMap<i64, i64>,
    /// Until when the server is not asked at all.
    rests_until: Option<i64>,
    /// The provider says that it has looks at workspaces, and has none.
    without_workspaces: bool,
    /// What time it was at the last look.
    last_look: i64,
}

impl PollSchedule {
    /// The polls of the server of this name.
    #[must_use]
    pub fn of(server: &str) -> Self {
        Self {
            server: server.to_owned(),
            rounds: HashMap::new(),
            next: HashMap::new(),
            rests_until: None,
            without_workspaces: false,
            last_look: 0,
        }
    }

    /// Does the polls whose time has come. Returns how many events were found.
    /// Blocks.
    ///
    /// # Errors
    /// The store's. A failing poll is logged and tried again later.
    pub fn poll_due(&mut self, engine: &Engine) -> Result<usize, StoreError> {
        let now = engine.now();
        if now < self.last_look {
            // The clock was set back: what was to be polled by the old time would
            // wait for as long as the clock was ahead.
            self.next.clear();
            self.rounds.clear();
            self.rests_until = None;
        }
        self.last_look = now;
        if self.rests_until.is_some_and(|until| until > now) {
            return Ok(0);
        }
        self.rests_until = None;
        // Another engine polls the server right now.
        let Some(_lease) = engine.store.lease(&format!("poll:{}", self.server))? else {
            self.rests_until = Some(later(now, WHILE_ELSEWHERE));
            return Ok(0);
        };
        let applications = engine.store.polled_applications(&self.server)?;
        let is_linked = |id: &i64| applications.iter().any(|app| app.application.id == *id);
        self.next.retain(|id, _| is_linked(id));
        if applications.is_empty() {
            self.rounds.clear();
            return Ok(0);
        }
        let manner = match engine.poll_manner(&self.server) {
            Ok(Some(manner)) => manner,
            Ok(None) => {
                self.rests_until = Some(later(now, engine.settings.poll_interval));
                return Ok(0);
            }
            Err(error) => {
                tracing::warn!(server = self.server, %error, "a server cannot be polled now");
                self.rests_until = Some(after_failure(engine, &error));
                return Ok(0);
            }
        };
        if manner.workspaces.is_none() || self.without_workspaces {
            return Ok(self.poll_each(engine, &manner, &applications));
        }
        self.poll_rounds(engine, &manner, applications)
    }

    /// When the next poll is due; `None` if nothing is known to be.
    #[must_use]
    pub fn next_at(&self) -> Option<i64> {
        let due = self.rounds.values().chain(self.next.values()).min();
        self.rests_until.or(due.copied())
    }

    /// The applications of each credential in a round of their own.
    fn poll_rounds(
        &mut self,
        engine: &Engine,
        manner: &PollManner,
        applications: Vec<PolledApplication>,
    ) -> Result<usize, StoreError> {
        let mut of_credentials: BTreeMap<String, Vec<PolledApplication>> = BTreeMap::new();
        let mut credentials: HashMap<String, String> = HashMap::new();
        for polled in applications {
            let project = &polled.application.project;
            let credential = match credentials.get(project) {
                Some(credential) => credential.clone(),
                None => {
                    let grant = engine.store.project_grant(project, &self.server)?;
                    let credential = grant.unwrap_or_default();
                    credentials.insert(project.clone(), credential.clone());
                    credential
                }
            };
            of_credentials.entry(credential).or_default().push(polled);
        }
        self.rounds
            .retain(|credential, _| of_credentials.contains_key(credential));
        let mut found = 0;
        for (credential, applications) in of_credentials {
            let due = self.rounds.get(&credential);
            if due.is_some_and(|due| *due > engine.now()) {
                continue;
            }
            let round = Round::new(engine, manner, &self.server, &credential);
            match round.run(applications, &mut self.next)? {
                RoundEnd::Done { events, next } => {
                    found += events;
                    self.rounds.insert(credential, next);
                }
                RoundEnd::Unsupported => {
                    self.without_workspaces = true;
                    self.rounds.clear();
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }

    /// Each application by itself.
    fn poll_each(
        &mut self,
        engine: &Engine,
        manner: &PollManner,
        applications: &[PolledApplication],
    ) -> usize {
        let mut found = 0;
        for PolledApplication {
            application,
            began_at,
            ..
        } in applications
        {
            let due = self.next.get(&application.id).copied();
            if due.is_some_and(|due| due > engine.now()) {
                continue;
            }
            // Another engine has polled it since this one did. The first poll after a
            // start finds what nobody was there for.
            let elsewhere = due.and(*began_at).map(|at| later(at, manner.interval));
            if let Some(next) = elsewhere.filter(|next| *next > engine.now()) {
                self.next.insert(application.id, next);
                continue;
            }
            let next = match engine.poll(application) {
                Ok(polled) => {
                    found += polled.events;
                    later(engine.now(), manner.interval)
                }
                Err(error) => {
                    let until = failed(engine, application, &error);
                    if wants_rest(&error) {
                        self.rests_until = Some(until);
                        return found;
                    }
                    until
                }
            };
            self.next.insert(application.id, next);
        }
        found
    }
}
