//! What hooks are told about pull requests, and what a push means to them.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::events::deliver;
use crate::git::compare::JoinedGit;
use crate::git::objects::RefKind;
use crate::git::refs::Snapshot;
use crate::git::repository::GitError;
use crate::model::mock::Mock;
use crate::model::pull_request::{PullRequest, PullRequestState};
use crate::model::pull_request_store;
use crate::model::repository::Repository;
use crate::model::user::User;
use crate::sync::lock;
use crate::view;

/// The events that the activity calls an update. A push comes with both
/// `pullrequest:updated` and `pullrequest:push`, and is one update.
const UPDATES: [&str; 4] = [
    "pullrequest:created",
    "pullrequest:updated",
    "pullrequest:fulfilled",
    "pullrequest:rejected",
];

/// Delivers an event of a pull request to the repository it is made to. `more`
/// is added to the payload under its names.
pub(crate) fn deliver(
    mock: &Mock,
    repository: &Arc<Repository>,
    actor: Option<&User>,
    event: &str,
    pull_request: &PullRequest,
    more: Vec<(&str, Value)>,
) {
    if UPDATES.contains(&event) {
        note_update(mock, repository, actor, pull_request);
    }
    let mut payload = json!({ "pullrequest": delivered(mock, repository, pull_request) });
    for (name, value) in more {
        payload[name] = value;
    }
    deliver::deliver(mock, repository, actor, event, payload);
}

/// A pull request as deliveries show it: how it renders without the reason, and more
/// of its source branch.
fn delivered(mock: &Mock, repository: &Arc<Repository>, pull_request: &PullRequest) -> Value {
    let mut object = view::pull_request::whole(mock, repository, pull_request);
    if let Some(rendered) = object["rendered"].as_object_mut() {
        rendered.remove("reason");
    }
    object["source"]["branch"]["links"] = json!({});
    object["source"]["branch"]["sync_strategies"] = json!(["merge_commit", "rebase"]);
    object
}

/// Notes how a pull request looks after an update, for its activity.
pub(crate) fn note_update(
    mock: &Mock,
    repository: &Arc<Repository>,
    actor: Option<&User>,
    pull_request: &PullRequest,
) {
    let update = view::pull_request::update(mock, repository, actor, pull_request);
    lock(&mock.state)
        .pull_request_updates
        .entry(repository.uuid.clone())
        .or_default()
        .push((pull_request.id, update));
}

/// After a push: pull requests from a branch that moved are updated, and those
/// whose commits have all arrived at their destination count as merged.
pub(crate) fn after_push(
    mock: &Mock,
    pushed: &Repository,
    actor: Option<&User>,
    before: &Snapshot,
    after: &Snapshot,
) -> Result<(), GitError> {
    let moved = |branch: &str| -> Option<String> {
        let hash = |snapshot: &Snapshot| {
            snapshot
                .values()
                .find(|found| found.kind == RefKind::Branch && found.name == branch)
                .map(|found| found.commit.clone())
        };
        let new = hash(after)?;
        (hash(before)? != new).then_some(new)
    };
    let repositories = lock(&mock.state).repositories().to_vec();
    for repository in repositories {
        let any_open = lock(&mock.state)
            .pull_requests
            .get(&repository.uuid)
            .is_some_and(|all| all.iter().any(|one| one.state == PullRequestState::Open));
        if !any_open {
            continue;
        }
        for pull_request in pull_request_store::all(mock, &repository)? {
            if pull_request.state != PullRequestState::Open {
                continue;
            }
            let from_here = pull_request.source.repository.as_deref() == Some(&pushed.uuid);
            let to_here = repository.uuid == pushed.uuid;
            let arrived = match moved(&pull_request.destination.branch).filter(|_| to_here) {
                Some(new) if has_arrived(mock, &repository, &pull_request, &new)? => Some(new),
                _ => None,
            };
            if let Some(new) = arrived {
                finish(mock, &repository, actor, pull_request.id, &new);
            } else if from_here && moved(&pull_request.source.branch).is_some() {
                update(mock, &repository, actor, pull_request.id);
            }
        }
    }
    Ok(())
}

/// Whether everything a pull request brings can be reached from `destination`.
fn has_arrived(
    mock: &Mock,
    repository: &Arc<Repository>,
    pull_request: &PullRequest,
    destination: &str,
) -> Result<bool, GitError> {
    let Some(source) = &pull_request.source.commit else {
        return Ok(false);
    };
    let from = pull_request_store::source_repository(mock, repository, pull_request);
    JoinedGit::new(&repository.git, &from.git).is_ancestor(source, destination)
}

fn finish(
    mock: &Mock,
    repository: &Arc<Repository>,
    actor: Option<&User>,
    id: u64,
    merge_commit: &str,
) {
    let now = mock.clock.timestamp();
    let closed = pull_request_store::change(mock, repository, id, |pull_request| {
        pull_request.merge_commit = Some(merge_commit.to_owned());
        pull_request.close(PullRequestState::Merged, actor, now);
        pull_request.clone()
    });
    if let Some(pull_request) = closed {
        deliver(
            mock,
            repository,
            actor,
            "pullrequest:fulfilled",
            &pull_request,
            Vec::new(),
        );
    }
}

fn update(mock: &Mock, repository: &Arc<Repository>, actor: Option<&User>, id: u64) {
    let now = mock.clock.timestamp();
    pull_request_store::change(mock, repository, id, |pull_request| {
        pull_request.updated_on = now;
    });
    if let Ok(Some(pull_request)) = pull_request_store::one(mock, repository, id) {
        for event in ["pullrequest:updated", "pullrequest:push"] {
            deliver(mock, repository, actor, event, &pull_request, Vec::new());
        }
    }
}
