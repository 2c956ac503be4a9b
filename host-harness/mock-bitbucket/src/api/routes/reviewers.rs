//! Default reviewers, as they come from the repository and its project.

use serde_json::json;

use crate::api::call::{Call, Route};
use crate::api::routes::listing;
use crate::model::errors::RouteResult;
use crate::model::tokens::PULL_REQUEST;
use crate::sync::lock;
use crate::view::pull_request::account;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/2.0/repositories/{workspace}/{repo_slug}/effective-default-reviewers",
            list,
        )
        .scopes(PULL_REQUEST)
        .numbered(20, 100),
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
