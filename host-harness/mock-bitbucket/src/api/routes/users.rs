//! The caller's own account and workspaces, and single workspaces.

use serde_json::json;

use crate::api::call::{Call, Route};
use crate::api::routes::listing;
use crate::model::errors::{ApiError, RouteResult};
use crate::model::permissions::{
    ACCOUNT, ANY_ACCOUNT, OWN_REPOSITORIES, OWN_WORKSPACES, WORKSPACE,
};
use crate::model::repository::same_slug;
use crate::model::response::Response;
use crate::model::tokens::Visibility;
use crate::sync::lock;
use crate::view;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/2.0/user", current_user).account(ACCOUNT),
        Route::get("/2.0/user/workspaces", own_workspaces)
            .account(OWN_WORKSPACES)
            .query(&["sort", "administrator", "q"])
            .of("workspace_access")
            .numbered(10, 100),
        Route::get(
            "/2.0/user/workspaces/{workspace}/permissions/repositories",
            own_repository_permissions,
        )
        .account(OWN_REPOSITORIES)
        .query(&["q", "sort"])
        .of("repository_permission")
        .numbered(10, 100),
        Route::get("/2.0/users/{selected_user}", single_user).scopes(ANY_ACCOUNT),
        Route::get("/2.0/workspaces/{workspace}", workspace).scopes(WORKSPACE),
    ]
}

fn current_user(call: &Call) -> RouteResult {
    let user = call.user()?;
    let mut object = view::repository::whole_user(&call.mock.urls, user);
    object["username"] = json!(user.nickname.to_lowercase());
    Ok(Response::ok(object))
}

/// Somebody's account, by uuid or account id.
fn single_user(call: &Call) -> RouteResult {
    let id = call.parameter("selected_user");
    let found = lock(&call.mock.state)
        .users
        .iter()
        .find(|user| user.uuid == id || user.account_id == id)
        .cloned()
        .ok_or_else(|| ApiError::not_found(format!("{id} is not an account.")))?;
    Ok(Response::ok(view::repository::whole_user(
        &call.mock.urls,
        &found,
    )))
}

fn own_workspaces(call: &Call) -> RouteResult {
    let administrator = match call.query_value("administrator") {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => return Err(ApiError::field("administrator", "Enter true or false.")),
    };
    let visibility = &call.caller()?.credential.visibility;
    let values = lock(&call.mock.state)
        .workspaces
        .iter()
        .filter(|workspace| match visibility {
            Visibility::Workspace(slug) => same_slug(slug, &workspace.slug),
            Visibility::Nothing => false,
            _ => true,
        })
        .filter(|workspace| administrator.is_none_or(|wanted| wanted == workspace.administrator))
        .map(|workspace| {
            json!({
                "type": "workspace_access",
                "administrator": workspace.administrator,
                "workspace": view::repository::workspace(&call.mock.urls, workspace),
            })
        })
        .collect();
    listing::values(call, values)
}

fn own_repository_permissions(call: &Call) -> RouteResult {
    let workspace = call.workspace()?;
    let caller = call.caller()?;
    let permission = if workspace.administrator {
        "admin"
    } else {
        "write"
    };
    let repositories = lock(&call.mock.state).repositories().to_vec();
    let values = repositories
        .iter()
        .filter(|repository| {
            same_slug(&repository.workspace, &workspace.slug) && caller.can_see(repository)
        })
        .map(|repository| {
            json!({
                "type": "repository_permission",
                "permission": permission,
                "user": view::repository::user(&call.mock.urls, &caller.credential.user),
                "repository": view::repository::brief_repository(&call.mock.urls, repository),
            })
        })
        .collect();
    listing::values(call, values)
}

fn workspace(call: &Call) -> RouteResult {
    let workspace = call.workspace()?;
    Ok(Response::ok(view::repository::whole_workspace(
        &call.mock.urls,
        &workspace,
    )))
}
