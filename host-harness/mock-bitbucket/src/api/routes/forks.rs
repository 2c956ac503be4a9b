//! Forks of a repository.

use serde_json::{Map, Value, json};

use crate::api::call::caller_account;
use crate::api::call::{BodyKind, Call, Route};
use crate::api::forking::fork;
use crate::api::routes::listing;
use crate::api::validation::Validation;
use crate::events::deliver;
use crate::model::errors::{ApiError, RouteResult};
use crate::model::permissions::{REF_CREATE, REPOSITORY};
use crate::model::response::Response;
use crate::sync::lock;
use crate::view;

const FORKS: &str = "/2.0/repositories/{workspace}/{repo_slug}/forks";

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get(FORKS, list)
            .scopes(REPOSITORY)
            .query(&["role", "q", "sort"])
            .of("repository")
            .numbered(10, 100),
        Route::post(FORKS, create)
            .scopes(REF_CREATE)
            .body(BodyKind::OptionalJson),
    ]
}

fn list(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let known = ["admin", "contributor", "member", "owner"];
    if let Some(role) = call
        .query_value("role")
        .filter(|role| !known.contains(role))
    {
        return Err(ApiError::bad_request(format!("Invalid role \"{role}\".")));
    }
    let forks: Vec<_> = lock(&call.mock.state)
        .repositories()
        .iter()
        .filter(|one| one.parent.as_deref() == Some(&repository.uuid))
        .cloned()
        .collect();
    let values: Vec<Value> = forks
        .iter()
        .filter(|fork| !fork.is_private || call.caller().is_ok_and(|caller| caller.can_see(fork)))
        .map(|fork| view::repository::repository(&call.mock, fork, caller_account(call)))
        .collect::<Result<_, _>>()?;
    listing::values(call, values)
}

fn create(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let user = call.user()?;
    let body = if call.body.is_empty() {
        Map::new()
    } else {
        call.json_object()?
    };
    let mut check = Validation::new(&body);
    check.known(&[
        "name",
        "workspace",
        "is_private",
        "fork_policy",
        "description",
        "language",
        "project",
        "type",
    ]);
    let name = check.text("name", 62).unwrap_or(&repository.name);
    let is_private = check.boolean("is_private").unwrap_or(repository.is_private);
    let workspace = check.required_nested_text("workspace.slug").to_owned();
    check.finish()?;
    if lock(&call.mock.state).workspace(&workspace).is_none() {
        return Err(ApiError::field("workspace", "There is no such workspace."));
    }
    let slug = name.to_lowercase().replace(' ', "-");
    let made = fork(&call.mock, &repository, &workspace, &slug, is_private)?;
    deliver::deliver(
        &call.mock,
        &repository,
        Some(user),
        "repo:fork",
        json!({ "fork": view::repository::delivered_repository(&call.mock, &made) }),
    );
    Ok(Response::json(
        201,
        view::repository::repository(&call.mock, &made, Some(user))?,
    ))
}
