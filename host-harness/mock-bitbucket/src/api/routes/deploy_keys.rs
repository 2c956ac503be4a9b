//! Deploy keys of repositories: kept and handed back; git over ssh is not served.

use serde_json::{Value, json};

use crate::api::call::{BodyKind, Call, Route};
use crate::api::routes::listing;
use crate::api::validation::Validation;
use crate::model::documents::Documents;
use crate::model::errors::{ApiError, RouteResult};
use crate::model::links::link;
use crate::model::permissions::{DEPLOY_KEY, DEPLOY_KEY_DELETE, DEPLOY_KEY_WRITE};
use crate::model::response::Response;
use crate::view::repository::{brief_repository, repository_url, user};

const ALL: &str = "/2.0/repositories/{workspace}/{repo_slug}/deploy-keys";
const ONE: &str = "/2.0/repositories/{workspace}/{repo_slug}/deploy-keys/{key_id}";

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get(ALL, |call| listing::values(call, kept(call)?.all()))
            .scopes(DEPLOY_KEY)
            .numbered(10, 100),
        Route::post(ALL, create)
            .scopes(DEPLOY_KEY_WRITE)
            .body(BodyKind::Json),
        Route::get(ONE, |call| Ok(Response::ok(find(call)?))).scopes(DEPLOY_KEY),
        Route::put(ONE, update)
            .scopes(DEPLOY_KEY_WRITE)
            .body(BodyKind::Json),
        Route::delete(ONE, delete).scopes(DEPLOY_KEY_DELETE),
    ]
}

fn kept(call: &Call) -> Result<Documents<'_>, ApiError> {
    let home = call.repository()?.uuid.clone();
    Ok(Documents::new(&call.mock, "deploy key", home, "id"))
}

fn find(call: &Call) -> Result<Value, ApiError> {
    kept(call)?
        .find(call.parameter("key_id"))
        .ok_or_else(|| ApiError::not_found("This deploy key does not exist."))
}

const KNOWN: [&str; 10] = [
    "key",
    "label",
    "comment",
    "type",
    "id",
    "added_on",
    "last_used",
    "repository",
    "owner",
    "links",
];

fn create(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let documents = kept(call)?;
    let body = call.json_object()?;
    let mut check = Validation::new(&body);
    check.known(&KNOWN);
    let key = check.required_text("key", usize::MAX);
    let label = check.text("label", 128).unwrap_or("");
    let looks_right = ["ssh-", "ecdsa-", "sk-"]
        .iter()
        .any(|start| key.starts_with(start));
    if !key.is_empty() && !looks_right {
        check.complain("key", "Invalid SSH key.");
    }
    check.finish()?;
    let mut parts = key.splitn(3, ' ');
    let (kind, content) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let plain = format!("{kind} {content}");
    if documents.all().iter().any(|one| one["key"] == plain) {
        return Err(ApiError::bad_request(
            "Someone has already registered that SSH key.",
        ));
    }
    let id = documents.next_number();
    let made = json!({
        "type": "deploy_key",
        "id": id,
        "key": plain,
        "label": label,
        "comment": parts.next().unwrap_or(""),
        "added_on": call.mock.clock.timestamp(),
        "last_used": null,
        "owner": user(&call.mock.urls, call.user()?),
        "repository": brief_repository(&call.mock.urls, &repository),
        "links": { "self": link(format!(
            "{}/deploy-keys/{id}",
            repository_url(&call.mock.urls, &repository)
        )) },
    });
    documents.put(made.clone());
    Ok(Response::ok(made))
}

fn update(call: &Call) -> RouteResult {
    find(call)?;
    let body = call.json_object()?;
    let mut check = Validation::new(&body);
    check.known(&KNOWN);
    let label = check.text("label", 128).map(|label| json!(label));
    let comment = check.text("comment", 255).map(|comment| json!(comment));
    check.finish()?;
    let fields: Vec<(&str, Value)> = [("label", label), ("comment", comment)]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    let changed = kept(call)?.change(call.parameter("key_id"), &fields);
    changed.map(Response::ok).ok_or_else(ApiError::no_api_here)
}

fn delete(call: &Call) -> RouteResult {
    find(call)?;
    kept(call)?.remove(call.parameter("key_id"));
    Ok(Response::no_content())
}
