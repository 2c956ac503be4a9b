//! Polling: what happened since the last look, without deliveries.
//!
//! The provider keeps nothing between two polls: the cursor holds what was
//! seen (see [`cursor`]). A poll that finds nothing takes three requests: the
//! repository, its refs (one for each 100) and the pull requests that changed
//! since (one for each 50). Each moved branch takes one more, up to
//! [`MOST_FORCE_CHECKS`], to tell a forced update; beyond that `forced` is `None`. Where the list of refs has several pages, each
//! ref that seems to be gone is asked for once, up to [`MOST_ABSENCE_CHECKS`],
//! since a list that changes while it is read can lose an item. The first poll
//! takes one request more, for the open pull requests. Repeated: all of it.
//!
//! Which repositories are worth a poll is found by [`mod@workspace`], in one
//! request for a whole workspace.
//!
//! Found: refs that were created, moved and deleted; pull requests that were
//! created, updated, merged and declined; a repository that was renamed. Not
//! found: who did it, and what came and went between two polls. Commits are
//! left to `complete_event`.

mod compare;
mod cursor;
mod look;
mod workspace;

pub(crate) use workspace::poll as poll_workspace;

use crate::repository_name::RepositoryName;
use crate::session::Session;
use compare::{forget_old, pull_request_changes, ref_changes, remember};
use cursor::{Cursor, PullRequestsAt, RefsAt};
use look::Look;
use std::collections::HashSet;
use vcs_provider_interface::prelude::*;

/// Moved branches that are asked about a forced update in one poll.
const MOST_FORCE_CHECKS: usize = 20;

/// Refs that are asked for in one poll because they seem to be gone.
const MOST_ABSENCE_CHECKS: usize = 50;

/// The kinds of event that polling finds in refs.
const REF_KINDS: &[EventKind] = &[
    EventKind::REF_CREATED,
    EventKind::REF_UPDATED,
    EventKind::REF_DELETED,
];

/// The kinds of event that polling finds in pull requests.
const PULL_REQUEST_KINDS: &[EventKind] = &[
    EventKind::PULL_REQUEST_CREATED,
    EventKind::PULL_REQUEST_UPDATED,
    EventKind::PULL_REQUEST_MERGED,
    EventKind::PULL_REQUEST_DECLINED,
];

/// Finds what happened since the cursor. Without one nothing has happened, and
/// the cursor of now is returned.
///
/// # Errors
/// `InvalidInput` for a cursor that is broken or another repository's.
pub(crate) fn poll(
    session: &Session,
    context: &dyn CallContext,
    request: PollEventsRequest,
) -> Result<PolledEvents> {
    let repo = RepositoryName::parse(&request.repo)?;
    let before = request.cursor.as_deref().map(Cursor::decode).transpose()?;
    let mut look = Look::new(session, context, &repo);
    let at = look.repository()?;
    if let Some(before) = &before {
        check_repository(before, &at, &request.repo)?;
    }
    let wants = |kinds: &[EventKind]| {
        request.kinds.is_empty() || kinds.iter().any(|kind| request.kinds.contains(kind))
    };

    let mut cursor = before.clone().unwrap_or_default();
    let mut events = Vec::new();
    if let Some(before) = before.filter(|before| before.fullname != at.fullname) {
        events.push(renamed(&at, &before.fullname));
    }
    if wants(REF_KINDS) {
        poll_refs(&mut look, &at, &mut cursor, &mut events)?;
    }
    if wants(PULL_REQUEST_KINDS) {
        poll_pull_requests(&mut look, &at, &mut cursor, &mut events)?;
    }
    cursor.repo.clone_from(&at.id);
    cursor.fullname.clone_from(&at.fullname);
    events.retain(|event| request.kinds.is_empty() || request.kinds.contains(&event.kind));
    Ok(PolledEvents {
        events,
        cursor: cursor.encode()?,
        requests: look.requests,
        ..Default::default()
    })
}

fn check_repository(cursor: &Cursor, at: &EventRepository, asked: &str) -> Result<()> {
    if cursor.repo == at.id {
        return Ok(());
    }
    Err(VcsError::new(
        ErrorKind::INVALID_INPUT,
        format!(
            "the cursor is that of the repository {} {} and not of {asked}; begin again without one",
            cursor.fullname, cursor.repo
        ),
    ))
}

fn event(kind: EventKind, key: &str, at: &EventRepository) -> Event {
    Event {
        kind,
        key: key.to_owned(),
        repo: Some(at.clone()),
        extra: Extra::from([("source", "poll".to_owned())]),
        ..Event::default()
    }
}

fn renamed(at: &EventRepository, old: &str) -> Event {
    let mut event = event(EventKind::REPOSITORY_UPDATED, "repo:updated", at);
    if let Some(repo) = &mut event.repo {
        repo.old_fullname = Some(old.to_owned());
    }
    event
}

fn poll_refs(
    look: &mut Look<'_>,
    at: &EventRepository,
    cursor: &mut Cursor,
    events: &mut Vec<Event>,
) -> Result<()> {
    let (mut now, pages) = look.refs()?;
    if let Some(before) = &cursor.refs {
        if pages > 1 {
            confirm_absence(look, before, &mut now)?;
        }
        let mut checks = 0;
        for (kind, mut change) in ref_changes(before, &now) {
            if kind == EventKind::REF_UPDATED && change.kind == RefKind::BRANCH {
                checks += 1;
                if checks <= MOST_FORCE_CHECKS {
                    change.forced = Some(look.is_forced(&change)?);
                } else {
                    change.forced = None;
                }
            }
            let mut event = event(kind, "repo:push", at);
            event.change = Some(change);
            events.push(event);
        }
    }
    cursor.refs = Some(now);
    Ok(())
}

/// Puts back what is there although the list has lost it.
fn confirm_absence(look: &mut Look<'_>, before: &RefsAt, now: &mut RefsAt) -> Result<()> {
    let gone: Vec<(RefKind, String)> = ref_changes(before, now)
        .into_iter()
        .filter(|(kind, _)| *kind == EventKind::REF_DELETED)
        .map(|(_, change)| (change.kind, change.name))
        .take(MOST_ABSENCE_CHECKS)
        .collect();
    for (kind, name) in gone {
        if let Some(hash) = look.one_ref(kind, &name)? {
            now.of_kind_mut(kind).insert(name, hash);
        }
    }
    Ok(())
}

fn poll_pull_requests(
    look: &mut Look<'_>,
    at: &EventRepository,
    cursor: &mut Cursor,
    events: &mut Vec<Event>,
) -> Result<()> {
    let Some(seen) = &mut cursor.pull_requests else {
        cursor.pull_requests = Some(first_look(look)?);
        return Ok(());
    };
    let changed = look.changed_since(seen.since)?;
    for (pull_request, change) in pull_request_changes(seen, changed) {
        let key = match change.kind {
            EventKind::PULL_REQUEST_CREATED => "pullrequest:created",
            EventKind::PULL_REQUEST_MERGED => "pullrequest:fulfilled",
            EventKind::PULL_REQUEST_DECLINED => "pullrequest:rejected",
            _ if change.commit_changed == Some(true) => "pullrequest:push",
            _ => "pullrequest:updated",
        };
        let mut event = event(change.kind, key, at);
        event.commit_changed = change.commit_changed;
        event.date = pull_request.updated;
        if change.kind == EventKind::PULL_REQUEST_CREATED {
            event.actor.clone_from(&pull_request.user);
            event.date = pull_request.created;
        }
        event.pull_request = Some(pull_request);
        events.push(event);
    }
    Ok(())
}

fn first_look(look: &mut Look<'_>) -> Result<PullRequestsAt> {
    let mut at = PullRequestsAt::default();
    let open = look.open()?;
    let latest = look.latest()?;
    let known: HashSet<u64> = open.iter().map(|pull_request| pull_request.id).collect();
    for pull_request in &open {
        remember(&mut at, pull_request);
    }
    // The latest changes of any state say how far there was something to see.
    for pull_request in latest.iter().filter(|latest| !known.contains(&latest.id)) {
        remember(&mut at, pull_request);
    }
    forget_old(&mut at);
    Ok(at)
}
