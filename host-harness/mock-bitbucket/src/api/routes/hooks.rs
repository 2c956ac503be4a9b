//! Webhook subscriptions of repositories.

use serde_json::{Map, Value, json};

use crate::api::call::{BodyKind, Call, Route};
use crate::api::routes::hook_events::is_event_of_repositories;
use crate::api::routes::listing;
use crate::api::validation::{Validation, is_public_web_address, is_web_address};
use crate::model::errors::{ApiError, RouteResult};
use crate::model::links::{link, segment};
use crate::model::permissions::{Permission, REPOSITORY, WEBHOOK, WEBHOOK_DELETE, WEBHOOK_WRITE};
use crate::model::records::Hook;
use crate::model::repository::Repository;
use crate::model::response::Response;
use crate::model::tokens::Secret;
use crate::sync::lock;
use crate::view;

/// Most hooks a repository can have.
const MOST_HOOKS: usize = 50;
/// Longest secret of a hook, in characters.
const LONGEST_SECRET: usize = 128;

const PULL_REQUEST: Permission = Permission {
    oauth: &["pullrequest"],
    api_token: &["read:pullrequest:bitbucket"],
};

pub(crate) fn routes() -> Vec<Route> {
    const ALL: &str = "/2.0/repositories/{workspace}/{repo_slug}/hooks";
    const ONE: &str = "/2.0/repositories/{workspace}/{repo_slug}/hooks/{uid}";
    vec![
        Route::get(ALL, list).scopes(WEBHOOK).numbered(10, 100),
        Route::post(ALL, create)
            .scopes(WEBHOOK_WRITE)
            .body(BodyKind::Json),
        Route::get(ONE, single).scopes(WEBHOOK),
        Route::put(ONE, update)
            .scopes(WEBHOOK_WRITE)
            .body(BodyKind::Json),
        Route::delete(ONE, delete).scopes(WEBHOOK_DELETE),
    ]
}

fn list(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let values = lock(&call.mock.state)
        .hooks
        .get(&repository.uuid)
        .into_iter()
        .flatten()
        .map(|hook| show(call, &repository, hook))
        .collect();
    listing::values(call, values)
}

fn single(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let hook = find(call, &repository)?;
    Ok(Response::ok(show(call, &repository, &hook)))
}

/// The hook that `{uid}` names; only the form with braces is a uid.
fn find(call: &Call, repository: &Repository) -> Result<Hook, ApiError> {
    let uid = call.parameter("uid");
    lock(&call.mock.state)
        .hooks
        .get(&repository.uuid)
        .and_then(|hooks| hooks.iter().find(|hook| hook.uuid == uid))
        .cloned()
        .ok_or_else(no_such_hook)
}

fn no_such_hook() -> ApiError {
    ApiError::not_found("Webhook subscription does not exist.")
}

fn create(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let body = call.json_object()?;
    let mut hook = Hook {
        uuid: call.mock.ids.braced(),
        description: String::new(),
        url: String::new(),
        active: true,
        skip_cert_verification: false,
        events: Vec::new(),
        secret: None,
        created_at: call.mock.clock.timestamp_nanos(),
    };
    read(call, &body, &mut hook, true)?;
    {
        let mut state = lock(&call.mock.state);
        let hooks = state.hooks.entry(repository.uuid.clone()).or_default();
        if hooks.len() >= MOST_HOOKS {
            return Err(ApiError::bad_request(format!(
                "A repository can have at most {MOST_HOOKS} webhooks."
            )));
        }
        hooks.push(hook.clone());
    }
    register_secret(call, &hook);
    Ok(Response::json(201, show(call, &repository, &hook)))
}

fn update(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let body = call.json_object()?;
    let mut hook = find(call, &repository)?;
    read(call, &body, &mut hook, false)?;
    {
        let mut state = lock(&call.mock.state);
        let place = state
            .hooks
            .get_mut(&repository.uuid)
            .and_then(|hooks| hooks.iter_mut().find(|existing| existing.uuid == hook.uuid))
            .ok_or_else(no_such_hook)?;
        *place = hook.clone();
    }
    register_secret(call, &hook);
    Ok(Response::ok(show(call, &repository, &hook)))
}

fn delete(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let uid = call.parameter("uid");
    let mut state = lock(&call.mock.state);
    let hooks = state.hooks.entry(repository.uuid.clone()).or_default();
    let before = hooks.len();
    hooks.retain(|hook| hook.uuid != uid);
    if hooks.len() == before {
        return Err(no_such_hook());
    }
    Ok(Response::no_content())
}

fn register_secret(call: &Call, hook: &Hook) {
    if let Some(secret) = &hook.secret {
        lock(&call.mock.tokens).register_secret(secret.expose());
    }
}

/// Reads a body into a hook. `url` and `events` have to be there, on updates as
/// well: an update replaces the subscription.
fn read(
    call: &Call,
    body: &Map<String, Value>,
    hook: &mut Hook,
    new: bool,
) -> Result<(), ApiError> {
    let mut check = Validation::new(body);
    check.known(&[
        "description",
        "url",
        "active",
        "events",
        "secret",
        "skip_cert_verification",
        "type",
        "uuid",
        "subject",
        "subject_type",
        "created_at",
        "links",
        "source",
        "read_only",
        "history_enabled",
        "secret_set",
    ]);
    let url = check.required_text("url", 2000);
    let acceptable = if call.mock.settings.allow_local_hook_urls {
        is_web_address(url)
    } else {
        is_public_web_address(url)
    };
    if !url.is_empty() && !acceptable {
        check.complain(
            "url",
            "Enter a valid URL that can be reached from the public network.",
        );
    }
    let events = check.texts("events").unwrap_or_default();
    if events.is_empty() {
        check.complain("events", "At least one event is required.");
    }
    for (index, event) in events.iter().enumerate() {
        if !is_event_of_repositories(event) {
            check.complain("events", format!("\"{event}\" is not a valid event."));
        } else if events[..index].contains(event) {
            check.complain("events", format!("\"{event}\" is there twice."));
        }
    }
    let description = check.text("description", 255).unwrap_or_default();
    let active = check.boolean("active");
    let skip = check.boolean("skip_cert_verification");
    let secret = check.text("secret", LONGEST_SECRET);
    check.finish()?;
    require_event_scopes(call, &events)?;
    url.clone_into(&mut hook.url);
    description.clone_into(&mut hook.description);
    hook.events = events.iter().map(|event| (*event).to_owned()).collect();
    hook.active = active.unwrap_or(if new { true } else { hook.active });
    hook.skip_cert_verification = skip.unwrap_or(hook.skip_cert_verification);
    if body.contains_key("secret") {
        hook.secret = secret.filter(|secret| !secret.is_empty()).map(Secret::new);
    }
    Ok(())
}

/// Subscribing to an event takes the scope for its subject as well.
fn require_event_scopes(call: &Call, events: &[&str]) -> Result<(), ApiError> {
    let caller = call.caller()?;
    for event in events {
        match event.split(':').next() {
            Some("repo") => caller.require(&REPOSITORY)?,
            Some("pullrequest") => caller.require(&PULL_REQUEST)?,
            _ => {}
        }
    }
    Ok(())
}

fn show(call: &Call, repository: &Repository, hook: &Hook) -> Value {
    let urls = &call.mock.urls;
    json!({
        "type": "webhook_subscription",
        "uuid": hook.uuid,
        "description": hook.description,
        "url": hook.url,
        "active": hook.active,
        "skip_cert_verification": hook.skip_cert_verification,
        "events": hook.events,
        "created_at": hook.created_at,
        "subject_type": "repository",
        "subject": view::repository::brief_repository(urls, repository),
        "source": null,
        "read_only": false,
        "history_enabled": false,
        "secret_set": hook.secret.is_some(),
        "links": {
            "self": link(format!(
                "{}/hooks/{}",
                view::repository::repository_url(urls, repository),
                segment(&hook.uuid)
            )),
        },
    })
}
