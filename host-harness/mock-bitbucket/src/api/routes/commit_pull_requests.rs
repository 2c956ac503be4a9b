//! The pull requests that a commit is part of; needs an app that may be missing.

use crate::api::call::{Call, Route};
use crate::api::pagination::numbered;
use crate::api::routes::commits::commit_hash;
use crate::model::behaviour::CommitLinks;
use crate::model::errors::{ApiError, RouteResult};
use crate::model::permissions::PULL_REQUEST;
use crate::model::pull_request_store;
use crate::sync::lock;
use crate::view::pull_request::list_item;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/2.0/repositories/{workspace}/{repo_slug}/commit/{commit}/pullrequests",
            list,
        )
        .scopes(PULL_REQUEST)
        .numbered(30, 100),
    ]
}

/// Pull requests of every state, newest first.
fn list(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let links = lock(&call.mock.state).behaviour.commit_links;
    match links {
        CommitLinks::Installed => {}
        CommitLinks::Missing => {
            return Err(ApiError::not_found(
                "Pull request commit links have not yet been indexed for this repository.",
            ));
        }
        CommitLinks::Indexing => {
            let mut empty = numbered::<()>(call, &[], |_| Ok(Vec::new()))?;
            empty.status = 202;
            return Ok(empty);
        }
    }
    let hash = commit_hash(call, &repository)?;
    let mut found = Vec::new();
    for pull_request in pull_request_store::all(&call.mock, &repository)? {
        if pull_request_store::commits(&call.mock, &repository, &pull_request)?.contains(&hash) {
            found.push(pull_request);
        }
    }
    found.reverse();
    numbered(call, &found, |page| {
        Ok(page
            .iter()
            .map(|one| list_item(&call.mock, &repository, one))
            .collect())
    })
}
