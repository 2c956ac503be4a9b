//! Which pull requests hold a commit.

use super::{get_value, read_one, same_commit, words};
use crate::http::Request;
use crate::page_length::List;
use crate::pages::Listing;
use crate::read::{Item, json, listed_pull_request_fields};
use crate::repository_name::RepositoryName;
use crate::session::Session;
use serde_json::Value;
use vcs_provider_interface::prelude::*;

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
        Ok(answer) => Ok(answer.head.status != 202),
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
    let listing = Listing::new(
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
    item: Value,
) -> Result<Value> {
    if json::text(&item, "/state").is_some() && json::object(&item, "/source").is_some() {
        return Ok(item);
    }
    match json::number(&item, "/id") {
        Some(id) => get_value(session, context, repo, id),
        None => Ok(item),
    }
}

fn is_wanted(value: &Value, wanted: &[String]) -> bool {
    let state = json::text(value, "/state").unwrap_or("OPEN");
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
    let listing = Listing::new(&session.http, context, List::PullRequests, listed);
    listing.each(&mut |items: Vec<Item>, _| {
        let mut found = Vec::new();
        for item in items {
            let holds = ["/source/commit/hash", "/merge_commit/hash"]
                .iter()
                .filter_map(|pointer| json::text(&item.value, pointer))
                .any(|hash| same_commit(hash, &request.commit));
            if holds {
                found.push(read_one(&item.value)?);
            }
        }
        push(sink, found, None)
    })?;
    Ok(())
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
