//! One round of polls with one credential: a look at each workspace, then the
//! repositories in which something happened, then some of the quiet ones.
//!
//! What a round may take is bounded, and the next one comes the later the more
//! requests this one took: polling never uses more than its share of what the
//! service lets through in an hour, however many applications there are.

use super::failure::{after_failure, failed, wants_rest};
use super::{Looked, PollManner, workspace_of};
use crate::clock::later;
use crate::engine::Engine;
use crate::store::{Application, PolledApplication, PullRequestRuns, StoreError, WorkspacePlace};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::records::EventKind;

/// What polls with one credential may take of an hour: half of what the strictest
/// known service (1,000) lets through, so that the rest is there for the work.
const REQUESTS_PER_HOUR: u64 = 500;

/// Requests of a round beyond which what is left waits for the next one.
const MOST_IN_A_ROUND: u64 = 100;

/// Requests of a round beyond which no quiet repository is polled any more.
const MOST_WITH_QUIET_ONES: u64 = 20;

/// What the poll of a quiet repository takes.
const QUIET_POLL: u64 = 3;

/// How a round ended.
pub(super) enum RoundEnd {
    /// With so many events found; when the next one begins.
    Done { events: usize, next: i64 },
    /// The provider has no looks at workspaces.
    Unsupported,
}

/// Why an application is polled; the first come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// Something happened, or it is not known that nothing did.
    Changed,
    /// It asks for runs of pull requests, which no look shows.
    PullRequests,
    /// Its turn has come among those that asked for nothing special.
    Quiet,
}

/// A round that is under way.
pub(super) struct Round<'e> {
    engine: &'e Engine,
    manner: &'e PollManner,
    server: &'e str,
    credential: &'e str,
    began_at: i64,
    requests: u64,
    events: usize,
    /// The earliest time that a failure wants the next round at.
    retry_at: Option<i64>,
}

impl<'e> Round<'e> {
    pub(super) fn new(
        engine: &'e Engine,
        manner: &'e PollManner,
        server: &'e str,
        credential: &'e str,
    ) -> Self {
        Self {
            engine,
            manner,
            server,
            credential,
            began_at: engine.now(),
            requests: 0,
            events: 0,
            retry_at: None,
        }
    }

    /// Does the round. `held_back` says until when applications wait whose poll
    /// failed.
    pub(super) fn run(
        mut self,
        applications: Vec<PolledApplication>,
        held_back: &mut HashMap<i64, i64>,
    ) -> Result<RoundEnd, StoreError> {
        let mut of_workspaces: BTreeMap<String, Vec<PolledApplication>> = BTreeMap::new();
        for polled in applications {
            let workspace = workspace_of(&polled.application.repo).to_ascii_lowercase();
            of_workspaces.entry(workspace).or_default().push(polled);
        }
        let mut due = Vec::new();
        for members in of_workspaces.into_values() {
            let look = match self.look(&members) {
                Ok(look) => Some(look),
                Err(error) if error.kind == ErrorKind::UNSUPPORTED => {
                    return Ok(RoundEnd::Unsupported);
                }
                Err(error) => {
                    let until = after_failure(self.engine, &error);
                    self.retry_at = Some(self.retry_at.unwrap_or(until).min(until));
                    if wants_rest(&error) {
                        return Ok(self.ended_by(until));
                    }
                    if is_the_service_s(&error) {
                        continue;
                    }
                    // Such as a credential that may not list: each by itself.
                    None
                }
            };
            let now = self.engine.now();
            for polled in members {
                if let Some(reason) = self.reason(&polled, look.as_ref(), now) {
                    due.push((reason, polled.began_at, polled.application));
                }
            }
        }
        held_back.retain(|_, until| *until > self.engine.now());
        due.retain(|(_, _, application)| !held_back.contains_key(&application.id));
        due.sort_by_key(|(reason, began_at, application)| (*reason, *began_at, application.id));
        for (reason, _, application) in due {
            if !self.has_room_for(reason) {
                break;
            }
            match self.engine.poll(&application) {
                Ok(polled) => {
                    self.requests += polled.requests;
                    self.events += polled.events;
                }
                Err(error) => {
                    self.requests += 1;
                    let until = failed(self.engine, &application, &error);
                    if wants_rest(&error) {
                        return Ok(self.ended_by(until));
                    }
                    held_back.insert(application.id, until);
                }
            }
        }
        let next = self.next_round();
        Ok(RoundEnd::Done {
            events: self.events,
            next,
        })
    }

    fn look(&mut self, members: &[PolledApplication]) -> Result<Looked, VcsError> {
        let applications: Vec<&Application> =
            members.iter().map(|polled| &polled.application).collect();
        let place = WorkspacePlace {
            server: self.server.to_owned(),
            credential: self.credential.to_owned(),
            workspace: workspace_of(&applications[0].repo).to_owned(),
        };
        let looked = self.engine.look_at_workspace(&place, &applications);
        self.requests += looked.as_ref().map_or(1, |looked| looked.requests);
        if let Err(error) = &looked {
            tracing::warn!(server = self.server, workspace = place.workspace, %error, "a look at a workspace failed");
        }
        looked
    }

    /// Why an application is polled now, if it is.
    fn reason(
        &self,
        polled: &PolledApplication,
        look: Option<&Looked>,
        now: i64,
    ) -> Option<Reason> {
        let Some(began_at) = polled.began_at else {
            return Some(Reason::Changed);
        };
        let is_shown = |kind| look.is_some_and(|look| look.kinds.contains(&kind));
        if let Some(look) = look {
            let is_covered = polled.covered_by == Some(look.id);
            let shows_pushes = is_shown(EventKind::REF_UPDATED);
            if shows_pushes && (!is_covered || look.changed.contains(&polled.application.id)) {
                return Some(Reason::Changed);
            }
        }
        // A clock that was set back does not keep it from being polled.
        let is_due = later(began_at, self.manner.interval) <= now || began_at > now;
        if !is_due {
            return None;
        }
        if look.is_none() || !is_shown(EventKind::REF_UPDATED) {
            return Some(Reason::Changed);
        }
        let wants_pull_requests = polled.application.options.pull_requests != PullRequestRuns::Off;
        if wants_pull_requests && !is_shown(EventKind::PULL_REQUEST_UPDATED) {
            return Some(Reason::PullRequests);
        }
        Some(Reason::Quiet)
    }

    fn has_room_for(&self, reason: Reason) -> bool {
        match reason {
            Reason::Changed => self.requests < MOST_IN_A_ROUND,
            Reason::PullRequests | Reason::Quiet => {
                self.requests + QUIET_POLL <= MOST_WITH_QUIET_ONES
            }
        }
    }

    /// The end of a round that cannot go on before a time.
    fn ended_by(&self, until: i64) -> RoundEnd {
        RoundEnd::Done {
            events: self.events,
            next: until.max(self.after_its_share()),
        }
    }

    fn next_round(&self) -> i64 {
        let interval = self.manner.workspaces.unwrap_or(self.manner.interval);
        let regular = later(self.began_at, interval);
        let wanted = self.retry_at.map_or(regular, |retry| retry.min(regular));
        wanted.max(self.after_its_share())
    }

    /// When an hour's share of this many requests is used up.
    fn after_its_share(&self) -> i64 {
        let share = Duration::from_secs(self.requests * 3600 / REQUESTS_PER_HOUR);
        later(self.began_at, share)
    }
}

/// Whether the service itself fails, and with it all that is asked of it.
fn is_the_service_s(error: &VcsError) -> bool {
    matches!(
        error.kind,
        ErrorKind::UNAVAILABLE | ErrorKind::TIMEOUT | ErrorKind::UNAUTHENTICATED
    )
}
