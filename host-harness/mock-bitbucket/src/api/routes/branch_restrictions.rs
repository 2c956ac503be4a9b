//! Rules for branches: kept and handed back, not enforced.

use serde_json::{Value, json};

use crate::api::call::{BodyKind, Call, Route};
use crate::api::routes::listing;
use crate::api::validation::Validation;
use crate::model::documents::Documents;
use crate::model::errors::{ApiError, RouteResult};
use crate::model::links::link;
use crate::model::repository::Repository;
use crate::model::response::Response;
use crate::model::tokens::REPOSITORY_ADMIN;
use crate::view::repository::repository_url;

const ALL: &str = "/2.0/repositories/{workspace}/{repo_slug}/branch-restrictions";
const ONE: &str = "/2.0/repositories/{workspace}/{repo_slug}/branch-restrictions/{id}";

const KINDS: [&str; 17] = [
    "require_tasks_to_be_completed",
    "allow_auto_merge_when_builds_pass",
    "require_default_reviewer_approvals_to_merge",
    "enforce_merge_checks",
    "reset_pullrequest_approvals_on_change",
    "require_no_changes_requested",
    "smart_reset_pullrequest_approvals",
    "push",
    "restrict_merges",
    "force",
    "delete",
    "require_approvals_to_merge",
    "require_passing_builds_to_merge",
    "require_all_dependencies_merged",
    "require_commits_behind",
    "reset_pullrequest_changes_requested_on_change",
    "require_review_group_approvals_to_merge",
];

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get(ALL, list)
            .scopes(REPOSITORY_ADMIN)
            .query(&["kind", "pattern"])
            .numbered(10, 100),
        Route::post(ALL, create)
            .scopes(REPOSITORY_ADMIN)
            .body(BodyKind::Json),
        Route::get(ONE, |call| Ok(Response::ok(find(call)?))).scopes(REPOSITORY_ADMIN),
        Route::put(ONE, update)
            .scopes(REPOSITORY_ADMIN)
            .body(BodyKind::Json),
        Route::delete(ONE, delete).scopes(REPOSITORY_ADMIN),
    ]
}

fn kept<'a>(call: &'a Call, repository: &Repository) -> Documents<'a> {
    Documents::new(&call.mock, "branch restriction", &repository.uuid, "id")
}

fn list(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let fits = |one: &Value, name: &str| {
        call.query_value(name)
            .is_none_or(|wanted| one[name] == wanted)
    };
    let values = kept(call, &repository)
        .all()
        .into_iter()
        .filter(|one| fits(one, "kind") && fits(one, "pattern"))
        .collect();
    listing::values(call, values)
}

fn find(call: &Call) -> Result<Value, ApiError> {
    kept(call, &*call.repository()?)
        .find(call.parameter("id"))
        .ok_or_else(|| ApiError::not_found("This branch restriction does not exist."))
}

fn create(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let documents = kept(call, &repository);
    let restriction = read(call, &repository, documents.next_number())?;
    documents.put(restriction.clone());
    Ok(Response::json(201, restriction))
}

fn update(call: &Call) -> RouteResult {
    let id = find(call)?["id"].as_u64().unwrap_or_default();
    let repository = call.repository()?;
    let restriction = read(call, &repository, id)?;
    kept(call, &repository).put(restriction.clone());
    Ok(Response::ok(restriction))
}

fn read(call: &Call, repository: &Repository, id: u64) -> Result<Value, ApiError> {
    let body = call.json_object()?;
    let mut check = Validation::new(&body);
    check.known(&[
        "type",
        "id",
        "kind",
        "branch_match_kind",
        "branch_type",
        "pattern",
        "value",
        "users",
        "groups",
        "links",
    ]);
    let kind = check.required_text("kind", usize::MAX);
    if !kind.is_empty() && !KINDS.contains(&kind) {
        check.complain("kind", format!("\"{kind}\" is not a valid choice."));
    }
    let matched = check
        .text("branch_match_kind", usize::MAX)
        .unwrap_or("glob");
    let pattern = check.text("pattern", usize::MAX).unwrap_or("");
    if matched == "glob" && pattern.is_empty() {
        check.complain("pattern", "This field is required.");
    }
    check.finish()?;
    let mut restriction = json!({
        "type": "branchrestriction",
        "id": id,
        "kind": kind,
        "branch_match_kind": matched,
        "pattern": pattern,
        "users": body.get("users").cloned().unwrap_or_else(|| json!([])),
        "groups": body.get("groups").cloned().unwrap_or_else(|| json!([])),
        "value": body.get("value"),
        "links": { "self": link(format!(
            "{}/branch-restrictions/{id}",
            repository_url(&call.mock.urls, repository)
        )) },
    });
    if let Some(branch_type) = body.get("branch_type") {
        restriction["branch_type"] = branch_type.clone();
    }
    Ok(restriction)
}

fn delete(call: &Call) -> RouteResult {
    find(call)?;
    kept(call, &*call.repository()?).remove(call.parameter("id"));
    Ok(Response::no_content())
}
