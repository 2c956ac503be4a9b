//! The one place where responses become errors; for connections that fail there
//! is [`super::connection_error`].

use super::gate::retry_after;
use super::redact::sentence;
use super::response::{ResponseHead, looks_like_html};
use super::retry::{RetryClass, class_of_status};
use serde_json::Value;
use std::time::SystemTime;
use vcs_provider_interface::prelude::*;

/// A request that did not succeed, and what that means for another try.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: VcsError,
    pub(crate) class: RetryClass,
}

impl Failure {
    pub(crate) fn last(error: VcsError) -> Self {
        Self {
            error,
            class: RetryClass::Final,
        }
    }
}

/// What the service says of an error, whatever the shape of the body.
#[derive(Default)]
struct Complaint {
    message: Option<String>,
    detail: Option<String>,
    fields: Vec<(String, String)>,
    id: Option<String>,
    announcement_url: Option<String>,
    unknown_hashes: Vec<String>,
    key: Option<String>,
}

/// The error of a response whose status is not one of success. `secrets` are
/// taken out of whatever the service says.
pub(crate) fn from_response(head: &ResponseHead, body: &[u8], secrets: &[&str]) -> Failure {
    let complaint = read_complaint(body);
    let clean = |text: &str| sentence(text, secrets.iter().copied());
    let said = describe(&complaint, &clean);
    let kind = kind_of(head.status, &complaint);
    let mut message = format!("{}: {}", head.request(), explain(head.status, kind));
    if !said.is_empty() {
        message.push_str(&format!("; Bitbucket says: {said}"));
    }

    let mut error = VcsError::new(kind, "").with_http_status(head.status);
    error.retryable = class_of_status(head.status) != RetryClass::Final;
    if kind == ErrorKind::PERMISSION_DENIED || kind == ErrorKind::NOT_FOUND {
        for (header, key, words) in [
            ("x-accepted-oauth-scopes", "scopes_accepted", "needed"),
            ("x-oauth-scopes", "scopes_granted", "granted"),
        ] {
            let scopes = clean(&head.scopes(header).join(", "));
            if !scopes.is_empty() {
                message.push_str(&format!("; scopes {words}: {scopes}"));
                error = error.with_extra(key, scopes);
            }
        }
    }
    if let Some(url) = &complaint.announcement_url {
        message.push_str(&format!("; see {}", clean(url)));
        error = error.with_extra("announcement_url", clean(url));
    }
    if let Some(code) = &complaint.key {
        error = error.with_extra("service_error", clean(code));
    }
    if !complaint.unknown_hashes.is_empty() {
        error = error.with_extra("unknown_hashes", clean(&complaint.unknown_hashes.join(",")));
    }
    for (field, problem) in &complaint.fields {
        error = error.with_extra(format!("field.{}", clean(field)), clean(problem));
    }
    if let Some(wait) = retry_after(&head.headers, SystemTime::now()) {
        error = error.with_retry_after(wait);
    }
    error.service_request_id = head
        .request_id()
        .or_else(|| complaint.id.as_deref().map(clean));
    error.message = message;
    Failure {
        error,
        class: class_of_status(head.status),
    }
}

fn kind_of(status: u16, complaint: &Complaint) -> ErrorKind {
    match status {
        400 | 409 if complaint.says_it_exists() => ErrorKind::ALREADY_EXISTS,
        400 | 405 | 406 | 411 | 413..=415 | 422 => ErrorKind::INVALID_INPUT,
        401 => ErrorKind::UNAUTHENTICATED,
        402 | 403 => ErrorKind::PERMISSION_DENIED,
        404 => ErrorKind::NOT_FOUND,
        407 | 408 => ErrorKind::UNAVAILABLE,
        409 | 412 | 423 => ErrorKind::CONFLICT,
        410 => ErrorKind::ENDPOINT_REMOVED,
        429 => ErrorKind::RATE_LIMITED,
        501 => ErrorKind::UNSUPPORTED,
        500..=599 => ErrorKind::UNAVAILABLE,
        _ => ErrorKind::INVALID_RESPONSE,
    }
}

fn explain(status: u16, kind: ErrorKind) -> &'static str {
    match (status, kind) {
        (_, ErrorKind::ALREADY_EXISTS) => "it exists already",
        (_, ErrorKind::INVALID_INPUT) => "the service rejects the request as invalid",
        (_, ErrorKind::UNAUTHENTICATED) => {
            "the service does not accept the credential; it may have expired or been revoked"
        }
        (402, _) => "the workspace's plan does not allow this",
        (_, ErrorKind::PERMISSION_DENIED) => "the credential may not do this",
        (_, ErrorKind::NOT_FOUND) => "not found or no access",
        (_, ErrorKind::CONFLICT) => "the state of the repository changed or does not allow this",
        (_, ErrorKind::ENDPOINT_REMOVED) => "the service has removed this operation",
        (_, ErrorKind::RATE_LIMITED) => "too many requests with this credential",
        (407, _) => "a proxy in between wants a user and a password; check `proxy`",
        (555, _) => "the service took too long and gave up",
        (_, ErrorKind::UNAVAILABLE) => "the service cannot respond now",
        (_, ErrorKind::UNSUPPORTED) => "the service does not have this operation",
        (300..=399, _) => "the service redirects where no redirect can be followed",
        _ => "the service responds with an unexpected status",
    }
}

impl Complaint {
    fn says_it_exists(&self) -> bool {
        let says = |text: &Option<String>, words: &str| {
            text.as_deref()
                .is_some_and(|text| text.to_ascii_lowercase().contains(words))
        };
        says(&self.key, "already_exists") || says(&self.message, "already exists")
    }
}

fn describe(complaint: &Complaint, clean: &dyn Fn(&str) -> String) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut add = |text: String| {
        if !text.is_empty() && !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
    };
    if let Some(message) = &complaint.message {
        add(clean(message));
    }
    if let Some(detail) = &complaint.detail {
        add(clean(detail));
    }
    for (field, problem) in &complaint.fields {
        let problem = clean(problem);
        let named = format!("{}: {problem}", clean(field));
        if !parts.iter().any(|part| part.contains(&problem)) {
            parts.push(named);
        }
    }
    parts.join(". ")
}

/// Reads the shapes that are met in the field: `error` with and without
/// `type`, `detail` as text or object, `{code, message}`, plain text, a web
/// page (of which nothing is read) and nothing.
fn read_complaint(body: &[u8]) -> Complaint {
    let Ok(text) = std::str::from_utf8(body) else {
        return Complaint::default();
    };
    let text = text.trim();
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(top)) => {
            let error = match top.get("error") {
                Some(Value::Object(error)) => error,
                Some(Value::String(message)) => {
                    // The shape of OAuth: `error` and `error_description`.
                    return Complaint {
                        message: top
                            .get("error_description")
                            .and_then(as_text)
                            .or_else(|| Some(message.clone())),
                        key: Some(message.clone()),
                        ..Complaint::default()
                    };
                }
                _ => &top,
            };
            let data = [error.get("data"), top.get("data")];
            let in_data = |name: &str| data.iter().flatten().find_map(|data| data.get(name));
            Complaint {
                message: error.get("message").and_then(as_text),
                detail: error.get("detail").and_then(as_text),
                fields: error.get("fields").map(field_problems).unwrap_or_default(),
                id: error.get("id").and_then(as_text),
                announcement_url: in_data("announcement_url").and_then(as_text),
                unknown_hashes: in_data("shas")
                    .and_then(Value::as_array)
                    .map(|hashes| hashes.iter().filter_map(as_text).collect())
                    .unwrap_or_default(),
                key: in_data("key").and_then(as_text),
            }
        }
        Ok(Value::String(message)) => Complaint {
            message: Some(message),
            ..Complaint::default()
        },
        Ok(_) => Complaint::default(),
        Err(_) if looks_like_html(body) || looks_like_json(text) => Complaint::default(),
        Err(_) => Complaint {
            message: Some(text.chars().take(300).collect()),
            ..Complaint::default()
        },
    }
}

fn looks_like_json(text: &str) -> bool {
    text.starts_with(['{', '['])
}

/// Text as text; of an object or a list, the texts in it.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(values) => join(values.iter()),
        Value::Object(map) => join(map.values()),
        Value::Null | Value::Bool(_) => None,
    }
    .filter(|text| !text.trim().is_empty())
}

fn join<'a>(values: impl Iterator<Item = &'a Value>) -> Option<String> {
    let texts: Vec<String> = values.filter_map(as_text).collect();
    (!texts.is_empty()).then(|| texts.join(" "))
}

fn field_problems(fields: &Value) -> Vec<(String, String)> {
    fields
        .as_object()
        .map(|fields| {
            fields
                .iter()
                .filter_map(|(name, problem)| Some((name.clone(), as_text(problem)?)))
                .take(20)
                .collect()
        })
        .unwrap_or_default()
}
