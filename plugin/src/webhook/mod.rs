//! Deliveries: checked first, then read into the interface's events.
//!
//! Owns the order of the steps: size, signature over the raw bytes, event key,
//! and only then the JSON. Sends nothing; what a delivery leaves out is fetched
//! by `complete_event`.
//!
//! What a delivery must have, or it is `InvalidInput` with the name of the
//! field: the `X-Event-Key` header; for a push the name of each changed ref;
//! for a pull request its number; a repository that can be told. Everything
//! else may be missing, null or of another type. An unknown event key is no
//! error: it gives no events.

mod pull_request;
mod push;
mod repository;
mod signature;

use crate::json::{Json, account, event_repository, pointer};
use vcs_provider_interface::prelude::*;

pub(crate) use signature::SIGNATURE_HEADER;

/// The largest delivery that is read, in bytes. Bitbucket Cloud sends at most
/// 256 KiB; the rest is room for what it may do one day.
pub(crate) const MAX_DELIVERY_BYTES: usize = 1024 * 1024;

/// The event keys that are read into events.
pub(crate) const EVENT_KEYS: &[&str] = &[
    "repo:push",
    "repo:fork",
    "repo:imported",
    "repo:updated",
    "repo:transfer",
    "repo:created",
    "repo:deleted",
    "repo:commit_comment_created",
    "repo:commit_status_created",
    "repo:commit_status_updated",
    "pullrequest:created",
    "pullrequest:updated",
    "pullrequest:push",
    "pullrequest:approved",
    "pullrequest:unapproved",
    "pullrequest:changes_request_created",
    "pullrequest:changes_request_removed",
    "pullrequest:fulfilled",
    "pullrequest:rejected",
    "pullrequest:comment_created",
    "pullrequest:comment_updated",
    "pullrequest:comment_deleted",
    "pullrequest:comment_resolved",
    "pullrequest:comment_reopened",
];

/// Checks and reads a delivery.
///
/// # Errors
/// `InvalidInput` for a body that is too large or cannot be read;
/// `Unauthenticated` where a key is given and the signature is not right.
pub(crate) fn parse(request: &WebhookRequest) -> Result<Delivery> {
    let body = request.body.0.as_slice();
    if body.len() > MAX_DELIVERY_BYTES {
        return Err(VcsError::new(
            ErrorKind::INVALID_INPUT,
            format!(
                "the delivery has {} bytes; at most {MAX_DELIVERY_BYTES} are read",
                body.len()
            ),
        ));
    }
    let mut previous_secret_used = false;
    if let Some(secret) = &request.secret {
        let signatures: Vec<&str> = headers(request, SIGNATURE_HEADER).collect();
        if let Err(error) = signature::verify(&signatures, body, secret) {
            // While the hook's key is being changed, the service may still sign
            // with the one before.
            let Some(previous) = &request.previous_secret else {
                return Err(error);
            };
            signature::verify(&signatures, body, previous).map_err(|_| error)?;
            previous_secret_used = true;
        }
    }
    let event_key = header(request, "X-Event-Key").ok_or_else(|| {
        VcsError::new(
            ErrorKind::INVALID_INPUT,
            "the delivery has no X-Event-Key header",
        )
    })?;
    Ok(Delivery {
        event_key: event_key.to_owned(),
        id: header(request, "X-Request-UUID").map(str::to_owned),
        hook_id: header(request, "X-Hook-UUID").map(str::to_owned),
        attempt: header(request, "X-Attempt-Number").and_then(|text| text.parse().ok()),
        verified: request.secret.is_some(),
        previous_secret_used,
        events: events(event_key, body)?,
        ..Default::default()
    })
}

/// The fields for which changes of a push were left out.
pub(crate) fn unreadable(delivery: &Delivery) -> Vec<String> {
    let fact = delivery.events.first();
    fact.and_then(|event| event.extra.get(push::UNREADABLE))
        .and_then(|fields| serde_json::from_str(fields).ok())
        .unwrap_or_default()
}

fn headers<'a>(request: &'a WebhookRequest, name: &str) -> impl Iterator<Item = &'a str> {
    request
        .headers
        .iter()
        .filter(move |(present, _)| present.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

fn header<'a>(request: &'a WebhookRequest, name: &str) -> Option<&'a str> {
    headers(request, name).find(|value| !value.is_empty())
}

fn events(event_key: &str, body: &[u8]) -> Result<Vec<Event>> {
    if !EVENT_KEYS.contains(&event_key) {
        return Ok(Vec::new());
    }
    // Some gateways put a byte order mark before what they pass on.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let body: Json<'_> = serde_json::from_slice(body).map_err(|error| {
        // Line and column only: the parser's message may quote the body.
        VcsError::new(
            ErrorKind::INVALID_INPUT,
            format!(
                "the delivery is no JSON document: error in line {}, column {}",
                error.line(),
                error.column()
            ),
        )
    })?;
    let envelope = Envelope::read(event_key, &body)?;
    if event_key == "repo:push" {
        push::events(&envelope)
    } else if event_key.starts_with("pullrequest:") {
        pull_request::event(&envelope).map(|event| vec![event])
    } else {
        repository::event(&envelope).map(|event| vec![event])
    }
}

/// What all deliveries have in common.
struct Envelope<'a> {
    key: &'a str,
    body: &'a Json<'a>,
    repo: EventRepository,
    actor: Option<Author>,
}

impl<'a> Envelope<'a> {
    fn read(key: &'a str, body: &'a Json<'a>) -> Result<Self> {
        let repo = ["/repository", "/pullrequest/destination/repository"]
            .iter()
            .filter_map(|pointer| pointer::object(body, pointer))
            .find_map(event_repository)
            .ok_or_else(|| missing("repository.full_name"))?;
        Ok(Self {
            key,
            body,
            repo,
            actor: body.get("actor").and_then(account),
        })
    }

    /// An event of this delivery in which nothing is filled in yet but what
    /// all have in common.
    fn event(&self, kind: EventKind) -> Event {
        Event {
            kind,
            key: self.key.to_owned(),
            repo: Some(self.repo.clone()),
            actor: self.actor.clone(),
            ..Event::default()
        }
    }
}

/// The error of a delivery without a field that it must have.
fn missing(field: &str) -> VcsError {
    VcsError::new(
        ErrorKind::INVALID_INPUT,
        format!("the delivery cannot be read: {field} is missing or not of the expected type"),
    )
    .with_extra("field", field)
}

#[cfg(test)]
mod allocation_tests;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod needs_recordings;
#[cfg(test)]
mod tests;
