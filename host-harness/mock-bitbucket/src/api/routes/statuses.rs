//! Build statuses of commits.

use serde_json::{Map, Value, json};

use crate::api::call::caller_account;
use crate::api::call::{BodyKind, Call, Route};
use crate::api::routes::commits::commit_hash;
use crate::api::routes::listing;
use crate::api::validation::{Validation, is_public_web_address};
use crate::events::deliver;
use crate::model::errors::{ApiError, RouteResult};
use crate::model::links::{link, segment};
use crate::model::permissions::REPOSITORY;
use crate::model::records::BuildStatus;
use crate::model::repository::Repository;
use crate::model::response::Response;
use crate::sync::lock;
use crate::view;

/// Longest key of a status, in characters.
const LONGEST_KEY: usize = 40;
/// Longest name and refname, in characters.
const LONGEST_NAME: usize = 255;
/// Longest address, in characters.
const LONGEST_URL: usize = 450;

const STATES: [&str; 4] = ["SUCCESSFUL", "FAILED", "INPROGRESS", "STOPPED"];

/// What a body may hold. Fields that only responses have are accepted and ignored,
/// so that a response can be sent back.
const KNOWN: [&str; 13] = [
    "key",
    "state",
    "name",
    "url",
    "description",
    "refname",
    "type",
    "uuid",
    "commit",
    "repository",
    "created_on",
    "updated_on",
    "links",
];

pub(crate) fn routes() -> Vec<Route> {
    const KEY: &str =
        "/2.0/repositories/{workspace}/{repo_slug}/commit/{commit}/statuses/build/{key}";
    vec![
        Route::get(
            "/2.0/repositories/{workspace}/{repo_slug}/commit/{commit}/statuses",
            list,
        )
        .scopes(REPOSITORY)
        .query(&["refname", "q", "sort"])
        .of("status")
        .numbered(10, 100)
        .without_size(),
        Route::post(
            "/2.0/repositories/{workspace}/{repo_slug}/commit/{commit}/statuses/build",
            upsert,
        )
        .scopes(REPOSITORY)
        .body(BodyKind::Json),
        Route::get(KEY, single).scopes(REPOSITORY),
        Route::put(KEY, update)
            .scopes(REPOSITORY)
            .body(BodyKind::Json),
    ]
}

fn list(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let hash = commit_hash(call, &repository)?;
    let refname = call.query_value("refname");
    let values = lock(&call.mock.state)
        .statuses
        .get(&(repository.uuid.clone(), hash.clone()))
        .into_iter()
        .flatten()
        .filter(|status| refname.is_none_or(|wanted| status.refname.as_deref() == Some(wanted)))
        .map(|status| show(call, &repository, &hash, status))
        .collect();
    listing::values(call, values)
}

fn single(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let hash = commit_hash(call, &repository)?;
    let status = find(call, &repository, &hash, call.parameter("key"))
        .ok_or_else(|| no_such_status(call))?;
    Ok(Response::ok(show(call, &repository, &hash, &status)))
}

fn find(call: &Call, repository: &Repository, hash: &str, key: &str) -> Option<BuildStatus> {
    lock(&call.mock.state)
        .statuses
        .get(&(repository.uuid.clone(), hash.to_owned()))?
        .iter()
        .find(|status| status.key == key)
        .cloned()
}

fn no_such_status(call: &Call) -> ApiError {
    ApiError::not_found(format!(
        "Commit status with key \"{}\" not found.",
        call.parameter("key")
    ))
}

fn upsert(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let hash = commit_hash(call, &repository)?;
    let body = call.json_object()?;
    let mut check = Validation::new(&body);
    check.known(&KNOWN);
    let key = check.required_text("key", LONGEST_KEY).to_owned();
    check.required_text("state", usize::MAX);
    check.required_text("url", LONGEST_URL);
    check_values(&body, &mut check);
    check.finish()?;
    let now = call.mock.clock.timestamp();
    let existing = find(call, &repository, &hash, &key);
    let created = existing.is_none();
    let mut status = existing.unwrap_or_else(|| BuildStatus {
        key,
        state: String::new(),
        name: String::new(),
        url: String::new(),
        description: String::new(),
        refname: None,
        created_on: now.clone(),
        updated_on: now.clone(),
    });
    apply(&body, &mut status, now);
    store(call, &repository, &hash, &status);
    let object = show(call, &repository, &hash, &status);
    deliver(call, &repository, created, &object);
    Ok(Response::json(if created { 201 } else { 200 }, object))
}

fn update(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let hash = commit_hash(call, &repository)?;
    let body = call.json_object()?;
    let mut check = Validation::new(&body);
    check.known(&KNOWN);
    if check
        .text("key", usize::MAX)
        .is_some_and(|key| key != call.parameter("key"))
    {
        check.complain("key", "The key of a status cannot be changed.");
    }
    check.text("url", LONGEST_URL);
    check_values(&body, &mut check);
    check.finish()?;
    let mut status = find(call, &repository, &hash, call.parameter("key"))
        .ok_or_else(|| no_such_status(call))?;
    apply(&body, &mut status, call.mock.clock.timestamp());
    store(call, &repository, &hash, &status);
    let object = show(call, &repository, &hash, &status);
    deliver(call, &repository, false, &object);
    Ok(Response::ok(object))
}

/// What holds for the values of a status, new or updated.
fn check_values(body: &Map<String, Value>, check: &mut Validation<'_>) {
    let given = |name: &str| {
        body.get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    if let Some(state) = given("state").filter(|state| !STATES.contains(state)) {
        check.complain("state", format!("\"{state}\" is not a valid choice."));
    }
    if given("url").is_some_and(|url| !is_status_url(url)) {
        check.complain("url", "Enter a valid URL.");
    }
    check.text("name", LONGEST_NAME);
    check.text("refname", LONGEST_NAME);
    check.text("description", usize::MAX);
}

/// Whether an address can stand in a status: public, and with nothing in braces
/// but variables of the repository or the commit.
fn is_status_url(url: &str) -> bool {
    let mut plain = String::new();
    let mut rest = url;
    while let Some(start) = rest.find('{') {
        let Some(end) = rest[start..].find('}') else {
            return false;
        };
        let variable = &rest[start + 1..start + end];
        let root = variable.split('.').next().unwrap_or_default();
        if !matches!(root, "repository" | "commit") {
            return false;
        }
        plain.push_str(&rest[..start]);
        plain.push('x');
        rest = &rest[start + end + 1..];
    }
    plain.push_str(rest);
    !plain.contains('}') && !plain.contains(' ') && is_public_web_address(&plain)
}

fn apply(body: &Map<String, Value>, status: &mut BuildStatus, now: String) {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    for (name, place) in [
        ("state", &mut status.state),
        ("name", &mut status.name),
        ("url", &mut status.url),
        ("description", &mut status.description),
    ] {
        if let Some(value) = text(name) {
            value.clone_into(place);
        }
    }
    // A refname stays once it is set.
    if let Some(refname) = text("refname").filter(|refname| !refname.is_empty()) {
        status.refname = Some(refname.to_owned());
    }
    if status.name.is_empty() {
        status.name.clone_from(&status.key);
    }
    status.updated_on = now;
}

fn store(call: &Call, repository: &Repository, hash: &str, status: &BuildStatus) {
    let mut state = lock(&call.mock.state);
    let statuses = state
        .statuses
        .entry((repository.uuid.clone(), hash.to_owned()))
        .or_default();
    match statuses
        .iter_mut()
        .find(|existing| existing.key == status.key)
    {
        Some(existing) => *existing = status.clone(),
        None => statuses.push(status.clone()),
    }
}

/// A status as JSON.
pub(crate) fn show(
    call: &Call,
    repository: &Repository,
    hash: &str,
    status: &BuildStatus,
) -> Value {
    let urls = &call.mock.urls;
    let commit = format!(
        "{}/commit/{hash}",
        view::repository::repository_url(urls, repository)
    );
    json!({
        "type": "build",
        "key": status.key,
        "state": status.state,
        "name": status.name,
        "url": status.url,
        "description": status.description,
        "refname": status.refname,
        "created_on": status.created_on,
        "updated_on": status.updated_on,
        "commit": view::repository::commit_link(urls, repository, hash),
        "repository": view::repository::brief_repository(urls, repository),
        "links": {
            "self": link(format!("{commit}/statuses/build/{}", segment(&status.key))),
            "commit": link(commit),
        },
    })
}

fn deliver(call: &Call, repository: &Repository, created: bool, status: &Value) {
    let event = if created {
        "repo:commit_status_created"
    } else {
        "repo:commit_status_updated"
    };
    deliver::deliver(
        &call.mock,
        repository,
        caller_account(call),
        event,
        json!({ "commit_status": status }),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_are_templates_of_the_repository_or_the_commit() {
        assert!(is_status_url(
            "https://ci.example.com/{repository.full_name}/{commit.hash}"
        ));
        assert!(!is_status_url("https://ci.example.com/{job}"));
        assert!(!is_status_url("https://ci.example.com/{"));
        assert!(!is_status_url("https://ci.example.com/}"));
        assert!(is_status_url("https://ci.example.com/%7Bjob%7D"));
        assert!(!is_status_url("http://localhost:8080/"));
    }
}
