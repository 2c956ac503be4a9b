//! Default reviewers, as they come from the repository and its project.

use serde_json::json;

use super::listing;
use crate::call::Call;
use crate::errors::Reply;
use crate::locked;
use crate::represent_pull_request::account;
use crate::router::Route;
use crate::tokens::PULL_REQUEST;

/// Somebody who is asked to review every pull request of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DefaultReviewer {
    /// The account's uuid.
    pub(crate) user: String,
    /// Whether the project asks for it, and not the repository.
    pub(crate) from_project: bool,
}

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

fn list(call: &Call) -> Reply {
    let repository = call.repository()?;
    let reviewers = locked(&call.mock.state)
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
