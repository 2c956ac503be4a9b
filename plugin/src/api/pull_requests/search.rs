//! Which pull requests hold a commit.
//!
//! Bitbucket finds that itself where its app for commit links is installed:
//! one request for the first page, and one for each pull request of which the
//! response gives no more than the number. Without the app, and as long as it is
//! indexing, the pull requests of the wanted states are gone through: the last
//! commit and the merge commit tell without a further request; otherwise the
//! commits of the pull request are listed, unless it was last changed before
//! the commit was made. Of a closed pull request whose branch is deleted the
//! service lists no commits, so only those two are found.

use super::{get_value, read_one, same_commit, words};
use crate::http::Request;
use crate::json::time::milliseconds;
use crate::json::{Item, Json, StrictJson, listed_pull_request_fields, pointer};
use crate::page_length::List;
use crate::pages::Pager;
use crate::repository_name::RepositoryName;
use crate::session::Session;
use vcs_provider_interface::prelude::*;

/// How far the clock of whoever made a commit may be ahead, in milliseconds: a day.
const CLOCK_DIFFERENCE: i64 = 24 * 60 * 60 * 1000;

/// Lists the pull requests that hold a commit.
pub(crate) fn search(
    session: &Session,
    context: &dyn CallContext,
    request: SearchPullRequestRequest,
    sink: &mut dyn PageSink<PullRequest>,
) -> Result<()> {
    let repo = RepositoryName::parse(&request.repo)?;
    let wanted = words(&request.states)?;
    if is_indexed(session, context, &repo, &request)? {
        return search_index(session, context, &repo, &request, &wanted, sink);
    }
    session.http.log().info(
        "pull_requests",
        "the commit links of Bitbucket are not ready; comparing the pull requests of the list",
    );
    search_list(session, context, &repo, &request, &wanted, sink)
}

/// Whether the service knows which pull requests hold which commits: the app
/// that does may not be installed (404) or not have finished (202).
fn is_indexed(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    request: &SearchPullRequestRequest,
) -> Result<bool> {
    let path = repo.path(&["commit", &request.commit, "pullrequests"]);
    let first = Request::get(path)
        .fields("size,values.id")
        .query("pagelen", "1");
    match session.http.send(context, &first) {
        Ok(response) => Ok(response.head.status != 202),
        Err(error) if error.kind == ErrorKind::NOT_FOUND => Ok(false),
        Err(error) => Err(error),
    }
}

fn search_index(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    request: &SearchPullRequestRequest,
    wanted: &[String],
    sink: &mut dyn PageSink<PullRequest>,
) -> Result<()> {
    let path = repo.path(&["commit", &request.commit, "pullrequests"]);
    let listing = Pager::new(
        &session.http,
        context,
        List::CommitPullRequests,
        Request::get(path).fields(&listed_pull_request_fields()),
    );
    listing.each(&mut |items: Vec<Item>, total| {
        let mut found = Vec::new();
        for item in items {
            let whole = complete(session, context, repo, item.value)?;
            if is_wanted(&whole, wanted) {
                found.push(read_one(&whole)?);
            }
        }
        push(sink, found, total)
    })?;
    Ok(())
}

/// Items of this list may be no more than a number, a title and links.
fn complete(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    item: Json<'static>,
) -> Result<Json<'static>> {
    if pointer::text(&item, "/state").is_some() && pointer::object(&item, "/source").is_some() {
        return Ok(item);
    }
    match pointer::number(&item, "/id") {
        Some(id) => get_value(session, context, repo, id),
        None => Ok(item),
    }
}

fn is_wanted(value: &Json<'_>, wanted: &[String]) -> bool {
    let state = pointer::text(value, "/state").unwrap_or("OPEN");
    wanted.iter().any(|word| word.eq_ignore_ascii_case(state))
}

fn search_list(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    request: &SearchPullRequestRequest,
    wanted: &[String],
    sink: &mut dyn PageSink<PullRequest>,
) -> Result<()> {
    let mut listed = Request::get(repo.path(&["pullrequests"]))
        .query("sort", "-created_on")
        .fields(&listed_pull_request_fields());
    for state in wanted {
        listed = listed.query("state", state);
    }
    let made = commit_time(session, context, repo, &request.commit)?;
    let listing = Pager::new(&session.http, context, List::PullRequests, listed);
    listing.each(&mut |items: Vec<Item>, _| {
        let mut found = Vec::new();
        for item in items {
            if ends_in(&item.value, &request.commit)
                || (may_hold(&item.value, made)
                    && lists(session, context, repo, &item.value, &request.commit)?)
            {
                found.push(read_one(&item.value)?);
            }
        }
        push(sink, found, None)
    })?;
    Ok(())
}

/// When the commit was made; `None` if that is not known.
fn commit_time(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    commit: &str,
) -> Result<Option<i64>> {
    let request = Request::get(repo.path(&["commit", commit])).fields("date");
    match session.http.json(context, &request) {
        Ok(StrictJson(commit)) => Ok(milliseconds(pointer::text(&commit, "/date"))),
        // It may be in the source repository only.
        Err(error) if error.kind == ErrorKind::NOT_FOUND => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the commit is the last of the pull request, or its merge.
fn ends_in(pull_request: &Json<'_>, commit: &str) -> bool {
    ["/source/commit/hash", "/merge_commit/hash"]
        .iter()
        .filter_map(|pointer| pointer::text(pull_request, pointer))
        .any(|hash| same_commit(hash, commit))
}

/// Whether the pull request can hold a commit that was made at this time.
fn may_hold(pull_request: &Json<'_>, made: Option<i64>) -> bool {
    match (
        made,
        milliseconds(pointer::text(pull_request, "/updated_on")),
    ) {
        (Some(made), Some(updated)) => made <= updated.saturating_add(CLOCK_DIFFERENCE),
        _ => true,
    }
}

/// Whether the commit is among those that the service lists for the pull request.
fn lists(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    pull_request: &Json<'_>,
    commit: &str,
) -> Result<bool> {
    let Some(id) = pointer::number(pull_request, "/id") else {
        return Ok(false);
    };
    let path = repo.path(&["pullrequests", &id.to_string(), "commits"]);
    let request = Request::get(path).fields("next,values.hash");
    let mut is_found = false;
    let listed = Pager::new(&session.http, context, List::Commits, request).each(
        &mut |items: Vec<Item>, _| {
            is_found = items
                .iter()
                .filter_map(|item| pointer::text(&item.value, "/hash"))
                .any(|hash| same_commit(hash, commit));
            Ok(if is_found { Flow::STOP } else { Flow::CONTINUE })
        },
    );
    match listed {
        Ok(_) => Ok(is_found),
        // The source repository is gone, and its commits with it.
        Err(error) if error.kind == ErrorKind::NOT_FOUND => Ok(false),
        Err(error) => Err(error),
    }
}

fn push(
    sink: &mut dyn PageSink<PullRequest>,
    found: Vec<PullRequest>,
    total: Option<u64>,
) -> Result<Flow> {
    if found.is_empty() {
        return Ok(Flow::CONTINUE);
    }
    sink.page(found, total)
}
