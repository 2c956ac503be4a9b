//! What happened since the last look: the refs then and now.
//!
//! The cursor is the list of refs at the last look, so nothing has to be kept
//! between polls, and a poll finds what happened while nobody looked.

use crate::commits::{is_ancestor, new_commits};
use crate::git::Git;
use crate::names::Namespace;
use crate::repositories::clone_url;
use std::collections::BTreeMap;
use vcs_provider_interface::prelude::*;

/// How many new commits an event carries.
const MOST_COMMITS: usize = 100;

/// The version of the cursor's form.
const FORM: &str = "refs-1";

/// Full ref names and the commits they lead to.
type Refs = BTreeMap<String, String>;

fn refs_now(git: &Git<'_>) -> Result<Refs> {
    let format = "--format=%(objectname) %(*objectname) %(refname)";
    let output = git.must(&["for-each-ref", format, "refs/heads/", "refs/tags/"])?;
    let refs = String::from_utf8_lossy(&output)
        .lines()
        .filter_map(|line| {
            let (object, rest) = line.split_once(' ')?;
            let (target, name) = rest.split_once(' ')?;
            let commit = if target.is_empty() { object } else { target };
            Some((name.to_owned(), commit.to_owned()))
        })
        .collect();
    Ok(refs)
}

fn cursor_of(refs: &Refs) -> String {
    let mut cursor = FORM.to_owned();
    for (name, hash) in refs {
        cursor.push_str(&format!("\n{hash} {name}"));
    }
    cursor
}

fn refs_of(cursor: &str) -> Result<Refs> {
    let wrong = || {
        VcsError::new(
            ErrorKind::INVALID_INPUT,
            "the cursor is not one of this provider",
        )
    };
    let mut lines = cursor.lines();
    if lines.next() != Some(FORM) {
        return Err(wrong());
    }
    lines
        .map(|line| {
            let (hash, name) = line.split_once(' ').ok_or_else(wrong)?;
            Ok((name.to_owned(), hash.to_owned()))
        })
        .collect()
}

pub(crate) fn poll(git: &Git<'_>, request: &PollEventsRequest) -> Result<PolledEvents> {
    let now = refs_now(git)?;
    let mut events = Vec::new();
    if let Some(cursor) = &request.cursor {
        let before = refs_of(cursor)?;
        let names: std::collections::BTreeSet<&String> = before.keys().chain(now.keys()).collect();
        for name in names {
            let (old, new) = (before.get(name), now.get(name));
            if old != new {
                events.extend(event(git, &request.repo, name, old, new)?);
            }
        }
        if !request.kinds.is_empty() {
            events.retain(|event| request.kinds.contains(&event.kind));
        }
    }
    Ok(PolledEvents {
        events,
        cursor: cursor_of(&now),
        requests: 1,
        ..Default::default()
    })
}

fn event(
    git: &Git<'_>,
    full_name: &str,
    ref_name: &str,
    old: Option<&String>,
    new: Option<&String>,
) -> Result<Option<Event>> {
    let branch = ref_name.strip_prefix(Namespace::Branch.prefix());
    let tag = ref_name.strip_prefix(Namespace::Tag.prefix());
    let (kind, name) = match (branch, tag) {
        (Some(name), _) => (RefKind::BRANCH, name),
        (None, Some(name)) => (RefKind::TAG, name),
        (None, None) => return Ok(None),
    };
    let forced = match (old, new) {
        (Some(old), Some(new)) => !is_ancestor(git, old, new)?,
        _ => false,
    };
    // After a forced push the old commit may be gone from the repository.
    let since = old.filter(|_| !forced).map(String::as_str);
    let (commits, is_all) = match new {
        Some(new) => new_commits(git, since, new, MOST_COMMITS)?,
        None => (Vec::new(), true),
    };
    let slug = full_name.rsplit('/').next().unwrap_or(full_name);
    Ok(Some(Event {
        kind: match (old, new) {
            (None, _) => EventKind::REF_CREATED,
            (_, None) => EventKind::REF_DELETED,
            _ => EventKind::REF_UPDATED,
        },
        key: "ref".to_owned(),
        repo: Some(EventRepository {
            id: full_name.to_owned(),
            fullname: full_name.to_owned(),
            name: slug.to_owned(),
            url: clone_url(git.folder()),
            old_fullname: None,
            ..Default::default()
        }),
        change: Some(RefChange {
            kind,
            name: name.to_owned(),
            old_hash: old.cloned(),
            new_hash: new.cloned(),
            forced: Some(forced),
            truncated: Some(!is_all),
            commits,
            tag_message: None,
            ..Default::default()
        }),
        ..Default::default()
    }))
}
