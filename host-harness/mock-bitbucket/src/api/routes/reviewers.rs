//! Default reviewers, as they come from the repository and its project.

use serde_json::json;

use crate::api::call::{BodyKind, Call, Route};
use crate::api::routes::listing;
use crate::model::errors::{ApiError, RouteResult};
use crate::model::permissions::{PULL_REQUEST, REPOSITORY_ADMIN};
use crate::model::records::DefaultReviewer;
use crate::model::response::Response;
use crate::sync::lock;
use crate::view::pull_request::account;

const ALL: &str = "/2.0/repositories/{workspace}/{repo_slug}/default-reviewers";
const ONE: &str = "/2.0/repositories/{workspace}/{repo_slug}/default-reviewers/{target_username}";

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/2.0/repositories/{workspace}/{repo_slug}/effective-default-reviewers",
            list,
        )
        .scopes(PULL_REQUEST)
        .numbered(20, 100),
        Route::get(ALL, list_own)
            .scopes(PULL_REQUEST)
            .numbered(10, 100),
        Route::get(ONE, single).scopes(PULL_REQUEST),
        Route::put(ONE, add)
            .scopes(REPOSITORY_ADMIN)
            .body(BodyKind::OptionalJson),
        Route::delete(ONE, remove).scopes(REPOSITORY_ADMIN),
    ]
}

fn list(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let reviewers = lock(&call.mock.state)
        .default_reviewers
        .get(&repository.uuid)
        .cloned()
        .unwrap_or_default();
    let values = reviewers
        .iter()
        .map(|reviewer| {
            json!({
                "type": "default_reviewer",
                "reviewer_type": if reviewer.from_project { "project" } else { "repository" },
                "user": account(&call.mock, &reviewer.user),
            })
        })
        .filter(|reviewer| !reviewer["user"].is_null())
        .collect();
    listing::values(call, values)
}

/// The reviewers that the repository itself names.
fn own(call: &Call) -> Result<Vec<String>, ApiError> {
    let repository = call.repository()?;
    Ok(lock(&call.mock.state)
        .default_reviewers
        .get(&repository.uuid)
        .into_iter()
        .flatten()
        .filter(|reviewer| !reviewer.from_project)
        .map(|reviewer| reviewer.user.clone())
        .collect())
}

fn list_own(call: &Call) -> RouteResult {
    let values = own(call)?
        .iter()
        .map(|uuid| account(&call.mock, uuid))
        .filter(|shown| !shown.is_null())
        .collect();
    listing::values(call, values)
}

/// The account of the address: by uuid, account id or nickname.
fn target(call: &Call) -> Result<String, ApiError> {
    let id = call.parameter("target_username");
    lock(&call.mock.state)
        .users
        .iter()
        .find(|user| user.uuid == id || user.account_id == id || user.nickname == id)
        .map(|user| user.uuid.clone())
        .ok_or_else(|| ApiError::not_found(format!("{id} is not an account.")))
}

fn single(call: &Call) -> RouteResult {
    let uuid = target(call)?;
    if own(call)?.contains(&uuid) {
        Ok(Response::ok(account(&call.mock, &uuid)))
    } else {
        Err(ApiError::not_found(
            "This account is not a default reviewer.",
        ))
    }
}

fn add(call: &Call) -> RouteResult {
    let (repository, uuid) = (call.repository()?, target(call)?);
    if !own(call)?.contains(&uuid) {
        let reviewer = DefaultReviewer {
            user: uuid.clone(),
            from_project: false,
        };
        let mut state = lock(&call.mock.state);
        let all = state.default_reviewers.entry(repository.uuid.clone());
        all.or_default().push(reviewer);
    }
    Ok(Response::ok(account(&call.mock, &uuid)))
}

fn remove(call: &Call) -> RouteResult {
    let (repository, uuid) = (call.repository()?, target(call)?);
    if !own(call)?.contains(&uuid) {
        return Err(ApiError::not_found(
            "This account is not a default reviewer.",
        ));
    }
    if let Some(all) = lock(&call.mock.state)
        .default_reviewers
        .get_mut(&repository.uuid)
    {
        all.retain(|one| one.from_project || one.user != uuid);
    }
    Ok(Response::no_content())
}
