//! What a delivery left out of an event.
//!
//! | event | sent | without success |
//! |---|---|---|
//! | a truncated push | `commits?include=new&exclude=old` | an `old` that is lost (force push) is dropped and asked again |
//! | a truncated push of a new branch | the same without the main branch's commits | |
//! | a pull request | `commit/{short}` for each shortened hash | the hash stays short |
//! | `pullrequest:updated` | the activity, for whether the commit changed | `commit_changed` stays unknown |
//!
//! Repeated: all of it. Every other event comes back as it was.

use crate::api::branches::short_name;
use crate::api::commits::Range;
use crate::api::pull_requests::{expand_hashes, same_commit};
use crate::api::refs;
use crate::api::refs::expand_hash;
use crate::http::Request;
use crate::json::{Item, Json, pointer};
use crate::page_length::List;
use crate::pages::{ENVELOPE, Pager};
use crate::repository_name::RepositoryName;
use crate::session::Session;
use vcs_provider_interface::prelude::*;

/// The most commits that are fetched for one event: a push that brings a whole
/// history is no list that a build wants. With more, `truncated` stays set.
const MOST_COMMITS: u64 = 1000;

/// Fetches what is missing.
pub(crate) fn complete(
    session: &Session,
    context: &dyn CallContext,
    request: CompleteEventRequest,
) -> Result<Event> {
    let mut event = request.event;
    let repo = match event.repo.as_ref().map(address).transpose()? {
        Some(repo) => repo,
        None => return Ok(event),
    };
    if let Some(change) = &mut event.change {
        if change.truncated == Some(true) && change.kind == RefKind::BRANCH {
            complete_push(session, context, &repo, change)?;
        }
    }
    if let Some(pull_request) = &mut event.pull_request {
        expand_hashes(session, context, &repo, pull_request)?;
    }
    if let Some(status) = &mut event.status {
        expand_hash(session, context, &repo, &mut status.commit)?;
    }
    if event.kind == EventKind::PULL_REQUEST_UPDATED && event.commit_changed.is_none() {
        if let Some(pull_request) = &event.pull_request {
            event.commit_changed =
                commit_changed(session, context, &repo, pull_request, event.date)?;
        }
    }
    Ok(event)
}

/// The repository by its unchangeable id, since it may have been renamed.
fn address(repo: &EventRepository) -> Result<RepositoryName> {
    match repo.fullname.split_once('/') {
        Some((workspace, _)) if repo.id.starts_with('{') => {
            RepositoryName::parse(&format!("{workspace}/{}", repo.id))
        }
        _ if repo.fullname.is_empty() => RepositoryName::parse(&repo.id),
        _ => RepositoryName::parse(&repo.fullname),
    }
}

fn complete_push(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    change: &mut RefChange,
) -> Result<()> {
    let Some(new) = change.new_hash.clone() else {
        return Ok(());
    };
    let range = Range {
        include: new,
        exclude: change.old_hash.clone(),
        limit: Some(MOST_COMMITS),
    };
    let fetched = match &range.exclude {
        Some(old) => match collect(session, context, repo, &range, Some(old)) {
            Err(error) if range.lost_exclude(&error) => {
                // A commit that is gone is no ancestor of one that is there.
                change.forced = Some(true);
                new_on_branch(session, context, repo, &range, short_name(&change.name))?
            }
            other => other?,
        },
        None => new_on_branch(session, context, repo, &range, short_name(&change.name))?,
    };
    change.truncated = Some(fetched.len() as u64 >= MOST_COMMITS);
    change.commits = fetched;
    Ok(())
}

/// The commits of a branch that the main branch has not; of the main branch all.
fn new_on_branch(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    range: &Range,
    branch: &str,
) -> Result<Vec<Commit>> {
    let main = match session.main_branch(context, repo)? {
        Some(main) if main != branch => {
            Some(refs::branch_head(session, context, repo, Some(&main))?)
        }
        _ => None,
    };
    collect(session, context, repo, range, main.as_deref())
}

fn collect(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    range: &Range,
    exclude: Option<&str>,
) -> Result<Vec<Commit>> {
    let mut found = Vec::new();
    range.push_without(session, context, repo, exclude, &mut |mut commits, _| {
        found.append(&mut commits);
        Ok(Flow::CONTINUE)
    })?;
    Ok(found)
}

/// Compares the source commit of the update that a delivery tells of with that
/// of the update before it.
fn commit_changed(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    pull_request: &PullRequest,
    date: Option<i64>,
) -> Result<Option<bool>> {
    let id = pull_request.id.to_string();
    let fields = format!("values.update.date,values.update.source.commit.hash,{ENVELOPE}");
    let request = Request::get(repo.path(&["pullrequests", &id, "activity"])).fields(&fields);
    let items: Vec<Item> = match Pager::new(&session.http, context, List::Activity, request)
        .limit(Some(crate::page_length::longest_page(List::Activity)))
        .collect()
    {
        Ok(items) => items,
        Err(error)
            if matches!(
                error.kind,
                ErrorKind::NOT_FOUND | ErrorKind::PERMISSION_DENIED
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let values: Vec<&Json<'_>> = items.iter().map(|item| &item.value).collect();
    Ok(compare_updates(&values, date))
}

/// Finds the update that a delivery tells of, the nearest in time, in the
/// activity, which is newest first.
fn compare_updates(activity: &[&Json<'_>], date: Option<i64>) -> Option<bool> {
    let updates: Vec<&Json<'_>> = activity
        .iter()
        .filter_map(|entry| pointer::object(entry, "/update"))
        .collect();
    let distance = |update: &Json<'_>| match (pointer::time(update, "/date"), date) {
        (Some(at), Some(date)) => at.abs_diff(date),
        _ => u64::MAX,
    };
    let hash = |update: &Json<'_>| pointer::text(update, "/source/commit/hash").map(str::to_owned);
    let told = updates
        .iter()
        .enumerate()
        .min_by_key(|(_, update)| distance(update))
        .map(|(index, _)| index)?;
    let now = hash(updates.get(told)?)?;
    let before = hash(updates.get(told + 1)?)?;
    Some(!same_commit(&now, &before))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::tree as object;

    /// Situation `updated-without-commit`.
    #[test]
    fn the_activity_tells_whether_an_update_changed_the_commit() {
        let update = |date: &str, hash: &str| object!({ "update": { "date": date, "source": { "commit": { "hash": hash } } } });
        let activity = [
            update("2025-01-01T10:30:00Z", "cccccccccccc"),
            object!({ "comment": { "id": 4 } }),
            update("2025-01-01T10:20:00Z", "bbbbbbbbbbbb"),
            object!({ "approval": {} }),
            update("2025-01-01T10:10:00Z", "aaaaaaaaaaaa"),
            update("2025-01-01T10:00:00Z", "aaaaaaaaaaaa"),
        ];
        let values: Vec<&Json<'_>> = activity.iter().collect();
        let at = |text: &str| {
            text.parse::<jiff::Timestamp>()
                .ok()
                .map(|time| time.as_millisecond())
        };
        assert_eq!(
            compare_updates(&values, at("2025-01-01T10:30:00Z")),
            Some(true)
        );
        assert_eq!(
            compare_updates(&values, at("2025-01-01T10:20:01Z")),
            Some(true)
        );
        assert_eq!(
            compare_updates(&values, at("2025-01-01T10:10:00Z")),
            Some(false)
        );
        assert_eq!(compare_updates(&values, at("2025-01-01T10:00:00Z")), None);
        assert_eq!(compare_updates(&values, None), Some(true));
        assert_eq!(compare_updates(&[], None), None);
    }

    /// Situation `renamed-repository`.
    #[test]
    fn a_repository_is_addressed_by_its_id() {
        let repo = EventRepository {
            id: "{7c0e}".to_owned(),
            fullname: "orchard/pear".to_owned(),
            ..EventRepository::default()
        };
        assert_eq!(
            address(&repo).expect("a name").to_string(),
            "orchard/{7c0e}"
        );
        let bare = EventRepository {
            fullname: "orchard/pear".to_owned(),
            ..EventRepository::default()
        };
        assert_eq!(address(&bare).expect("a name").to_string(), "orchard/pear");
    }
}
