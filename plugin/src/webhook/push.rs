//! `repo:push`: one event for each ref that the push changed.
//!
//! A change that cannot be read does not cost the others: it is left out, and
//! named by the fact `bitbucketcloud.unreadable` of the first event and in the log.

use super::{Envelope, missing};
use crate::json::{Json, commit, is_hash_like, pointer};
use vcs_provider_interface::prelude::*;

pub(super) fn events(envelope: &Envelope<'_>) -> Result<Vec<Event>> {
    let changes = match envelope.body.pointer("/push/changes") {
        Some(Json::List(changes)) => changes.as_slice(),
        // A push without effect, such as one of notes only.
        Some(Json::Null) => &[],
        _ => return Err(missing("push.changes")),
    };
    let mut events = Vec::with_capacity(changes.len());
    let mut unreadable = Vec::new();
    for (index, change) in changes.iter().enumerate() {
        match event(envelope, index, change) {
            Ok(event) => events.push(event),
            Err(error) => unreadable.push(error),
        }
    }
    let Some(first) = events.first_mut() else {
        // Nothing but unreadable changes, or none at all.
        return unreadable.into_iter().next().map_or(Ok(events), Err);
    };
    let fields: Vec<String> = unreadable
        .into_iter()
        .filter_map(|error| error.extra.get(keys::FIELD).map(str::to_owned))
        .collect();
    if !fields.is_empty() {
        first
            .extra
            .insert(UNREADABLE, serde_json::json!(fields).to_string());
    }
    Ok(events)
}

/// The key of the fact that lists, as JSON, the fields for which changes of the
/// push could not be read.
pub(super) const UNREADABLE: &str = "bitbucketcloud.unreadable";

fn event(envelope: &Envelope<'_>, index: usize, change: &Json<'_>) -> Result<Event> {
    let at = |field: &str| format!("push.changes[{index}].{field}");
    // Created and deleted are told by null: `closed` is also set for branches
    // that were closed but are still there.
    let old = pointer::object(change, "/old");
    let new = pointer::object(change, "/new");
    let (kind, side, side_name) = match (old, new) {
        (None, Some(new)) => (EventKind::REF_CREATED, new, "new"),
        (Some(_), Some(new)) => (EventKind::REF_UPDATED, new, "new"),
        (Some(old), None) => (EventKind::REF_DELETED, old, "old"),
        (None, None) => return Err(missing(&at("new"))),
    };
    let name =
        pointer::text(side, "/name").ok_or_else(|| missing(&at(&format!("{side_name}.name"))))?;
    let delivered = pointer::items(change, "/commits");
    let commits: Vec<Commit> = delivered.iter().filter_map(commit).collect();
    let new_hash = match new {
        Some(new) => {
            hash(new, &at("new.target.hash"))?.or_else(|| Some(commits.first()?.id.clone()))
        }
        None => None,
    };
    let old_hash = match old {
        Some(old) => hash(old, &at("old.target.hash"))?,
        None => None,
    };
    let mut event = envelope.event(kind);
    event.date = pointer::time(change, "/date").or_else(|| pointer::time(side, "/date"));
    event.change = Some(RefChange {
        kind: ref_kind(side),
        name: name.to_owned(),
        old_hash,
        new_hash,
        // Only what was there before and still is can be forced.
        forced: pointer::flag(change, "/forced")
            .or((kind != EventKind::REF_UPDATED).then_some(false)),
        // A commit that cannot be read is one that was left out.
        truncated: Some(
            pointer::flag(change, "/truncated").unwrap_or_default()
                || commits.len() < delivered.len(),
        ),
        commits,
        tag_message: pointer::text(side, "/message")
            .filter(|_| ref_kind(side) == RefKind::TAG)
            .map(str::to_owned),
        ..Default::default()
    });
    Ok(event)
}

/// The hash that a ref points at. Absent is allowed, since a ref without
/// target still is one; a hash that is not one would be a build of nothing.
fn hash(side: &Json<'_>, field: &str) -> Result<Option<String>> {
    let found = side
        .pointer("/target/hash")
        .filter(|found| !found.is_null())
        .or_else(|| side.get("hash"));
    match found {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Text(hash)) if is_hash_like(hash) => Ok(Some(hash.to_string())),
        _ => Err(missing(field)),
    }
}

/// Branch or tag. Old deliveries say `named_branch` and `bookmark` for
/// branches; some leave the type out, then a tag is told by what only tags have.
fn ref_kind(side: &Json<'_>) -> RefKind {
    match pointer::text(side, "/type") {
        Some("tag" | "annotated_tag" | "lightweight_tag") => RefKind::TAG,
        Some(_) => RefKind::BRANCH,
        None if side.get("tagger").is_some() => RefKind::TAG,
        None => RefKind::BRANCH,
    }
}
