//! Repositories: the list of a workspace, and one by its address.

use serde_json::Value;

use crate::api::call::caller_account;
use crate::api::call::{Call, Route};
use crate::api::pagination::numbered;
use crate::api::routes::listing;
use crate::model::errors::{ApiError, RouteResult};
use crate::model::permissions::REPOSITORY;
use crate::model::repository::{Repository, same_slug};
use crate::model::response::Response;
use crate::sync::lock;
use crate::view;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/2.0/repositories/{workspace}", list)
            .scopes(REPOSITORY)
            .query(&["role", "q", "sort"])
            .of("repository")
            .numbered(10, 100),
        Route::get("/2.0/repositories/{workspace}/{repo_slug}", single).scopes(REPOSITORY),
    ]
}

/// Every workspace of the mock belongs to the caller, so a role other than
/// `admin` never narrows the list, and `admin` leaves only workspaces that the
/// caller administers.
fn list(call: &Call) -> RouteResult {
    let workspace = call.workspace()?;
    let administers = match call.query_value("role") {
        None | Some("member" | "contributor") => true,
        Some("admin" | "owner") => workspace.administrator,
        Some(role) => {
            return Err(ApiError::bad_request(format!(
                "Invalid role \"{role}\": use admin, contributor, member or owner."
            )));
        }
    };
    let caller = call.caller()?;
    let repositories: Vec<_> = lock(&call.mock.state)
        .repositories()
        .iter()
        .filter(|repository| {
            administers
                && same_slug(&repository.workspace, &workspace.slug)
                && caller.can_see(repository)
        })
        .cloned()
        .collect();
    let show = |repository: &Repository| {
        view::repository::repository(&call.mock, repository, Some(&caller.credential.user))
    };
    if call.query_value("q").is_none() && call.query_value("sort").is_none() {
        return numbered(call, &repositories, |page| {
            page.iter().map(|repository| show(repository)).collect()
        });
    }
    let values: Vec<Value> = repositories
        .iter()
        .map(|repository| show(repository))
        .collect::<Result<_, _>>()?;
    listing::values(call, values)
}

fn single(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    Ok(Response::ok(view::repository::repository(
        &call.mock,
        &repository,
        caller_account(call),
    )?))
}
