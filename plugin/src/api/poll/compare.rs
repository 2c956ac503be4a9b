//! What changed between two looks at a repository. Pure: sends nothing.

use super::cursor::{PullRequestsAt, RefsAt};
use std::collections::BTreeMap;
use vcs_provider_interface::prelude::*;

/// How far before the latest change a poll reads again, in milliseconds:
/// changes become visible in lists a little out of order.
pub(super) const OVERLAP_MS: i64 = 60_000;

/// The refs that changed: deleted ones first, so that a renamed ref's old name
/// is free before the new one appears; then branches before tags, by name.
pub(super) fn ref_changes(before: &RefsAt, now: &RefsAt) -> Vec<(EventKind, RefChange)> {
    let mut deleted = Vec::new();
    let mut others = Vec::new();
    let kinds = [
        (RefKind::BRANCH, &before.branches, &now.branches),
        (RefKind::TAG, &before.tags, &now.tags),
    ];
    for (kind, before, now) in kinds {
        compare(kind, before, now, &mut deleted, &mut others);
    }
    deleted.append(&mut others);
    deleted
}

fn compare(
    kind: RefKind,
    before: &BTreeMap<String, String>,
    now: &BTreeMap<String, String>,
    deleted: &mut Vec<(EventKind, RefChange)>,
    others: &mut Vec<(EventKind, RefChange)>,
) {
    let change = |name: &str, old: Option<&String>, new: Option<&String>| RefChange {
        kind,
        name: name.to_owned(),
        old_hash: old.cloned(),
        new_hash: new.cloned(),
        forced: Some(false),
        // The commits of a branch are not part of a list of refs.
        truncated: Some(kind == RefKind::BRANCH && new.is_some()),
        commits: Vec::new(),
        tag_message: None,
        ..Default::default()
    };
    for (name, old) in before {
        if !now.contains_key(name) {
            deleted.push((EventKind::REF_DELETED, change(name, Some(old), None)));
        }
    }
    for (name, new) in now {
        match before.get(name) {
            None => others.push((EventKind::REF_CREATED, change(name, None, Some(new)))),
            Some(old) if old != new => {
                others.push((EventKind::REF_UPDATED, change(name, Some(old), Some(new))));
            }
            Some(_) => {}
        }
    }
}

/// What happened to a pull request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PullRequestChange {
    pub(super) kind: EventKind,
    pub(super) commit_changed: Option<bool>,
}

/// What the pull requests that changed since the cursor tell, oldest change
/// first. `changed` is in the order of their changes. Brings the cursor's part
/// up to date.
pub(super) fn pull_request_changes(
    at: &mut PullRequestsAt,
    changed: Vec<PullRequest>,
) -> Vec<(PullRequest, PullRequestChange)> {
    let since = at.since;
    let mut found = Vec::new();
    for pull_request in changed {
        let seen_at = at.recent.get(&pull_request.id).copied();
        if seen_at.is_some() && seen_at == pull_request.updated {
            continue;
        }
        for change in changes_of(at, since, seen_at.is_some(), &pull_request) {
            found.push((pull_request.clone(), change));
        }
        remember(at, &pull_request);
    }
    forget_old(at);
    found
}

fn changes_of(
    at: &PullRequestsAt,
    since: Option<i64>,
    seen: bool,
    pull_request: &PullRequest,
) -> Vec<PullRequestChange> {
    let change = |kind| PullRequestChange {
        kind,
        commit_changed: None,
    };
    let known_open = at.open.get(&pull_request.id);
    let earliest_new = since.map(|since| since.saturating_sub(OVERLAP_MS));
    // An unknown one that was opened before the last look was closed then.
    let is_new = known_open.is_none() && !seen && pull_request.created >= earliest_new;
    let mut changes = Vec::new();
    if is_new {
        changes.push(change(EventKind::PULL_REQUEST_CREATED));
    }
    match (pull_request.closed, known_open) {
        (true, known) if known.is_some() || is_new => {
            changes.push(change(if pull_request.merged {
                EventKind::PULL_REQUEST_MERGED
            } else {
                EventKind::PULL_REQUEST_DECLINED
            }))
        }
        (false, _) if is_new => {}
        (_, known) => changes.push(PullRequestChange {
            kind: EventKind::PULL_REQUEST_UPDATED,
            commit_changed: match known {
                Some(before) => differs(before, &pull_request.head.branch.latest_commit),
                // What is closed gets no more commits.
                None if pull_request.closed => Some(false),
                None => None,
            },
        }),
    }
    changes
}

/// Whether two hashes, either of which may be shortened, are of different commits.
fn differs(before: &str, now: &str) -> Option<bool> {
    if before.is_empty() || now.is_empty() {
        return None;
    }
    Some(!before.starts_with(now) && !now.starts_with(before))
}

/// Takes a pull request as it is now into the cursor's part.
pub(super) fn remember(at: &mut PullRequestsAt, pull_request: &PullRequest) {
    if pull_request.closed {
        at.open.remove(&pull_request.id);
    } else {
        let hash = &pull_request.head.branch.latest_commit;
        let short: String = hash.chars().take(12).collect();
        at.open.insert(pull_request.id, short);
    }
    if let Some(updated) = pull_request.updated {
        at.since = at.since.max(Some(updated));
        at.recent.insert(pull_request.id, updated);
    }
}

/// Drops the changes that the next poll does not read again.
pub(super) fn forget_old(at: &mut PullRequestsAt) {
    if let Some(since) = at.since {
        let oldest = since.saturating_sub(OVERLAP_MS);
        at.recent.retain(|_, seen_at| *seen_at >= oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refs(branches: &[(&str, &str)], tags: &[(&str, &str)]) -> RefsAt {
        let map = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(name, hash)| ((*name).to_owned(), (*hash).to_owned()))
                .collect()
        };
        RefsAt {
            branches: map(branches),
            tags: map(tags),
        }
    }

    #[test]
    fn every_kind_of_ref_change_is_found_and_nothing_else() {
        let before = refs(
            &[("a", "1"), ("b", "2"), ("same", "3")],
            &[("v1", "1"), ("b", "9")],
        );
        let now = refs(
            &[("b", "4"), ("c", "1"), ("same", "3")],
            &[("v2", "1"), ("b", "9")],
        );
        let found: Vec<_> = ref_changes(&before, &now)
            .into_iter()
            .map(|(kind, change)| {
                let hashes = (change.old_hash, change.new_hash);
                (
                    kind,
                    change.kind,
                    change.name,
                    hashes,
                    change.truncated == Some(true),
                )
            })
            .collect();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            found,
            [
                (
                    EventKind::REF_DELETED,
                    RefKind::BRANCH,
                    "a".into(),
                    (text("1"), None),
                    false
                ),
                (
                    EventKind::REF_DELETED,
                    RefKind::TAG,
                    "v1".into(),
                    (text("1"), None),
                    false
                ),
                (
                    EventKind::REF_UPDATED,
                    RefKind::BRANCH,
                    "b".into(),
                    (text("2"), text("4")),
                    true
                ),
                (
                    EventKind::REF_CREATED,
                    RefKind::BRANCH,
                    "c".into(),
                    (None, text("1")),
                    true
                ),
                (
                    EventKind::REF_CREATED,
                    RefKind::TAG,
                    "v2".into(),
                    (None, text("1")),
                    false
                ),
            ]
        );
        assert!(ref_changes(&now, &now).is_empty());
    }

    fn pull_request(
        id: u64,
        state: PullRequestState,
        created: i64,
        updated: i64,
        hash: &str,
    ) -> PullRequest {
        PullRequest {
            id,
            state,
            merged: state == PullRequestState::MERGED,
            closed: state != PullRequestState::OPEN,
            created: Some(created),
            updated: Some(updated),
            head: PullRequestEnd {
                branch: Branch {
                    latest_commit: hash.to_owned(),
                    ..Branch::default()
                },
                ..PullRequestEnd::default()
            },
            ..PullRequest::default()
        }
    }

    const OPEN: PullRequestState = PullRequestState::OPEN;
    const MINUTE: i64 = 60_000;

    fn at() -> PullRequestsAt {
        let mut at = PullRequestsAt::default();
        remember(
            &mut at,
            &pull_request(1, OPEN, MINUTE, 2 * MINUTE, "aaaaaaaaaaaa"),
        );
        remember(
            &mut at,
            &pull_request(2, OPEN, MINUTE, 10 * MINUTE, "bbbbbbbbbbbb"),
        );
        forget_old(&mut at);
        at
    }

    fn kinds(
        at: &mut PullRequestsAt,
        changed: Vec<PullRequest>,
    ) -> Vec<(u64, EventKind, Option<bool>)> {
        pull_request_changes(at, changed)
            .into_iter()
            .map(|(pull_request, change)| (pull_request.id, change.kind, change.commit_changed))
            .collect()
    }

    /// Situation `updated-without-commit`.
    #[test]
    fn a_poll_tells_whether_the_commit_changed() {
        let mut at = at();
        let changed = vec![
            pull_request(1, OPEN, MINUTE, 11 * MINUTE, "aaaaaaaaaaaa"),
            pull_request(2, OPEN, MINUTE, 12 * MINUTE, "cccccccccccc"),
        ];
        let updated = EventKind::PULL_REQUEST_UPDATED;
        assert_eq!(
            kinds(&mut at, changed),
            [(1, updated, Some(false)), (2, updated, Some(true))]
        );
    }

    #[test]
    fn what_was_seen_is_not_told_again() {
        let mut at = at();
        let again = vec![pull_request(2, OPEN, MINUTE, 10 * MINUTE, "bbbbbbbbbbbb")];
        assert!(kinds(&mut at, again).is_empty());
    }

    #[test]
    fn a_new_one_that_is_merged_already_was_created_and_merged() {
        let mut at = at();
        let changed = vec![
            pull_request(3, OPEN, 11 * MINUTE, 11 * MINUTE, "c"),
            pull_request(4, PullRequestState::MERGED, 12 * MINUTE, 13 * MINUTE, "d"),
            pull_request(2, PullRequestState::SUPERSEDED, MINUTE, 14 * MINUTE, "b"),
        ];
        assert_eq!(
            kinds(&mut at, changed),
            [
                (3, EventKind::PULL_REQUEST_CREATED, None),
                (4, EventKind::PULL_REQUEST_CREATED, None),
                (4, EventKind::PULL_REQUEST_MERGED, None),
                (2, EventKind::PULL_REQUEST_DECLINED, None),
            ]
        );
        assert_eq!(at.open.keys().copied().collect::<Vec<_>>(), [1, 3]);
        // A comment on what was merged long ago is no second merge.
        let commented = vec![pull_request(
            4,
            PullRequestState::MERGED,
            12 * MINUTE,
            90 * MINUTE,
            "d",
        )];
        assert_eq!(
            kinds(&mut at, commented),
            [(4, EventKind::PULL_REQUEST_UPDATED, Some(false))]
        );
    }
}
