//! Pull requests: listing, reading, creating and changing them.

use std::sync::Arc;

use serde_json::Value;

use crate::api::call::{BodyKind, Call, Route, caller_account};
use crate::api::pagination::{self, numbered};
use crate::api::routes::pull_request_body::PullRequestBody;
use crate::api::routes::{listing, pull_request_body, statuses};
use crate::api::sort::SortKey;
use crate::events::pull_request::deliver;
use crate::git::compare::JoinedGit;
use crate::model::errors::{ApiError, RouteResult};
use crate::model::permissions::{PULL_REQUEST, PULL_REQUEST_WRITE};
use crate::model::pull_request::{PullRequest, PullRequestState, Side};
use crate::model::pull_request_store;
use crate::model::repository::Repository;
use crate::model::response::Response;
use crate::sync::lock;
use crate::view;

const ALL: &str = "/2.0/repositories/{workspace}/{repo_slug}/pullrequests";
const ONE: &str = "/2.0/repositories/{workspace}/{repo_slug}/pullrequests/{pull_request_id}";

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get(ALL, list)
            .scopes(PULL_REQUEST)
            .query(&["state", "q", "sort"])
            .of("pullrequest")
            .numbered(10, 50),
        Route::post(ALL, create)
            .scopes(PULL_REQUEST_WRITE)
            .body(BodyKind::Json),
        Route::get(ONE, single).scopes(PULL_REQUEST),
        Route::put(ONE, update)
            .scopes(PULL_REQUEST_WRITE)
            .body(BodyKind::Json),
        Route::get(
            "/2.0/repositories/{workspace}/{repo_slug}/pullrequests/{pull_request_id}/commits",
            commits,
        )
        .scopes(PULL_REQUEST)
        .cursor(10, 100),
        Route::get(
            "/2.0/repositories/{workspace}/{repo_slug}/pullrequests/{pull_request_id}/diff",
            |call| redirect(call, "diff"),
        )
        .scopes(PULL_REQUEST)
        .query(&["context", "path", "ignore_whitespace", "binary"]),
        Route::get(
            "/2.0/repositories/{workspace}/{repo_slug}/pullrequests/{pull_request_id}/diffstat",
            |call| redirect(call, "diffstat"),
        )
        .scopes(PULL_REQUEST)
        .query(&["pagelen"]),
        Route::get(
            "/2.0/repositories/{workspace}/{repo_slug}/pullrequests/{pull_request_id}/patch",
            |call| redirect(call, "patch"),
        )
        .scopes(PULL_REQUEST),
        Route::get(
            "/2.0/repositories/{workspace}/{repo_slug}/pullrequests/{pull_request_id}/statuses",
            list_statuses,
        )
        .scopes(PULL_REQUEST)
        .query(&["q", "sort"])
        .of("status")
        .numbered(10, 100)
        .without_size(),
    ]
}

/// The repository and the pull request of the address, brought up to date.
pub(crate) fn find(call: &Call) -> Result<(Arc<Repository>, PullRequest), ApiError> {
    let repository = call.repository()?;
    let given = call.parameter("pull_request_id");
    let id: u64 = given
        .parse()
        .map_err(|_| ApiError::bad_request(format!("\"{given}\" is not a pull request id.")))?;
    let pull_request = pull_request_store::one(&call.mock, &repository, id)?
        .ok_or_else(|| ApiError::not_found(format!("Pull request {id} does not exist.")))?;
    Ok((repository, pull_request))
}

/// Like [`find`], but rejects a pull request that is closed.
pub(crate) fn find_open(call: &Call) -> Result<(Arc<Repository>, PullRequest), ApiError> {
    let (repository, pull_request) = find(call)?;
    if pull_request.state == PullRequestState::Open {
        Ok((repository, pull_request))
    } else {
        Err(ApiError::bad_request(format!(
            "This pull request is already closed: {}.",
            pull_request.state.name()
        )))
    }
}

/// Without `state` and `q` only open pull requests; with `q` the `state` is not
/// looked at.
fn list(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let mut states = Vec::new();
    for text in call.query_values("state") {
        states.push(PullRequestState::parse(&text).ok_or_else(|| {
            ApiError::bad_request(format!("Invalid pull request state: \"{text}\"."))
        })?);
    }
    if states.is_empty() {
        states.push(PullRequestState::Open);
    }
    let filter = listing::filter(call)?;
    let sort = listing::sort(call)?;
    let mut found = pull_request_store::all(&call.mock, &repository)?;
    // Newest first, unless asked otherwise.
    found.reverse();
    if filter.is_none() {
        found.retain(|pull_request| states.contains(&pull_request.state));
    }
    let item = |pull_request: &PullRequest| {
        view::pull_request::list_item(&call.mock, &repository, pull_request)
    };
    if filter.is_none() && sort.is_none() {
        return numbered(call, &found, |page| Ok(page.iter().map(item).collect()));
    }
    // The filter may look at reviewers, although the list does not show them.
    let mut probe = listing::Probe::new(call, filter.as_ref(), sort.as_ref());
    let mut probes: Vec<(Value, PullRequest)> = found
        .into_iter()
        .map(|found| {
            let whole = view::pull_request::whole(&call.mock, &repository, &found);
            (probe.of(&whole), found)
        })
        .filter(|(probe, _)| filter.as_ref().is_none_or(|filter| filter.matches(probe)))
        .collect();
    if let Some(sort) = sort {
        sort.sort(&mut probes, |(probe, _), field| SortKey::of(probe, field));
    }
    numbered(call, &probes, |page| {
        Ok(page.iter().map(|(_, found)| item(found)).collect())
    })
}

fn single(call: &Call) -> RouteResult {
    let (repository, pull_request) = find(call)?;
    respond(call, &repository, &pull_request, 200)
}

fn respond(
    call: &Call,
    repository: &Arc<Repository>,
    pull_request: &PullRequest,
    status: u16,
) -> RouteResult {
    Ok(Response::json(
        status,
        view::pull_request::whole(&call.mock, repository, pull_request),
    ))
}

/// A second pull request for the same branches is not rejected: it takes the
/// place of what the open one said, under the same number.
fn create(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let given = PullRequestBody::read(call)?;
    let title = given
        .title
        .clone()
        .ok_or_else(|| ApiError::field("title", "This field is required."))?;
    let author = call.user()?;
    let source = pull_request_body::source(call, &repository, &given)?
        .ok_or_else(|| ApiError::field("source.branch.name", "This field is required."))?;
    let destination = match pull_request_body::destination(call, &repository, &given)? {
        Some(destination) => destination,
        None => main_side(call, &repository)?,
    };
    let reviewers = pull_request_body::reviewers(call, &given, &author.uuid)?.unwrap_or_default();
    check_sides(call, &repository, &source, &destination)?;
    let now = call.mock.clock.timestamp();
    let same = pull_request_store::all(&call.mock, &repository)?
        .into_iter()
        .find(|kept| {
            kept.state == PullRequestState::Open
                && kept.source.repository == source.repository
                && kept.source.branch == source.branch
                && kept.destination.branch == destination.branch
        });
    let event = if same.is_some() {
        "pullrequest:updated"
    } else {
        "pullrequest:created"
    };
    let mut pull_request = same.unwrap_or_else(|| PullRequest {
        id: 0,
        title: String::new(),
        description: String::new(),
        state: PullRequestState::Open,
        draft: false,
        author: Some(author.uuid.clone()),
        source,
        destination,
        close_source_branch: false,
        reviewers: Vec::new(),
        participants: Vec::new(),
        comments: Vec::new(),
        merge_commit: None,
        closed_by: None,
        reason: String::new(),
        created_on: now.clone(),
        updated_on: now.clone(),
    });
    pull_request.title = title;
    pull_request.description = given.description.unwrap_or_default();
    pull_request.draft = given.draft.unwrap_or(false);
    pull_request.close_source_branch = given.close_source_branch.unwrap_or(false);
    pull_request.updated_on = now;
    set_reviewers(&mut pull_request, reviewers);
    if pull_request.id == 0 {
        let mut state = lock(&call.mock.state);
        let all = state
            .pull_requests
            .entry(repository.uuid.clone())
            .or_default();
        pull_request.id = all.last().map_or(1, |last| last.id + 1);
        all.push(pull_request.clone());
    } else {
        pull_request_store::keep(&call.mock, &repository, &pull_request);
    }
    deliver(
        &call.mock,
        &repository,
        caller_account(call),
        event,
        &pull_request,
        Vec::new(),
    );
    Ok(respond(call, &repository, &pull_request, 201)?.with_header(
        "location",
        view::pull_request::url(&call.mock.urls, &repository, pull_request.id),
    ))
}

/// The main branch as a destination.
fn main_side(call: &Call, repository: &Repository) -> Result<Side, ApiError> {
    let name = call
        .mock
        .main_branch(repository)?
        .ok_or_else(|| ApiError::field("destination", "The repository has no main branch."))?;
    pull_request_body::side(repository, &name, "destination")
}

/// A pull request has to bring something.
fn check_sides(
    call: &Call,
    repository: &Arc<Repository>,
    source: &Side,
    destination: &Side,
) -> Result<(), ApiError> {
    if source.repository == destination.repository && source.branch == destination.branch {
        return Err(ApiError::bad_request(
            "The source and the destination are the same branch.",
        ));
    }
    let from = source
        .repository
        .as_deref()
        .and_then(|uuid| lock(&call.mock.state).repository_by_uuid(uuid))
        .unwrap_or_else(|| Arc::clone(repository));
    if let (Some(source), Some(destination)) = (&source.commit, &destination.commit) {
        if JoinedGit::new(&repository.git, &from.git).is_ancestor(source, destination)? {
            return Err(ApiError::bad_request("There are no changes to be pulled"));
        }
    }
    Ok(())
}

/// Fields that are not sent stay as they are, but for the reviewers: those are
/// gone unless they are sent again.
fn update(call: &Call) -> RouteResult {
    let (repository, mut pull_request) = find_open(call)?;
    let given = PullRequestBody::read(call)?;
    let source = pull_request_body::source(call, &repository, &given)?;
    let destination = pull_request_body::destination(call, &repository, &given)?;
    let author = pull_request.author.clone().unwrap_or_default();
    let reviewers = pull_request_body::reviewers(call, &given, &author)?.unwrap_or_default();
    if let Some(source) = source {
        pull_request.source = source;
    }
    if let Some(destination) = destination {
        pull_request.destination = destination;
    }
    check_sides(
        call,
        &repository,
        &pull_request.source,
        &pull_request.destination,
    )?;
    if let Some(title) = given.title {
        pull_request.title = title;
    }
    if let Some(description) = given.description {
        pull_request.description = description;
    }
    if let Some(draft) = given.draft {
        pull_request.draft = draft;
    }
    if let Some(close) = given.close_source_branch {
        pull_request.close_source_branch = close;
    }
    set_reviewers(&mut pull_request, reviewers);
    pull_request.updated_on = call.mock.clock.timestamp();
    pull_request_store::keep(&call.mock, &repository, &pull_request);
    deliver(
        &call.mock,
        &repository,
        caller_account(call),
        "pullrequest:updated",
        &pull_request,
        Vec::new(),
    );
    respond(call, &repository, &pull_request, 200)
}

/// Reviewers are participants from the start, also before they say anything.
fn set_reviewers(pull_request: &mut PullRequest, reviewers: Vec<String>) {
    let gone: Vec<String> = pull_request
        .reviewers
        .iter()
        .filter(|former| !reviewers.contains(former))
        .cloned()
        .collect();
    pull_request
        .participants
        .retain(|one| one.participated_on.is_some() || !gone.contains(&one.user));
    for reviewer in &reviewers {
        pull_request.participant(reviewer);
    }
    pull_request.reviewers = reviewers;
}

/// Pages have a cursor here; a number is rejected.
fn commits(call: &Call) -> RouteResult {
    let (repository, pull_request) = find(call)?;
    let subject = format!("{}\npull request {}", repository.uuid, pull_request.id);
    let from = pull_request_store::source_repository(&call.mock, &repository, &pull_request);
    pagination::commits(call, &from, &subject, || {
        Ok(pull_request_store::commits(
            &call.mock,
            &repository,
            &pull_request,
        )?)
    })
}

fn redirect(call: &Call, kind: &str) -> RouteResult {
    let (repository, pull_request) = find(call)?;
    let mut location = view::pull_request::comparison(&call.mock, &repository, &pull_request, kind);
    if !call.query.is_empty() {
        location.push('&');
        location.push_str(&crate::model::links::query(&call.query));
    }
    Ok(Response::empty(302).with_header("location", location))
}

/// The statuses of the commit at the head of the source, wherever they were
/// posted.
fn list_statuses(call: &Call) -> RouteResult {
    let (repository, pull_request) = find(call)?;
    let from = pull_request_store::source_repository(&call.mock, &repository, &pull_request);
    let hash = pull_request.source.commit.unwrap_or_default();
    let mut homes = vec![Arc::clone(&from)];
    if from.uuid != repository.uuid {
        homes.push(repository);
    }
    let mut values = Vec::new();
    for home in homes {
        let found = lock(&call.mock.state)
            .statuses
            .get(&(home.uuid.clone(), hash.clone()))
            .cloned()
            .unwrap_or_default();
        values.extend(
            found
                .iter()
                .map(|status| statuses::show(call, &home, &hash, status)),
        );
    }
    listing::values(call, values)
}
