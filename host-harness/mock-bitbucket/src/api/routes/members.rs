//! Who belongs to a workspace, and what they may do there. Every account of the mock
//! is a member; the first one owns everything.

use serde_json::{Value, json};

use crate::api::call::{Call, Route};
use crate::api::routes::listing;
use crate::model::errors::{ApiError, RouteResult};
use crate::model::links::{link, segment};
use crate::model::permissions::{ALL_PERMISSIONS, MEMBERS, REPOSITORY};
use crate::model::repository::{Repository, Workspace, same_slug};
use crate::model::response::Response;
use crate::model::user::User;
use crate::sync::lock;
use crate::view;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/2.0/workspaces/{workspace}/members", members)
            .scopes(MEMBERS)
            .numbered(10, 100),
        Route::get("/2.0/workspaces/{workspace}/members/{member}", member).scopes(MEMBERS),
        Route::get("/2.0/workspaces/{workspace}/permissions", permissions)
            .scopes(MEMBERS)
            .query(&["q"])
            .of("workspace_access")
            .numbered(10, 100),
        Route::get(
            "/2.0/workspaces/{workspace}/permissions/repositories",
            |call| repository_permissions(call, None),
        )
        .scopes(ALL_PERMISSIONS)
        .query(&["q", "sort"])
        .of("repository_permission")
        .numbered(10, 100),
        Route::get(
            "/2.0/workspaces/{workspace}/permissions/repositories/{repo_slug}",
            |call| repository_permissions(call, Some(call.parameter("repo_slug"))),
        )
        .scopes(REPOSITORY)
        .query(&["q", "sort"])
        .of("repository_permission")
        .numbered(10, 100),
    ]
}

fn membership(call: &Call, workspace: &Workspace, user: &User) -> Value {
    let urls = &call.mock.urls;
    json!({
        "type": "workspace_membership",
        "user": view::repository::user(urls, user),
        "workspace": view::repository::workspace(urls, workspace),
        "links": { "self": link(format!(
            "{}/workspaces/{}/members/{}",
            urls.api,
            workspace.slug,
            segment(&user.uuid)
        )) },
    })
}

fn members(call: &Call) -> RouteResult {
    let workspace = call.workspace()?;
    let users = lock(&call.mock.state).users.clone();
    let values = users
        .iter()
        .map(|user| membership(call, &workspace, user))
        .collect();
    listing::values(call, values)
}

fn member(call: &Call) -> RouteResult {
    let workspace = call.workspace()?;
    let id = call.parameter("member");
    let users = lock(&call.mock.state).users.clone();
    users
        .iter()
        .find(|user| user.uuid == id || user.account_id == id)
        .map(|user| Response::ok(membership(call, &workspace, user)))
        .ok_or_else(|| ApiError::not_found(format!("{id} is not a member.")))
}

fn permissions(call: &Call) -> RouteResult {
    let workspace = call.workspace()?;
    let users = lock(&call.mock.state).users.clone();
    let values = users
        .iter()
        .enumerate()
        .map(|(place, user)| {
            let mut object = membership(call, &workspace, user);
            object["permission"] = json!(if place == 0 { "owner" } else { "member" });
            object
        })
        .collect();
    listing::values(call, values)
}

fn repository_permissions(call: &Call, slug: Option<&str>) -> RouteResult {
    let workspace = call.workspace()?;
    let caller = call.caller()?;
    let (repositories, users) = {
        let state = lock(&call.mock.state);
        (state.repositories().to_vec(), state.users.clone())
    };
    let chosen = |repository: &Repository| {
        same_slug(&repository.workspace, &workspace.slug)
            && caller.can_see(repository)
            && slug.is_none_or(|slug| same_slug(slug, &repository.slug) || slug == repository.uuid)
    };
    let mut values = Vec::new();
    for repository in repositories.iter().filter(|repository| chosen(repository)) {
        for (place, user) in users.iter().enumerate() {
            values.push(json!({
                "type": "repository_permission",
                "permission": if place == 0 { "admin" } else { "write" },
                "user": view::repository::user(&call.mock.urls, user),
                "repository": view::repository::brief_repository(&call.mock.urls, repository),
            }));
        }
    }
    listing::values(call, values)
}
