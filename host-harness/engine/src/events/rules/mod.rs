//! The rules of events: what an event is about, whether it is a duplicate, and
//! what the engine does about it.
//!
//! Pure: reads events, asks nobody, stores nothing.

use crate::clock::later;
use crate::store::{Application, Change, Cleanup, EventSource, NewEvent, PullRequestRuns};
use crate::subject::{branch_subject, commit_subject, pull_request_subject, tag_subject};
use std::time::Duration;
use vcs_provider_interface::records::{
    Event, EventKind, EventRepository, PullRequest, RefChange, RefKind,
};

/// Digits of a commit's hash that are compared: as many as the shortest hashes
/// that services deliver.
const HASH_PREFIX: usize = 12;

/// The length of a whole hash.
const HASH_LENGTH: usize = 40;

/// What handling an event does, all of it or nothing.
#[derive(Debug, Clone, Default)]
pub struct Effects {
    /// How it changes its subject, where that can be told.
    pub change: Option<Change>,
    /// A run that it asks for.
    pub run: Option<WantedRun>,
    /// A branch that is gone: its hash before, and when its runs go.
    pub deleted_branch: Option<(String, Option<String>, i64)>,
    /// A branch that is there.
    pub present_branch: Option<PresentBranch>,
    /// The repository's full name, if it has a new one.
    pub renamed_to: Option<String>,
    /// Whether the service is to be asked for what the event lacks.
    pub completion: bool,
    /// What could not be done.
    pub note: Option<String>,
}

/// A run that an event asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedRun {
    /// The branch; of a pull request, its source branch.
    pub branch: String,
    /// The commit's hash, as long as the service delivered it.
    pub hash: String,
    /// The pull request, if the event is about one.
    pub pull_request: Option<u64>,
    /// The repository that the commit is in, if it is a fork.
    pub source_repo: Option<String>,
}

impl WantedRun {
    /// Whether the rest of the hash is worth a short wait.
    #[must_use]
    pub fn has_short_hash(&self) -> bool {
        is_short(&self.hash)
    }
}

/// A branch that an event says is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentBranch {
    /// The name.
    pub name: String,
    /// Where it points.
    pub hash: String,
    /// Whether the event made it.
    pub is_new: bool,
}

impl PresentBranch {
    /// Whether it ends a planned clean-up of the branch. A move of the branch to
    /// the very commit at which it was deleted does not: its news came late.
    #[must_use]
    pub fn ends(&self, cleanup: &Cleanup) -> bool {
        self.is_new || cleanup.deleted_hash.as_ref() != Some(&self.hash)
    }
}

/// What is known of a subject's earlier changes when an event changes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// The value that the latest change gave it.
    pub latest: Option<String>,
    /// For a polled change: whether the subject was given the same value since
    /// the poll before began.
    pub given_since_last_poll: bool,
    /// For a delivered change: whether a poll found the same change, and no
    /// delivery was taken for it yet.
    pub polled_already: bool,
    /// For a delivered change: whether another delivery brought the subject from
    /// the same value to the same value.
    pub delivered_already: bool,
}

/// Whether a change was handled already.
///
/// A polled change is compared with everything. A delivery has an id of its own,
/// but the same change may come through a second hook: it is a duplicate if it
/// was delivered before and does not go on where the subject stands now. So a
/// branch that is moved away, back and away again is handled each time.
#[must_use]
pub fn is_duplicate(source: EventSource, change: &Change, history: &History) -> bool {
    match source {
        EventSource::Poll { .. } => {
            history.latest.as_ref() == Some(&change.value) || history.given_since_last_poll
        }
        EventSource::Delivery => {
            let goes_on = history.latest.is_some() && history.latest == change.old_value;
            history.polled_already || (history.delivered_already && !goes_on)
        }
    }
}

/// What an event is about.
#[must_use]
pub fn subject(event: &Event) -> String {
    if let Some(change) = &event.change {
        return match change.kind {
            RefKind::TAG => tag_subject(&change.name),
            _ => branch_subject(&change.name),
        };
    }
    if let Some(pull_request) = &event.pull_request {
        return pull_request_subject(pull_request.id);
    }
    if let Some(status) = &event.status {
        return commit_subject(prefix(&status.commit));
    }
    "repository".to_owned()
}

/// An event in the form in which it is stored.
#[must_use]
pub fn to_stored(event: &Event) -> NewEvent {
    NewEvent {
        subject: subject(event),
        // A record of plain fields always has a JSON form; an empty payload
        // would be parked with a reason.
        payload: serde_json::to_string(event).unwrap_or_default(),
    }
}

/// Whether the provider could add something: commits that were left out, or
/// the rest of a short hash.
#[must_use]
pub fn is_incomplete(event: &Event) -> bool {
    let truncated = event.change.as_ref().is_some_and(|change| {
        change.truncated == Some(true)
            || change.new_hash.as_deref().is_some_and(is_short)
            || change.old_hash.as_deref().is_some_and(is_short)
    });
    let shortened = event.pull_request.as_ref().is_some_and(|pull_request| {
        is_short(&pull_request.head.branch.latest_commit)
            || is_short(&pull_request.base.branch.latest_commit)
    });
    truncated || shortened
}

fn is_short(hash: &str) -> bool {
    !hash.is_empty() && hash.len() < HASH_LENGTH
}

/// The full hash of a run that was made of a short one, if the completed event
/// has it.
#[must_use]
pub fn completed_hash(event: &Event, short: &str) -> Option<String> {
    let pull_request = event.pull_request.as_ref().map(|pull_request| {
        let head = &pull_request.head.branch;
        head.latest_commit.clone()
    });
    let change = event
        .change
        .as_ref()
        .and_then(|change| change.new_hash.clone());
    let full = pull_request.or(change)?;
    (full.len() >= HASH_LENGTH && full.len() > short.len() && full.starts_with(short))
        .then_some(full)
}

/// What handling an event of an application does. `received_at` is when it
/// arrived, `retention` how long the runs of a deleted branch stay.
#[must_use]
pub fn effects(
    application: &Application,
    event: &Event,
    received_at: i64,
    retention: Duration,
) -> Effects {
    if let Some(repo) = &event.repo {
        if is_another_repository(application, repo) {
            return Effects {
                note: Some(format!(
                    "for {}, which is not the application's repository",
                    repo.fullname
                )),
                ..Effects::default()
            };
        }
    }
    let mut effects = Effects {
        change: change(event),
        ..Effects::default()
    };
    match (event.kind, &event.change, &event.repo) {
        (kind, Some(change), _) if change.kind == RefKind::BRANCH => {
            branch_effects(&mut effects, kind, change, later(received_at, retention));
        }
        (EventKind::REPOSITORY_UPDATED | EventKind::REPOSITORY_MOVED, _, Some(repo)) => {
            let is_new = !repo.fullname.is_empty() && repo.fullname != application.repo;
            effects.renamed_to = is_new.then(|| repo.fullname.clone());
        }
        (EventKind::PULL_REQUEST_CREATED | EventKind::PULL_REQUEST_UPDATED, _, _) => {
            if let Some(pull_request) = &event.pull_request {
                if event.commit_changed != Some(false) {
                    pull_request_effects(&mut effects, application, pull_request);
                }
            }
        }
        _ => {}
    }
    effects
}

fn pull_request_effects(
    effects: &mut Effects,
    application: &Application,
    pull_request: &PullRequest,
) {
    let wanted = application.options.pull_requests;
    let head = &pull_request.head;
    if wanted == PullRequestRuns::Off || pull_request.closed || head.branch.latest_commit.is_empty()
    {
        return;
    }
    let Some(repo) = &head.repo else {
        effects.note = Some("no run: the pull request's source repository is gone".to_owned());
        return;
    };
    let is_fork = !repo.eq_ignore_ascii_case(&application.repo);
    if is_fork && wanted != PullRequestRuns::Forks {
        effects.note = Some(format!(
            "no run: the pull request comes from the fork {repo}, and the application does not \
             build forks"
        ));
        return;
    }
    effects.run = Some(WantedRun {
        branch: head.branch.display_id.clone(),
        hash: head.branch.latest_commit.clone(),
        pull_request: Some(pull_request.id),
        source_repo: is_fork.then(|| repo.clone()),
    });
}

fn branch_effects(effects: &mut Effects, kind: EventKind, change: &RefChange, due_at: i64) {
    match (&change.new_hash, kind) {
        (Some(hash), EventKind::REF_CREATED | EventKind::REF_UPDATED) => {
            effects.run = Some(WantedRun {
                branch: change.name.clone(),
                hash: hash.clone(),
                pull_request: None,
                source_repo: None,
            });
            effects.present_branch = Some(PresentBranch {
                name: change.name.clone(),
                hash: hash.clone(),
                is_new: kind == EventKind::REF_CREATED,
            });
        }
        (_, EventKind::REF_DELETED) => {
            effects.deleted_branch = Some((change.name.clone(), change.old_hash.clone(), due_at));
        }
        _ => {}
    }
}

/// Both the unchangeable id and the name differ; either alone may be written in
/// another form or have changed.
fn is_another_repository(application: &Application, repo: &EventRepository) -> bool {
    let plain = |id: &str| id.trim_matches(['{', '}']).to_ascii_lowercase();
    let same_id = plain(&repo.id) == plain(&application.repo_id);
    let same_name = [Some(&repo.fullname), repo.old_fullname.as_ref()]
        .into_iter()
        .flatten()
        .any(|name| name.eq_ignore_ascii_case(&application.repo));
    !same_id && !same_name
}

/// What tells an event from the same one found in another way.
fn change(event: &Event) -> Option<Change> {
    if let Some(change) = &event.change {
        return Some(Change {
            value: change.new_hash.clone().unwrap_or_default(),
            old_value: Some(change.old_hash.clone().unwrap_or_default()),
        });
    }
    let detail = match (event.kind, &event.pull_request) {
        (EventKind::PULL_REQUEST_UPDATED, Some(pull_request)) => {
            prefix(&pull_request.head.branch.latest_commit).to_owned()
        }
        (
            EventKind::PULL_REQUEST_CREATED
            | EventKind::PULL_REQUEST_MERGED
            | EventKind::PULL_REQUEST_DECLINED,
            Some(_),
        ) => String::new(),
        // Only deliveries bring the other kinds, and each has its own id.
        _ => return None,
    };
    Some(Change {
        value: format!("{}:{detail}", event.kind),
        old_value: None,
    })
}

fn prefix(hash: &str) -> &str {
    hash.get(..HASH_PREFIX).unwrap_or(hash)
}

#[cfg(test)]
pub(crate) mod tests;
