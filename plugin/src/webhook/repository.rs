//! `repo:*` but for pushes: what happened to a repository, and comments and
//! build statuses of its commits.

use super::{Envelope, missing};
use crate::json::{Json, comment, event_repository, hash_at, named_by_links, pointer, status};
use vcs_provider_interface::prelude::*;

pub(super) fn event(envelope: &Envelope<'_>) -> Result<Event> {
    match envelope.key {
        "repo:commit_comment_created" => commit_comment(envelope),
        "repo:commit_status_created" => commit_status(envelope, EventKind::COMMIT_STATUS_CREATED),
        "repo:commit_status_updated" => commit_status(envelope, EventKind::COMMIT_STATUS_UPDATED),
        "repo:fork" => Ok(fork(envelope)),
        "repo:created" => Ok(envelope.event(EventKind::REPOSITORY_CREATED)),
        "repo:deleted" => Ok(envelope.event(EventKind::REPOSITORY_DELETED)),
        "repo:imported" => Ok(envelope.event(EventKind::REPOSITORY_IMPORTED)),
        "repo:transfer" => Ok(moved(envelope, EventKind::REPOSITORY_MOVED)),
        _ => Ok(moved(envelope, EventKind::REPOSITORY_UPDATED)),
    }
}

fn commit_comment(envelope: &Envelope<'_>) -> Result<Event> {
    let comment = pointer::object(envelope.body, "/comment")
        .and_then(comment)
        .ok_or_else(|| missing("comment.id"))?;
    let mut event = envelope.event(EventKind::COMMIT_COMMENT_CREATED);
    event.date = comment.updated.or(comment.created);
    if event.actor.is_none() {
        event.actor.clone_from(&comment.author);
    }
    event.comment = Some(comment);
    let commit = hash_at(envelope.body, "/commit/hash")
        .or_else(|| hash_at(envelope.body, "/comment/commit/hash"));
    if let Some(commit) = commit {
        event.extra.insert("commit", commit.to_owned());
    }
    Ok(event)
}

fn commit_status(envelope: &Envelope<'_>, kind: EventKind) -> Result<Event> {
    let mut status = pointer::object(envelope.body, "/commit_status")
        .and_then(status)
        .ok_or_else(|| missing("commit_status.key"))?;
    if status.commit.is_empty() {
        let commit = hash_at(envelope.body, "/commit/hash");
        status.commit = commit.unwrap_or_default().to_owned();
    }
    let mut event = envelope.event(kind);
    event.date = status.updated_at.or(status.created_at);
    event.status = Some(status);
    Ok(event)
}

fn fork(envelope: &Envelope<'_>) -> Event {
    let mut event = envelope.event(EventKind::REPOSITORY_FORKED);
    if let Some(fork) = envelope.body.get("fork").and_then(event_repository) {
        event.extra.insert("fork", fork.fullname);
        event.extra.insert("fork_id", fork.id);
    }
    event
}

/// Renamed, moved or with other settings: the former full name is read
/// wherever the delivery has it.
fn moved(envelope: &Envelope<'_>, kind: EventKind) -> Event {
    let mut event = envelope.event(kind);
    if let Some(repo) = &mut event.repo {
        repo.old_fullname =
            old_fullname(envelope.body, &repo.fullname).filter(|old| *old != repo.fullname);
    }
    if let Some(changes) = pointer::object(envelope.body, "/changes").and_then(Json::fields) {
        let changed: Vec<&str> = changes.iter().map(|(name, _)| &**name).collect();
        event.extra.insert("changed", changed.join(","));
    }
    event
}

fn old_fullname(body: &Json<'_>, fullname: &str) -> Option<String> {
    if let Some(old) = pointer::text(body, "/changes/full_name/old") {
        return Some(old.to_owned());
    }
    let links = body.pointer("/changes/links/old").map(named_by_links);
    if let Some(old) = links.flatten() {
        return Some(old);
    }
    let previous_owner = [
        "/previous_workspace/slug",
        "/previous_owner/slug",
        "/previous_owner/username",
        "/previous_owner/nickname",
        "/changes/workspace/old/slug",
        "/changes/owner/old/username",
    ]
    .iter()
    .find_map(|pointer| pointer::text(body, pointer))?;
    let (_, slug) = fullname.rsplit_once('/')?;
    Some(format!("{previous_owner}/{slug}"))
}
