//! `pullrequest:*`: what happened to a pull request or its comments.

use super::{Envelope, missing};
use crate::json::{account, comment, pointer, pull_request};
use vcs_provider_interface::prelude::*;

pub(super) fn event(envelope: &Envelope<'_>) -> Result<Event> {
    let kind = match envelope.key {
        "pullrequest:created" => EventKind::PULL_REQUEST_CREATED,
        "pullrequest:approved" => EventKind::PULL_REQUEST_APPROVED,
        "pullrequest:unapproved" => EventKind::PULL_REQUEST_UNAPPROVED,
        "pullrequest:changes_request_created" => EventKind::PULL_REQUEST_CHANGES_REQUESTED,
        "pullrequest:changes_request_removed" => EventKind::PULL_REQUEST_CHANGES_REQUEST_REMOVED,
        "pullrequest:fulfilled" => EventKind::PULL_REQUEST_MERGED,
        "pullrequest:rejected" => EventKind::PULL_REQUEST_DECLINED,
        "pullrequest:comment_created" => EventKind::PULL_REQUEST_COMMENT_CREATED,
        "pullrequest:comment_updated" => EventKind::PULL_REQUEST_COMMENT_UPDATED,
        "pullrequest:comment_deleted" => EventKind::PULL_REQUEST_COMMENT_DELETED,
        "pullrequest:comment_resolved" => EventKind::PULL_REQUEST_COMMENT_RESOLVED,
        "pullrequest:comment_reopened" => EventKind::PULL_REQUEST_COMMENT_REOPENED,
        _ => EventKind::PULL_REQUEST_UPDATED,
    };
    let body = envelope.body;
    let mut pull_request = pointer::object(body, "/pullrequest")
        .ok_or_else(|| missing("pullrequest"))
        .and_then(|value| pull_request(value).ok_or_else(|| missing("pullrequest.id")))?;
    match kind {
        EventKind::PULL_REQUEST_MERGED => close(&mut pull_request, PullRequestState::MERGED),
        EventKind::PULL_REQUEST_DECLINED if pull_request.state != PullRequestState::SUPERSEDED => {
            close(&mut pull_request, PullRequestState::DECLINED);
        }
        _ => {}
    }

    let mut event = envelope.event(kind);
    event.date = ["/approval/date", "/changes_request/date"]
        .iter()
        .find_map(|pointer| pointer::time(body, pointer))
        .or(pull_request.updated)
        .or(pull_request.created);
    if kind == EventKind::PULL_REQUEST_UPDATED {
        // `pullrequest:updated` comes for a new commit and for a new title
        // alike, and does not say which.
        event.commit_changed = (envelope.key == "pullrequest:push").then_some(true);
    }
    if event.actor.is_none() {
        event.actor = ["/approval/user", "/changes_request/user", "/comment/user"]
            .iter()
            .find_map(|pointer| account(body.pointer(pointer)?));
    }
    if envelope.key.starts_with("pullrequest:comment_") {
        let comment = pointer::object(body, "/comment")
            .and_then(comment)
            .ok_or_else(|| missing("comment.id"))?;
        event.date = comment.updated.or(comment.created).or(event.date);
        event.comment = Some(Comment {
            deleted: comment.deleted || kind == EventKind::PULL_REQUEST_COMMENT_DELETED,
            resolved: match kind {
                EventKind::PULL_REQUEST_COMMENT_RESOLVED => Some(true),
                EventKind::PULL_REQUEST_COMMENT_REOPENED => Some(false),
                _ => comment.resolved,
            },
            ..comment
        });
    }
    event.pull_request = Some(pull_request);
    Ok(event)
}

/// The event key says how it ended, also where the body's state is not one.
fn close(pull_request: &mut PullRequest, state: PullRequestState) {
    pull_request.state = state;
    pull_request.merged = state == PullRequestState::MERGED;
    pull_request.closed = true;
}
