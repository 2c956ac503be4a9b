//! Merging pull requests, at once or as a task to be asked about.

use serde_json::{Map, json};

use crate::api::call::{BodyKind, Call, Route};
use crate::api::merging::{merge, read_request, schedule};
use crate::api::routes::pull_requests::{find, find_open};
use crate::model::errors::{ApiError, RouteResult};
use crate::model::links::link;
use crate::model::permissions::{PULL_REQUEST, PULL_REQUEST_WRITE};
use crate::model::pull_request::{Heads, MergeTask};
use crate::model::response::Response;
use crate::sync::lock;
use crate::view;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::post(
            "/2.0/repositories/{workspace}/{repo_slug}/pullrequests/{pull_request_id}/merge",
            start,
        )
        .scopes(PULL_REQUEST_WRITE)
        .query(&["async"])
        .body(BodyKind::OptionalJson),
        Route::get(
            "/2.0/repositories/{workspace}/{repo_slug}/pullrequests/{pull_request_id}/merge/task-status/{task_id}",
            status,
        )
        .scopes(PULL_REQUEST),
    ]
}

fn start(call: &Call) -> RouteResult {
    let (repository, pull_request) = find_open(call)?;
    let user = call.user()?;
    let asked = match call.query_value("async") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(ApiError::field("async", "Enter true or false.")),
    };
    let body = if call.body.is_empty() {
        Map::new()
    } else {
        call.json_object()?
    };
    let request = read_request(&body)?;
    let expected = Heads::of(&pull_request);
    let behaviour = lock(&call.mock.state).behaviour;
    if !asked && !behaviour.merges_take_long {
        let merged = merge(
            &call.mock,
            &repository,
            pull_request.id,
            &request,
            &expected,
            user,
        )?;
        return Ok(Response::ok(view::pull_request::whole(
            &call.mock,
            &repository,
            &merged,
        )));
    }
    let task = MergeTask {
        id: call.mock.ids.uuid().to_string(),
        repository: repository.uuid.clone(),
        pull_request: pull_request.id,
        request,
        expected,
        user: user.clone(),
        due: call.mock.clock.now() + behaviour.merge_duration,
        pending: behaviour.merge_polls,
        result: None,
    };
    let address = format!(
        "{}/merge/task-status/{}",
        view::pull_request::url(&call.mock.urls, &repository, pull_request.id),
        task.id
    );
    schedule(&call.mock, task);
    Ok(Response::json(
        202,
        json!({ "task_status": "PENDING", "links": { "self": link(address.clone()) } }),
    )
    .with_header("location", address))
}

/// Only tells how the merge goes: it goes on by itself.
fn status(call: &Call) -> RouteResult {
    let (repository, pull_request) = find(call)?;
    let id = call.parameter("task_id");
    let task = lock(&call.mock.state)
        .merge_tasks
        .iter_mut()
        .find(|task| {
            task.id == id
                && task.repository == repository.uuid
                && task.pull_request == pull_request.id
        })
        .map(|task| {
            let before = task.clone();
            task.pending = task.pending.saturating_sub(1);
            before
        })
        .ok_or_else(|| ApiError::bad_request("This task does not belong to the pull request."))?;
    let links = json!({ "self": link(format!("{}{}", call.mock.urls.origin, call.raw_path)) });
    let Some(result) = task.result.filter(|_| task.pending == 0) else {
        return Ok(Response::ok(
            json!({ "task_status": "PENDING", "links": links }),
        ));
    };
    result.map_err(|(status, message)| ApiError::new(status, message))?;
    let (_, merged) = find(call)?;
    Ok(Response::ok(json!({
        "task_status": "SUCCESS",
        "links": links,
        "merge_result": view::pull_request::whole(&call.mock, &repository, &merged),
    })))
}
