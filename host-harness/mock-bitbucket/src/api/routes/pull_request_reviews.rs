//! What people say to a pull request as a whole: approved, changes requested,
//! declined.

use serde_json::{Value, json};

use crate::api::call::{BodyKind, Call, Route, caller_account};
use crate::api::routes::pull_requests::{find, find_open};
use crate::events::pull_request::deliver;
use crate::model::errors::{ApiError, RouteResult};
use crate::model::permissions::{PULL_REQUEST_WITHDRAW, PULL_REQUEST_WRITE};
use crate::model::pull_request::{PullRequestState, Verdict};
use crate::model::pull_request_store;
use crate::model::response::Response;
use crate::view;

const APPROVE: &str =
    "/2.0/repositories/{workspace}/{repo_slug}/pullrequests/{pull_request_id}/approve";
const REQUEST_CHANGES: &str =
    "/2.0/repositories/{workspace}/{repo_slug}/pullrequests/{pull_request_id}/request-changes";

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::post(APPROVE, |call| judge(call, Verdict::Approved)).scopes(PULL_REQUEST_WRITE),
        Route::delete(APPROVE, |call| withdraw(call, Verdict::Approved))
            .scopes(PULL_REQUEST_WITHDRAW),
        Route::post(REQUEST_CHANGES, |call| {
            judge(call, Verdict::ChangesRequested)
        })
        .scopes(PULL_REQUEST_WRITE),
        Route::delete(REQUEST_CHANGES, |call| {
            withdraw(call, Verdict::ChangesRequested)
        })
        .scopes(PULL_REQUEST_WITHDRAW),
        Route::post(
            "/2.0/repositories/{workspace}/{repo_slug}/pullrequests/{pull_request_id}/decline",
            decline,
        )
        .scopes(PULL_REQUEST_WRITE)
        .body(BodyKind::OptionalJson),
    ]
}

/// The event of a verdict given or taken back, and the name of its object in the
/// payload.
fn event(verdict: Verdict, given: bool) -> (&'static str, &'static str) {
    match (verdict, given) {
        (Verdict::Approved, true) => ("pullrequest:approved", "approval"),
        (Verdict::Approved, false) => ("pullrequest:unapproved", "approval"),
        (Verdict::ChangesRequested, true) => {
            ("pullrequest:changes_request_created", "changes_request")
        }
        (Verdict::ChangesRequested, false) => {
            ("pullrequest:changes_request_removed", "changes_request")
        }
    }
}

fn judge(call: &Call, verdict: Verdict) -> RouteResult {
    let participant = set(call, verdict, true)?;
    Ok(Response::ok(participant))
}

fn withdraw(call: &Call, verdict: Verdict) -> RouteResult {
    set(call, verdict, false)?;
    Ok(Response::no_content())
}

/// Sets or takes back the caller's verdict, and returns the participant. Saying
/// the same twice is no error and no event.
fn set(call: &Call, verdict: Verdict, given: bool) -> Result<Value, ApiError> {
    let (repository, pull_request) = find_open(call)?;
    let user = call.user()?;
    let stands = pull_request
        .participants
        .iter()
        .any(|one| one.user == user.uuid && one.verdict == Some(verdict));
    let now = call.mock.clock.timestamp();
    pull_request_store::change(&call.mock, &repository, pull_request.id, |pull_request| {
        let participant = pull_request.participant(&user.uuid);
        participant.verdict = given.then_some(verdict);
        participant.participated_on = Some(now.clone());
        pull_request.updated_on.clone_from(&now);
    });
    let (_, mut changed) = find(call)?;
    let participant = changed.participant(&user.uuid).clone();
    if given == stands {
        return Ok(view::pull_request::participant(
            &call.mock,
            &changed,
            &participant,
        ));
    }
    let (event, name) = event(verdict, given);
    deliver(
        &call.mock,
        &repository,
        Some(user),
        event,
        &changed,
        vec![(
            name,
            json!({ "date": now, "user": view::repository::user(&call.mock.urls, user) }),
        )],
    );
    Ok(view::pull_request::participant(
        &call.mock,
        &changed,
        &participant,
    ))
}

fn decline(call: &Call) -> RouteResult {
    let (repository, mut pull_request) = find_open(call)?;
    if !call.body.is_empty() {
        let body = call.json_object()?;
        if let Some(Value::String(reason)) = body.get("reason") {
            pull_request.reason.clone_from(reason);
        }
    }
    let actor = caller_account(call);
    pull_request.close(
        PullRequestState::Declined,
        actor,
        call.mock.clock.timestamp(),
    );
    pull_request_store::keep(&call.mock, &repository, &pull_request);
    deliver(
        &call.mock,
        &repository,
        actor,
        "pullrequest:rejected",
        &pull_request,
        Vec::new(),
    );
    Ok(Response::ok(view::pull_request::whole(
        &call.mock,
        &repository,
        &pull_request,
    )))
}
