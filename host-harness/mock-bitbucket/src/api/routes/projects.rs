//! Projects of a workspace. Every repository belongs to the first, `MAIN`.

use serde_json::{Value, json};

use crate::api::call::{BodyKind, Call, Route};
use crate::api::routes::listing;
use crate::api::validation::Validation;
use crate::model::documents::Documents;
use crate::model::errors::{ApiError, RouteResult};
use crate::model::permissions::{PROJECT, PROJECT_ADMIN};
use crate::model::repository::Workspace;
use crate::model::response::Response;
use crate::view;

const ALL: &str = "/2.0/workspaces/{workspace}/projects";
const ONE: &str = "/2.0/workspaces/{workspace}/projects/{project_key}";

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get(ALL, list).scopes(PROJECT).numbered(10, 100),
        Route::post(ALL, create)
            .scopes(PROJECT_ADMIN)
            .body(BodyKind::Json),
        Route::get(ONE, |call| Ok(Response::ok(find(call)?))).scopes(PROJECT),
        Route::put(ONE, update)
            .scopes(PROJECT_ADMIN)
            .body(BodyKind::Json),
        Route::delete(ONE, delete).scopes(PROJECT_ADMIN),
    ]
}

fn kept<'a>(call: &'a Call, workspace: &Workspace) -> Documents<'a> {
    Documents::new(&call.mock, "project", &workspace.uuid, "key")
}

fn all(call: &Call) -> Result<Vec<Value>, ApiError> {
    let workspace = call.workspace()?;
    let mut projects = kept(call, &workspace).all();
    if !projects.iter().any(|one| one["key"] == "MAIN") {
        projects.insert(
            0,
            view::repository::project(&call.mock.urls, &workspace, "MAIN", "Main"),
        );
    }
    Ok(projects)
}

fn list(call: &Call) -> RouteResult {
    listing::values(call, all(call)?)
}

fn find(call: &Call) -> Result<Value, ApiError> {
    let key = call.parameter("project_key");
    all(call)?
        .into_iter()
        .find(|one| one["key"] == key || one["uuid"] == key)
        .ok_or_else(|| ApiError::not_found(format!("Project {key} does not exist.")))
}

fn read(call: &Call, mut project: Value) -> Result<Value, ApiError> {
    let body = call.json_object()?;
    let mut check = Validation::new(&body);
    check.known(&[
        "type",
        "key",
        "name",
        "description",
        "is_private",
        "links",
        "uuid",
        "owner",
        "created_on",
        "updated_on",
        "has_publicly_visible_repos",
    ]);
    let name = check.text("name", 255).map(str::to_owned);
    let description = check.text("description", usize::MAX).map(str::to_owned);
    let is_private = check.boolean("is_private");
    check.finish()?;
    if let Some(name) = name {
        project["name"] = json!(name);
    }
    if let Some(description) = description {
        project["description"] = json!(description);
    }
    if let Some(is_private) = is_private {
        project["is_private"] = json!(is_private);
    }
    project["updated_on"] = json!(call.mock.clock.timestamp());
    Ok(project)
}

fn create(call: &Call) -> RouteResult {
    let workspace = call.workspace()?;
    let body = call.json_object()?;
    let mut check = Validation::new(&body);
    let key = check.required_text("key", 128);
    let name = check.required_text("name", 255);
    let plain = key
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !key.is_empty() && !plain {
        check.complain("key", "A key has letters, digits and underscores only.");
    }
    check.finish()?;
    let key = key.to_uppercase();
    if all(call)?.iter().any(|one| one["key"] == key.as_str()) {
        return Err(ApiError::field(
            "key",
            "Project with this key already exists.",
        ));
    }
    let fresh = view::repository::project(&call.mock.urls, &workspace, &key, name);
    let made = read(call, fresh)?;
    kept(call, &workspace).put(made.clone());
    Ok(Response::json(201, made))
}

fn update(call: &Call) -> RouteResult {
    let changed = read(call, find(call)?)?;
    kept(call, &call.workspace()?).put(changed.clone());
    Ok(Response::ok(changed))
}

fn delete(call: &Call) -> RouteResult {
    let project = find(call)?;
    if project["key"] == "MAIN" {
        return Err(ApiError::new(
            403,
            "A project with repositories cannot be deleted.",
        ));
    }
    let key = project["key"].as_str().unwrap_or_default();
    kept(call, &call.workspace()?).remove(key);
    Ok(Response::no_content())
}
