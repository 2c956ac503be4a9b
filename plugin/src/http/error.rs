//! The one place where responses become errors; for connections that fail there
//! is [`super::connection_error`].

use super::gate::retry_after;
use super::response::{ResponseHead, looks_like_html};
use super::retry::{RetryClass, class_of_status};
use crate::scopes;
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
    /// Scopes that the body names, told apart.
    required: Vec<String>,
    granted: Vec<String>,
}

/// The error of a response whose status is not one of success. Without
/// `quotes`, nothing of what the service says is shown but its own short code.
pub(crate) fn from_response(head: &ResponseHead, body: &[u8], quotes: bool) -> Failure {
    let mut complaint = read_complaint(body);
    if !quotes {
        complaint = complaint.without_words();
    }
    let clean = |text: &str| head.secrets.clean(text);
    let said = describe(&complaint, &clean);
    let kind = kind_of(head.status, &complaint);
    let mut message = clean(&format!(
        "{}: {}",
        head.request(),
        explain(head.status, kind)
    ));
    if !said.is_empty() {
        message.push_str(&format!("; Bitbucket says: {said}"));
    }

    let mut error = VcsError::new(kind, "").with_http_status(head.status);
    error.retryable = class_of_status(head.status) != RetryClass::Final;
    if kind == ErrorKind::PERMISSION_DENIED || kind == ErrorKind::NOT_FOUND {
        let required = complaint.scopes(&complaint.required, head, "x-accepted-oauth-scopes");
        let granted = complaint.scopes(&complaint.granted, head, "x-oauth-scopes");
        for (scopes, key, words) in [
            (&required, "scopes_accepted", "required"),
            (&granted, "scopes_granted", "granted"),
        ] {
            let scopes = clean(&scopes.join(", "));
            if !scopes.is_empty() {
                message.push_str(&format!("; scopes {words}: {scopes}"));
                error = error.with_extra(key, scopes);
            }
        }
        if kind == ErrorKind::PERMISSION_DENIED {
            message.push_str(what_lacks(&required, &granted));
        }
    }
    if kind == ErrorKind::NOT_FOUND && complaint.says_no_such_commit() {
        error = error.with_extra(MISSING, MISSING_COMMIT);
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

/// The key in the facts of an error that says what is not there, and its value
/// where that is a commit and not the repository.
pub(crate) const MISSING: &str = "bitbucketcloud.missing";
pub(crate) const MISSING_COMMIT: &str = "commit";

/// What a credential lacks that may not do something, as far as can be told.
fn what_lacks(required: &[String], granted: &[String]) -> &'static str {
    if required.is_empty() || granted.is_empty() {
        return "";
    }
    if required.iter().all(|scope| scopes::holds(granted, scope)) {
        "; the scopes suffice, so it is the account or the token that lacks the role for this in \
         the repository or workspace (webhooks, for one, are for administrators)"
    } else {
        "; create a credential with the scopes that are missing"
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
    /// What may be shown of a complaint that could hold a secret in any form.
    fn without_words(self) -> Self {
        let is_code = |text: &String| {
            text.len() <= 40
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        };
        Self {
            message: self.key.clone().filter(is_code),
            key: self.key.filter(is_code),
            ..Self::default()
        }
    }

    /// The scopes of the body, or those of a header.
    fn scopes(&self, named: &[String], head: &ResponseHead, header: &str) -> Vec<String> {
        if named.is_empty() {
            head.scopes(header)
        } else {
            named.to_vec()
        }
    }

    fn says_no_such_commit(&self) -> bool {
        let says = |text: &str| {
            let text = text.to_ascii_lowercase();
            (text.contains("commit") || text.contains("changeset"))
                && (text.contains("not found") || text.contains("unknown"))
        };
        !self.unknown_hashes.is_empty() || self.message.as_deref().is_some_and(says)
    }

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
                detail: error.get("detail").and_then(detail),
                fields: error.get("fields").map(field_problems).unwrap_or_default(),
                id: error.get("id").and_then(as_text),
                announcement_url: in_data("announcement_url").and_then(as_text),
                unknown_hashes: in_data("shas")
                    .and_then(Value::as_array)
                    .map(|hashes| hashes.iter().filter_map(as_text).collect())
                    .unwrap_or_default(),
                key: in_data("key").and_then(as_text),
                required: scope_list(error, "required"),
                granted: scope_list(error, "granted"),
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

/// The detail in words. One that lists scopes is told by [`scope_list`].
fn detail(detail: &Value) -> Option<String> {
    let names_scopes = |detail: &Value| {
        ["required", "granted"]
            .iter()
            .any(|name| detail.get(name).is_some_and(Value::is_array))
    };
    (!names_scopes(detail)).then(|| as_text(detail)).flatten()
}

/// The scopes that a body lists under this name.
fn scope_list(error: &serde_json::Map<String, Value>, name: &str) -> Vec<String> {
    let detail = error.get("detail").and_then(|detail| detail.get(name));
    detail
        .or_else(|| error.get(name))
        .and_then(Value::as_array)
        .map(|scopes| {
            scopes
                .iter()
                .filter_map(Value::as_str)
                .filter(|scope| !scope.trim().is_empty())
                .take(40)
                .map(str::to_owned)
                .collect()
        })
        .unwrap_or_default()
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
