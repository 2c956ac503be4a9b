//! Rules for branches. Pushes, deletions and merges are held to those that
//! [`Restrictions`](crate::model::restrictions::Restrictions) knows.

use serde_json::{Map, Value, json};

use crate::api::call::{BodyKind, Call, Route};
use crate::api::routes::listing;
use crate::api::validation::Validation;
use crate::model::documents::Documents;
use crate::model::errors::{ApiError, RouteResult};
use crate::model::links::link;
use crate::model::permissions::REPOSITORY_ADMIN;
use crate::model::repository::Repository;
use crate::model::response::Response;
use crate::view::repository::repository_url;

const ALL: &str = "/2.0/repositories/{workspace}/{repo_slug}/branch-restrictions";
const ONE: &str = "/2.0/repositories/{workspace}/{repo_slug}/branch-restrictions/{id}";

const TYPES: [&str; 6] = [
    "feature",
    "bugfix",
    "release",
    "hotfix",
    "development",
    "production",
];

const KINDS: [&str; 18] = [
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
    "require_all_comments_resolved",
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
    Documents::branch_restrictions(&call.mock, &repository.uuid)
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
    let body = call.json_object()?;
    let restriction = read(call, &repository, &body, documents.next_number())?;
    documents.put(restriction.clone());
    Ok(Response::json(201, restriction))
}

/// What the body does not name stays as it is.
fn update(call: &Call) -> RouteResult {
    let former = find(call)?;
    let repository = call.repository()?;
    let mut body = call.json_object()?;
    for name in [
        "kind",
        "branch_match_kind",
        "branch_type",
        "pattern",
        "value",
        "users",
        "groups",
    ] {
        if let Some(value) = former.get(name).filter(|_| !body.contains_key(name)) {
            body.insert(name.to_owned(), value.clone());
        }
    }
    let id = former["id"].as_u64().unwrap_or_default();
    let restriction = read(call, &repository, &body, id)?;
    kept(call, &repository).put(restriction.clone());
    Ok(Response::ok(restriction))
}

fn read(
    call: &Call,
    repository: &Repository,
    body: &Map<String, Value>,
    id: u64,
) -> Result<Value, ApiError> {
    let mut check = Validation::new(body);
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
    let branch_type = check.text("branch_type", usize::MAX);
    match matched {
        "glob" if pattern.is_empty() => check.complain("pattern", "This field is required."),
        "branching_model" if !branch_type.is_some_and(|one| TYPES.contains(&one)) => {
            check.complain("branch_type", "Enter a type of branch.");
        }
        "glob" | "branching_model" => {}
        _ => check.complain("branch_match_kind", "Enter glob or branching_model."),
    }
    let knows_exceptions = ["push", "restrict_merges"].contains(&kind);
    for name in ["users", "groups"] {
        let is_empty = body
            .get(name)
            .and_then(Value::as_array)
            .is_none_or(Vec::is_empty);
        if knows_exceptions && !body.contains_key(name) {
            check.complain(name, "This field is required.");
        } else if !knows_exceptions && !is_empty {
            check.complain(name, format!("A restriction of kind {kind} has none."));
        }
    }
    check.finish()?;
    let is_double = kept(call, repository).all().iter().any(|one| {
        let same_branches = if matched == "glob" {
            one["pattern"] == pattern
        } else {
            one["branch_type"].as_str() == branch_type
        };
        one["id"] != id
            && one["kind"] == kind
            && one["branch_match_kind"] == matched
            && same_branches
    });
    if is_double {
        return Err(ApiError::bad_request(
            "A restriction of this kind for these branches is there already.",
        ));
    }
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
    if let Some(branch_type) = branch_type {
        restriction["branch_type"] = json!(branch_type);
    }
    Ok(restriction)
}

fn delete(call: &Call) -> RouteResult {
    find(call)?;
    kept(call, &*call.repository()?).remove(call.parameter("id"));
    Ok(Response::no_content())
}
