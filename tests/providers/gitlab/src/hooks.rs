//! Webhooks of a project: GitLab has a flag for each kind of event.

use crate::http::{Http, invalid, project};
use crate::json::text_or_empty;
use serde_json::{Map, Value, json};
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect;

/// The event of a push to a branch.
pub(crate) const PUSH: &str = "push_events";
/// The event of a push of a tag.
pub(crate) const TAG_PUSH: &str = "tag_push_events";

/// The flags of a hook.
pub(crate) const EVENTS: &[&str] = &[
    PUSH,
    TAG_PUSH,
    "merge_requests_events",
    "note_events",
    "pipeline_events",
    "releases_events",
];

pub(crate) fn read(value: &Value) -> Result<Hook> {
    let id = value["id"].as_u64();
    let events = EVENTS.iter().filter(|event| value[**event] == true);
    Ok(Hook {
        id: id.ok_or_else(|| invalid("a hook without id"))?.to_string(),
        name: text_or_empty(value, "/name"),
        url: text_or_empty(value, "/url"),
        events: events.map(|event| (*event).to_owned()).collect(),
        insecure_ssl: value["enable_ssl_verification"]
            .as_bool()
            .map(|verified| !verified),
        ..Hook::default()
    })
}

fn body(request: &HookRequest) -> Result<Value> {
    let wanted: Vec<&str> = if request.events.is_empty() {
        vec![PUSH, TAG_PUSH]
    } else {
        request.events.iter().map(String::as_str).collect()
    };
    if let Some(unknown) = wanted.iter().find(|event| !EVENTS.contains(event)) {
        return Err(VcsError::new(
            ErrorKind::INVALID_INPUT,
            format!(
                "GitLab has no event {unknown:?}; there are {}",
                EVENTS.join(", ")
            ),
        ));
    }
    if request.disable {
        return Err(VcsError::new(
            ErrorKind::UNSUPPORTED,
            "a hook of GitLab cannot be switched off; delete it instead",
        ));
    }
    let mut body = Map::new();
    body.insert("url".into(), json!(request.url));
    body.insert("name".into(), json!(request.name));
    for event in EVENTS {
        body.insert((*event).to_owned(), json!(wanted.contains(event)));
    }
    if let Some(insecure) = request.insecure_ssl {
        body.insert("enable_ssl_verification".into(), json!(!insecure));
    }
    if let Some(secret) = &request.secret {
        body.insert("token".into(), json!(secret.expose()));
    }
    Ok(Value::Object(body))
}

fn is_same(left: &str, right: &str) -> bool {
    left.trim_end_matches('/') == right.trim_end_matches('/')
}

fn find(http: &Http, context: &dyn CallContext, repo: &str, url: &str) -> Result<Option<Hook>> {
    let path = format!("{}/hooks?", project(repo)?);
    let all = collect(|sink| http.list(context, &path, None, sink, read))?;
    Ok(all.into_iter().find(|hook| is_same(&hook.url, url)))
}

fn no_hook(repo: &str) -> VcsError {
    VcsError::new(
        ErrorKind::NOT_FOUND,
        format!("{repo} has no hook of this address"),
    )
}

pub(crate) fn create(
    http: &Http,
    context: &dyn CallContext,
    request: &HookRequest,
) -> Result<Hook> {
    let path = format!("{}/hooks", project(&request.repo)?);
    read(&http.send(context, "POST", &path, Some(&body(request)?))?.0)
}

pub(crate) fn get(
    http: &Http,
    context: &dyn CallContext,
    request: &GetHookRequest,
) -> Result<Hook> {
    match &request.id {
        Some(id) => {
            let path = format!("{}/hooks/{}", project(&request.repo)?, number(id)?);
            read(&http.get(context, &path)?)
        }
        None => {
            find(http, context, &request.repo, &request.url)?.ok_or_else(|| no_hook(&request.repo))
        }
    }
}

pub(crate) fn delete(
    http: &Http,
    context: &dyn CallContext,
    request: &DeleteHookRequest,
) -> Result<Done> {
    let id = match (&request.id, &request.url) {
        (Some(id), _) => Some(number(id)?.to_string()),
        (None, Some(url)) => find(http, context, &request.repo, url)?.map(|hook| hook.id),
        (None, None) => {
            return Err(VcsError::new(
                ErrorKind::INVALID_INPUT,
                "a hook to delete has to be named by its id or its address",
            ));
        }
    };
    let Some(id) = id else {
        return Ok(Done::unchanged());
    };
    let path = project(&request.repo)?;
    match http.send(context, "DELETE", &format!("{path}/hooks/{id}"), None) {
        Ok(_) => Ok(Done::changed()),
        Err(error) if error.kind == ErrorKind::NOT_FOUND => {
            // Whether the hook is gone or the project.
            http.get(context, &path).map(|_| Done::unchanged())
        }
        Err(error) => Err(error),
    }
}

fn number(id: &str) -> Result<u64> {
    id.parse().map_err(|_| {
        VcsError::new(
            ErrorKind::INVALID_INPUT,
            format!("{id:?} is not the id of a hook: GitLab has numbers"),
        )
    })
}

pub(crate) fn reconcile(
    http: &Http,
    context: &dyn CallContext,
    request: &HookRequest,
) -> Result<Hook> {
    let (mut hook, action) = match find(http, context, &request.repo, &request.url)? {
        None => (create(http, context, request)?, "created"),
        Some(present) => {
            let wanted = read(&{
                let mut wanted = body(request)?;
                wanted["id"] = json!(number(&present.id)?);
                wanted
            })?;
            let is_right = present.url == wanted.url
                && present.events == wanted.events
                && present.name == wanted.name;
            // Nobody is told the token, so it is written each time.
            let path = format!("{}/hooks/{}", project(&request.repo)?, present.id);
            let hook = read(&http.send(context, "PUT", &path, Some(&body(request)?))?.0)?;
            (hook, if is_right { "unchanged" } else { "updated" })
        }
    };
    hook.secret_set = request.secret.as_ref().map(|_| true);
    hook.extra.insert(keys::ACTION, action);
    Ok(hook)
}
