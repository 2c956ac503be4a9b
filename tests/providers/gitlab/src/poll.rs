//! Polling: the branches, compared with those of the poll before.

use crate::http::PAGE_LENGTH;
use std::collections::BTreeMap;
use vcs_provider_interface::prelude::*;

/// What begins a cursor of this provider.
const CURSOR: &str = "branches:";

type Heads = BTreeMap<String, String>;

/// What a poll finds, where these are the branches now.
pub(crate) fn compare(branches: Vec<Branch>, request: &PollEventsRequest) -> Result<PolledEvents> {
    let before = request.cursor.as_deref().map(read).transpose()?;
    let requests = (branches.len() as u64).div_ceil(PAGE_LENGTH).max(1);
    let heads: Heads = branches
        .into_iter()
        .map(|branch| (branch.display_id, branch.latest_commit))
        .collect();
    let events = before.map_or_else(Vec::new, |before| changes(&before, &heads, request));
    Ok(PolledEvents {
        events,
        cursor: write(&heads)?,
        requests,
        ..PolledEvents::default()
    })
}

fn read(cursor: &str) -> Result<Heads> {
    cursor
        .strip_prefix(CURSOR)
        .and_then(|text| serde_json::from_str(text).ok())
        .ok_or_else(|| {
            let message = "the cursor is none of this provider";
            VcsError::new(ErrorKind::INVALID_INPUT, message)
        })
}

fn write(heads: &Heads) -> Result<String> {
    let text = serde_json::to_string(heads)
        .map_err(|error| VcsError::new(ErrorKind::INTERNAL, error.to_string()))?;
    Ok(format!("{CURSOR}{text}"))
}

fn changes(before: &Heads, now: &Heads, request: &PollEventsRequest) -> Vec<Event> {
    let gone = before.keys().filter(|name| !now.contains_key(*name));
    let names = gone.chain(now.keys());
    names
        .filter_map(|name| {
            let (old_hash, new_hash) = (before.get(name), now.get(name));
            let kind = match (old_hash, new_hash) {
                (old, new) if old == new => return None,
                (None, _) => EventKind::REF_CREATED,
                (_, None) => EventKind::REF_DELETED,
                _ => EventKind::REF_UPDATED,
            };
            let is_wanted = request.kinds.is_empty() || request.kinds.contains(&kind);
            is_wanted.then(|| Event {
                kind,
                repo: Some(EventRepository {
                    fullname: request.repo.clone(),
                    ..EventRepository::default()
                }),
                change: Some(RefChange {
                    kind: RefKind::BRANCH,
                    name: name.clone(),
                    old_hash: old_hash.cloned(),
                    new_hash: new_hash.cloned(),
                    ..RefChange::default()
                }),
                ..Event::default()
            })
        })
        .collect()
}
