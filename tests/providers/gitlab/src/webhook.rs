//! Deliveries: the token is compared first, then the body is read.

use crate::json::{commit, merge_request, text, text_or_empty, time};
use serde_json::Value;
use subtle::ConstantTimeEq as _;
use vcs_provider_interface::prelude::*;

/// The header that holds the hook's token.
pub(crate) const TOKEN_HEADER: &str = "X-Gitlab-Token";

/// The longest delivery that is read.
const LONGEST_BODY: usize = 25 << 20;

/// What stands for a ref that is not there.
const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

fn header<'a>(request: &'a WebhookRequest, name: &str) -> Option<&'a str> {
    let mut found = request
        .headers
        .iter()
        .filter(|(present, _)| present.trim().eq_ignore_ascii_case(name));
    match (found.next(), found.next()) {
        (Some((_, value)), None) => Some(value.trim()),
        _ => None,
    }
}

fn is_token(given: &str, secret: Option<&Secret>) -> bool {
    secret.is_some_and(|secret| {
        !secret.is_empty() && bool::from(given.as_bytes().ct_eq(secret.expose().as_bytes()))
    })
}

pub(crate) fn parse(request: &WebhookRequest) -> Result<Delivery> {
    let wrong = |why: String| VcsError::new(ErrorKind::INVALID_INPUT, why);
    let mut previous_secret_used = false;
    if let Some(secret) = &request.secret {
        let given = header(request, TOKEN_HEADER).unwrap_or_default();
        previous_secret_used =
            !is_token(given, Some(secret)) && is_token(given, request.previous_secret.as_ref());
        if !is_token(given, Some(secret)) && !previous_secret_used {
            return Err(VcsError::new(
                ErrorKind::UNAUTHENTICATED,
                format!("the delivery does not have the hook's token in {TOKEN_HEADER}"),
            ));
        }
    }
    if request.body.0.len() > LONGEST_BODY {
        return Err(wrong(format!(
            "the delivery is longer than {LONGEST_BODY} bytes"
        )));
    }
    let event_key = header(request, "X-Gitlab-Event")
        .ok_or_else(|| wrong("the delivery has no X-Gitlab-Event header".to_owned()))?;
    let is_known = matches!(
        event_key,
        "Push Hook" | "Tag Push Hook" | "Merge Request Hook"
    );
    let events = if is_known {
        let body: Value = serde_json::from_slice(&request.body.0).map_err(|error| {
            wrong(format!(
                "the delivery is no JSON document: error in line {}, column {}",
                error.line(),
                error.column()
            ))
        })?;
        vec![event(event_key, &body)?]
    } else {
        Vec::new()
    };
    Ok(Delivery {
        event_key: event_key.to_owned(),
        id: header(request, "X-Gitlab-Event-UUID").map(str::to_owned),
        hook_id: header(request, "X-Gitlab-Webhook-UUID").map(str::to_owned),
        verified: request.secret.is_some(),
        previous_secret_used,
        events,
        ..Delivery::default()
    })
}

fn missing(field: &str) -> VcsError {
    VcsError::new(
        ErrorKind::INVALID_INPUT,
        format!("the delivery cannot be read: {field} is missing or of another type"),
    )
    .with_extra(keys::FIELD, field)
}

fn event(key: &str, body: &Value) -> Result<Event> {
    let fullname = text(body, "/project/path_with_namespace")
        .ok_or_else(|| missing("project.path_with_namespace"))?;
    let id = body["project"]["id"].as_u64();
    let mut event = Event {
        key: key.to_owned(),
        repo: Some(EventRepository {
            id: id.map(|id| id.to_string()).unwrap_or_default(),
            name: text_or_empty(body, "/project/name"),
            url: text_or_empty(body, "/project/web_url"),
            default_branch: text(body, "/project/default_branch"),
            fullname: fullname.clone(),
            ..EventRepository::default()
        }),
        actor: Some(actor(body)),
        ..Event::default()
    };
    if key == "Merge Request Hook" {
        let attributes = &body["object_attributes"];
        event.kind = match text_or_empty(attributes, "/action").as_str() {
            "open" => EventKind::PULL_REQUEST_CREATED,
            "merge" => EventKind::PULL_REQUEST_MERGED,
            "close" => EventKind::PULL_REQUEST_DECLINED,
            "approved" | "approval" => EventKind::PULL_REQUEST_APPROVED,
            "unapproved" | "unapproval" => EventKind::PULL_REQUEST_UNAPPROVED,
            _ => EventKind::PULL_REQUEST_UPDATED,
        };
        // `oldrev` is there exactly if the commit changed.
        event.commit_changed = Some(attributes.get("oldrev").is_some());
        event.date = time(attributes, "/updated_at");
        let read = merge_request(attributes, &fullname);
        event.pull_request = Some(read.map_err(|_| missing("object_attributes.iid"))?);
        return Ok(event);
    }
    let change = change(body)?;
    event.kind = match (&change.old_hash, &change.new_hash) {
        (None, _) => EventKind::REF_CREATED,
        (_, None) => EventKind::REF_DELETED,
        _ => EventKind::REF_UPDATED,
    };
    event.change = Some(change);
    Ok(event)
}

fn actor(body: &Value) -> Author {
    let id = body["user_id"]
        .as_u64()
        .or_else(|| body["user"]["id"].as_u64());
    Author {
        id: id.map(|id| id.to_string()).unwrap_or_default(),
        name: text(body, "/user_username")
            .or_else(|| text(body, "/user/username"))
            .unwrap_or_default(),
        display_name: text(body, "/user_name")
            .or_else(|| text(body, "/user/name"))
            .unwrap_or_default(),
        ..Author::default()
    }
}

fn change(body: &Value) -> Result<RefChange> {
    let full = text(body, "/ref").ok_or_else(|| missing("ref"))?;
    let (kind, name) = match (
        full.strip_prefix("refs/heads/"),
        full.strip_prefix("refs/tags/"),
    ) {
        (Some(name), _) => (RefKind::BRANCH, name),
        (None, Some(name)) => (RefKind::TAG, name),
        (None, None) => return Err(missing("ref")),
    };
    let hash = |field: &str| -> Result<Option<String>> {
        let hash = text(body, &format!("/{field}")).ok_or_else(|| missing(field))?;
        let is_hash = hash.len() >= 40 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        match is_hash {
            true => Ok(Some(hash).filter(|hash| hash != NO_COMMIT)),
            false => Err(missing(field)),
        }
    };
    let old_hash = hash("before")?;
    let mut new_hash = hash("after")?;
    if kind == RefKind::TAG && new_hash.is_some() {
        // `after` is the tag itself where it is annotated.
        new_hash = text(body, "/checkout_sha").or(new_hash);
    }
    let listed = body["commits"].as_array();
    // Oldest first in the delivery.
    let mut commits: Vec<Commit> = listed
        .into_iter()
        .flatten()
        .filter_map(|value| {
            let mut read = commit(value).ok()?;
            read.author = Author {
                display_name: text_or_empty(value, "/author/name"),
                email: text_or_empty(value, "/author/email"),
                ..Author::default()
            };
            read.author_timestamp = time(value, "/timestamp");
            read.url = text_or_empty(value, "/url");
            read.committer = None;
            Some(read)
        })
        .collect();
    commits.reverse();
    let total_commits = body["total_commits_count"].as_u64();
    Ok(RefChange {
        kind,
        name: name.to_owned(),
        old_hash,
        new_hash,
        // A delivery of GitLab does not say.
        forced: None,
        truncated: total_commits.map(|total| total > commits.len() as u64),
        total_commits,
        commits,
        tag_message: text(body, "/message").filter(|_| kind == RefKind::TAG),
        ..RefChange::default()
    })
}
