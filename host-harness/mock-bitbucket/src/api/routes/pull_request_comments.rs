//! Comments of pull requests.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::api::call::{BodyKind, Call, Route};
use crate::api::routes::listing;
use crate::api::routes::pull_requests::find;
use crate::api::validation::Validation;
use crate::events::pull_request::deliver;
use crate::model::errors::{ApiError, RouteResult};
use crate::model::permissions::PULL_REQUEST;
use crate::model::pull_request::{Comment, Inline, PullRequest};
use crate::model::pull_request_store;
use crate::model::repository::Repository;
use crate::model::response::Response;
use crate::view;

/// Longest comment, in characters.
const LONGEST_COMMENT: usize = 32_768;

const ALL: &str =
    "/2.0/repositories/{workspace}/{repo_slug}/pullrequests/{pull_request_id}/comments";
const ONE: &str = "/2.0/repositories/{workspace}/{repo_slug}/pullrequests/{pull_request_id}/comments/{comment_id}";
const RESOLVE: &str = "/2.0/repositories/{workspace}/{repo_slug}/pullrequests/{pull_request_id}/comments/{comment_id}/resolve";

/// What a body may hold. Fields that only responses have are accepted and ignored.
const KNOWN: [&str; 13] = [
    "content",
    "inline",
    "parent",
    "type",
    "id",
    "user",
    "deleted",
    "pending",
    "links",
    "created_on",
    "updated_on",
    "pullrequest",
    "resolution",
];

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get(ALL, list)
            .scopes(PULL_REQUEST)
            .query(&["q", "sort"])
            .of("comment")
            .numbered(10, 100),
        Route::post(ALL, create)
            .scopes(PULL_REQUEST)
            .body(BodyKind::Json),
        Route::get(ONE, single).scopes(PULL_REQUEST),
        Route::put(ONE, update)
            .scopes(PULL_REQUEST)
            .body(BodyKind::Json),
        Route::delete(ONE, delete).scopes(PULL_REQUEST),
        Route::post(RESOLVE, resolve).scopes(PULL_REQUEST),
        Route::delete(RESOLVE, reopen).scopes(PULL_REQUEST),
    ]
}

fn list(call: &Call) -> RouteResult {
    let (repository, pull_request) = find(call)?;
    let values = pull_request
        .comments
        .iter()
        .map(|comment| view::pull_request::comment(&call.mock, &repository, &pull_request, comment))
        .collect();
    listing::values(call, values)
}

/// The comment of the address.
fn find_comment(call: &Call) -> Result<(Arc<Repository>, PullRequest, Comment), ApiError> {
    let (repository, pull_request) = find(call)?;
    let id: Option<u64> = call.parameter("comment_id").parse().ok();
    let comment = pull_request
        .comments
        .iter()
        .find(|comment| Some(comment.id) == id)
        .cloned()
        .ok_or_else(|| ApiError::not_found("This comment does not exist."))?;
    Ok((repository, pull_request, comment))
}

/// Like [`find_comment`], for a comment of the caller's that still stands.
fn find_own(call: &Call) -> Result<(Arc<Repository>, PullRequest, Comment), ApiError> {
    let (repository, pull_request, comment) = find_comment(call)?;
    if comment.deleted {
        return Err(ApiError::not_found("This comment was deleted."));
    }
    if comment.user != call.user()?.uuid {
        return Err(ApiError::new(403, "This comment is somebody else's."));
    }
    Ok((repository, pull_request, comment))
}

fn single(call: &Call) -> RouteResult {
    let (repository, pull_request, comment) = find_comment(call)?;
    Ok(Response::ok(view::pull_request::comment(
        &call.mock,
        &repository,
        &pull_request,
        &comment,
    )))
}

/// The text of a body.
fn read_text(body: &Map<String, Value>, check: &mut Validation<'_>) -> String {
    let text = check.required_nested_text("content.raw").to_owned();
    let length = text.chars().count();
    if length > LONGEST_COMMENT {
        check.complain(
            "content.raw",
            format!(
                "Ensure this value has at most {LONGEST_COMMENT} characters (it has {length})."
            ),
        );
    }
    if body
        .get("content")
        .is_some_and(|content| !content.is_object())
    {
        check.complain("content", "Not an object.");
    }
    text
}

fn read_inline(body: &Map<String, Value>, check: &mut Validation<'_>) -> Option<Inline> {
    let inline = match body.get("inline") {
        None | Some(Value::Null) => return None,
        Some(inline) => inline,
    };
    let Some(path) = inline.get("path").and_then(Value::as_str) else {
        check.complain("inline.path", "This field is required.");
        return None;
    };
    let mut line = |name: &str| match inline.get(name) {
        None | Some(Value::Null) => None,
        Some(value) => {
            let number = value.as_u64().filter(|number| *number >= 1);
            if number.is_none() {
                check.complain(&format!("inline.{name}"), "Enter a line number from 1.");
            }
            number
        }
    };
    Some(Inline {
        path: path.to_owned(),
        from: line("from"),
        to: line("to"),
    })
}

fn create(call: &Call) -> RouteResult {
    let (repository, pull_request) = find(call)?;
    let user = call.user()?;
    let body = call.json_object()?;
    let mut check = Validation::new(&body);
    check.known(&KNOWN);
    let text = read_text(&body, &mut check);
    let inline = read_inline(&body, &mut check);
    let parent = match body.get("parent") {
        None | Some(Value::Null) => None,
        Some(parent) => {
            let id = parent.get("id").and_then(Value::as_u64);
            if !pull_request.comments.iter().any(|one| Some(one.id) == id) {
                check.complain("parent", "There is no such comment.");
            }
            id
        }
    };
    check.finish()?;
    let now = call.mock.clock.timestamp();
    let id = {
        let mut state = crate::sync::lock(&call.mock.state);
        state.last_comment += 1;
        state.last_comment
    };
    let comment = Comment {
        id,
        user: user.uuid.clone(),
        text,
        inline,
        parent,
        deleted: false,
        resolution: None,
        created_on: now.clone(),
        updated_on: now.clone(),
    };
    pull_request_store::change(&call.mock, &repository, pull_request.id, |kept| {
        kept.participant(&user.uuid).participated_on = Some(now);
        kept.comments.push(comment);
    });
    let object = tell(
        call,
        &repository,
        pull_request.id,
        id,
        "pullrequest:comment_created",
    )?;
    let location = object["links"]["self"]["href"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    Ok(Response::json(201, object).with_header("location", location))
}

fn update(call: &Call) -> RouteResult {
    let (repository, pull_request, comment) = find_own(call)?;
    let body = call.json_object()?;
    let mut check = Validation::new(&body);
    check.known(&KNOWN);
    let text = read_text(&body, &mut check);
    check.finish()?;
    let now = call.mock.clock.timestamp();
    change(call, &repository, pull_request.id, comment.id, |comment| {
        comment.text = text;
        comment.updated_on = now;
    });
    let object = tell(
        call,
        &repository,
        pull_request.id,
        comment.id,
        "pullrequest:comment_updated",
    )?;
    Ok(Response::ok(object))
}

fn delete(call: &Call) -> RouteResult {
    let (repository, pull_request, comment) = find_own(call)?;
    let now = call.mock.clock.timestamp();
    change(call, &repository, pull_request.id, comment.id, |comment| {
        comment.deleted = true;
        comment.updated_on = now;
    });
    tell(
        call,
        &repository,
        pull_request.id,
        comment.id,
        "pullrequest:comment_deleted",
    )?;
    Ok(Response::no_content())
}

fn resolve(call: &Call) -> RouteResult {
    let (repository, pull_request, comment) = find_comment(call)?;
    let user = call.user()?;
    if comment.parent.is_some() {
        return Err(ApiError::new(
            403,
            "Only the first comment of a thread can be resolved.",
        ));
    }
    if comment.resolution.is_some() {
        return Err(ApiError::new(409, "This thread is resolved already."));
    }
    let now = call.mock.clock.timestamp();
    change(call, &repository, pull_request.id, comment.id, |comment| {
        comment.resolution = Some((user.uuid.clone(), now));
    });
    let object = tell(
        call,
        &repository,
        pull_request.id,
        comment.id,
        "pullrequest:comment_resolved",
    )?;
    Ok(Response::ok(object["resolution"].clone()))
}

fn reopen(call: &Call) -> RouteResult {
    let (repository, pull_request, comment) = find_comment(call)?;
    if comment.resolution.is_none() {
        return Err(ApiError::not_found("This thread is not resolved."));
    }
    change(call, &repository, pull_request.id, comment.id, |comment| {
        comment.resolution = None;
    });
    tell(
        call,
        &repository,
        pull_request.id,
        comment.id,
        "pullrequest:comment_reopened",
    )?;
    Ok(Response::no_content())
}

fn change(
    call: &Call,
    repository: &Repository,
    pull_request: u64,
    comment: u64,
    change: impl FnOnce(&mut Comment),
) {
    pull_request_store::change(&call.mock, repository, pull_request, |pull_request| {
        if let Some(found) = pull_request
            .comments
            .iter_mut()
            .find(|found| found.id == comment)
        {
            change(found);
        }
    });
}

/// Delivers an event of a comment as it is now, and returns the comment.
fn tell(
    call: &Call,
    repository: &Arc<Repository>,
    pull_request: u64,
    comment: u64,
    event: &str,
) -> Result<Value, ApiError> {
    let pull_request = pull_request_store::one(&call.mock, repository, pull_request)?
        .ok_or_else(|| ApiError::not_found("This pull request does not exist."))?;
    let object = pull_request
        .comments
        .iter()
        .find(|found| found.id == comment)
        .map_or(json!(null), |found| {
            view::pull_request::comment(&call.mock, repository, &pull_request, found)
        });
    deliver(
        &call.mock,
        repository,
        call.caller
            .as_ref()
            .map(|caller| caller.credential.user.as_ref()),
        event,
        &pull_request,
        vec![("comment", object.clone())],
    );
    Ok(object)
}
