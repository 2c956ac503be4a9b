//! Creating, changing and deleting repositories.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::api::call::{BodyKind, Call, Route, caller_account};
use crate::api::validation::Validation;
use crate::events;
use crate::git::repository::{GitError, GitRepository};
use crate::model::errors::{ApiError, RouteResult};
use crate::model::permissions::{REPOSITORY_ADMIN, REPOSITORY_DELETE};
use crate::model::repository::Repository;
use crate::model::response::Response;
use crate::model::state::Found;
use crate::model::user::stable_uuid;
use crate::sync::lock;
use crate::view;

const ONE: &str = "/2.0/repositories/{workspace}/{repo_slug}";

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::post(ONE, create)
            .scopes(REPOSITORY_ADMIN)
            .body(BodyKind::OptionalJson),
        Route::put(ONE, update)
            .scopes(REPOSITORY_ADMIN)
            .body(BodyKind::Json),
        Route::delete(ONE, delete)
            .scopes(REPOSITORY_DELETE)
            .query(&["redirect_to"]),
    ]
}

/// What a caller may say of a repository.
fn change(
    call: &Call,
    body: &Map<String, Value>,
    repository: &mut Repository,
) -> Result<(), ApiError> {
    let mut check = Validation::new(body);
    let name = check.text("name", 255).map(str::to_owned);
    let description = check.text("description", usize::MAX).map(str::to_owned);
    let is_private = check.boolean("is_private");
    let scm = check.text("scm", usize::MAX);
    if scm.is_some_and(|scm| scm != "git") {
        check.complain("scm", "Only git is supported.");
    }
    let main = body
        .get("mainbranch")
        .and_then(|branch| branch.get("name"))
        .and_then(Value::as_str);
    check.finish()?;
    if let Some(name) = name {
        repository.name = name;
    }
    if let Some(description) = description {
        repository.description = description;
    }
    if let Some(is_private) = is_private {
        repository.is_private = is_private;
    }
    if let Some(main) = main {
        repository.main_branch = Some(main.to_owned());
    }
    repository.updated_on = call.mock.clock.timestamp();
    Ok(())
}

fn respond(call: &Call, repository: &Repository) -> RouteResult {
    let shown = view::repository::repository(&call.mock, repository, caller_account(call))?;
    Ok(Response::ok(shown))
}

fn body(call: &Call) -> Result<Map<String, Value>, ApiError> {
    if call.body.is_empty() {
        Ok(Map::new())
    } else {
        call.json_object()
    }
}

fn create(call: &Call) -> RouteResult {
    let workspace = call.workspace()?;
    let slug = call.parameter("repo_slug");
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    if !slug.chars().all(plain) {
        return Err(ApiError::bad_request(
            "Invalid slug: use lower case letters, digits, and the characters - _ .",
        ));
    }
    let taken = !matches!(
        lock(&call.mock.state).find_repository(&workspace.slug, slug),
        Found::Nowhere
    );
    if taken {
        return Err(ApiError::bad_request(
            "Repository with this Slug and Owner already exists.",
        ));
    }
    let directory = tempfile::Builder::new()
        .prefix("mock-bitbucket-repository-")
        .tempdir()
        .map_err(GitError::Start)?;
    let git = GitRepository::create(directory.path())?;
    let now = call.mock.clock.timestamp();
    let mut repository = Repository {
        uuid: stable_uuid(&format!(
            "repository:{}/{slug}",
            workspace.slug.to_lowercase()
        )),
        workspace: workspace.slug.clone(),
        slug: slug.to_owned(),
        name: slug.to_owned(),
        description: String::new(),
        is_private: true,
        created_on: now.clone(),
        updated_on: now,
        parent: None,
        main_branch: None,
        git: Arc::new(git),
    };
    change(call, &body(call)?, &mut repository)?;
    let made = {
        let mut state = lock(&call.mock.state);
        state.directories.push(directory);
        state.put_repository(repository)
    };
    respond(call, &made)
}

fn update(call: &Call) -> RouteResult {
    let mut repository = (*call.repository()?).clone();
    change(call, &body(call)?, &mut repository)?;
    let kept = lock(&call.mock.state).put_repository(repository);
    respond(call, &kept)
}

fn delete(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    events::repository::deleted(&call.mock, &repository);
    lock(&call.mock.state).remove_repository(&repository.uuid);
    Ok(Response::no_content())
}
