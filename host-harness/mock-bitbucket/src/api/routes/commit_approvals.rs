//! Approving single commits.

use serde_json::json;

use crate::api::call::{Call, Route};
use crate::api::routes::commits::commit_hash;
use crate::model::documents::Documents;
use crate::model::errors::{ApiError, RouteResult};
use crate::model::permissions::{COMMIT_APPROVE, REPOSITORY_WRITE};
use crate::model::response::Response;
use crate::view::repository::user;

const APPROVE: &str = "/2.0/repositories/{workspace}/{repo_slug}/commit/{commit}/approve";

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::post(APPROVE, approve).scopes(COMMIT_APPROVE),
        Route::delete(APPROVE, withdraw).scopes(REPOSITORY_WRITE),
    ]
}

fn approve(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let hash = commit_hash(call, &repository)?;
    let account = call.user()?;
    let shown = json!({
        "type": "participant",
        "user": user(&call.mock.urls, account),
        "role": "PARTICIPANT",
        "approved": true,
        "state": "approved",
        "participated_on": call.mock.clock.timestamp(),
    });
    let kept = json!({ "account": account.uuid, "shown": shown });
    Documents::commit_approvals(&call.mock, &repository.uuid, &hash).put(kept);
    Ok(Response::ok(shown))
}

fn withdraw(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let hash = commit_hash(call, &repository)?;
    if Documents::commit_approvals(&call.mock, &repository.uuid, &hash).remove(&call.user()?.uuid) {
        Ok(Response::no_content())
    } else {
        Err(ApiError::not_found("You have not approved this commit."))
    }
}
