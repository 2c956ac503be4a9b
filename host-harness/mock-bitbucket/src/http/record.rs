//! Every request and its response: in memory for tests, and in a file as one JSON
//! line each. Secrets stay out of the file.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::HeaderMap;
use serde_json::{Map, Value, json};

use crate::model::redact;
use crate::sync::lock;

/// Bytes of a body that are kept.
const KEPT_BODY: usize = 1024 * 1024;
/// Exchanges kept in memory; the oldest go first.
const KEPT_EXCHANGES: usize = 50_000;
/// Bytes of bodies kept in memory; the oldest go first.
const KEPT_BYTES: usize = 512 * 1024 * 1024;

/// What stands in place of a secret.
const REDACTED: &str = "***";

/// Names of fields and parameters whose values are secrets.
const SECRET_NAMES: [&str; 9] = [
    "secret",
    "client_secret",
    "access_token",
    "refresh_token",
    "token",
    "password",
    "code",
    "assertion",
    "authorization",
];

/// One request and its response.
#[derive(Clone)]
pub struct RecordedExchange {
    /// Counts requests from 1, in the order of their arrival.
    pub number: u64,
    /// Counts connections from 1: the same number means the same connection.
    pub connection: u64,
    /// The HTTP method.
    pub method: String,
    /// The encoded path.
    pub path: String,
    /// The encoded query, without the question mark.
    pub query: String,
    /// The template of the route, `git` for git requests, empty if there is none.
    pub route: String,
    /// Request headers; of `Authorization` only the scheme.
    pub headers: Vec<(String, String)>,
    /// The first MiB of the request's body, as it came. Empty for git.
    pub body: Vec<u8>,
    /// The status of the response; 0 if the connection was reset instead.
    pub status: u16,
    /// Headers of the response.
    pub response_headers: Vec<(String, String)>,
    /// The first MiB of the response's body, before compression. Empty if streamed.
    pub response_body: Vec<u8>,
    /// Whether a planned fault spoiled the response.
    pub faulted: bool,
    /// When the request came, on the mock's clock since its start.
    pub started: Duration,
    /// How long the response took, until its first byte.
    pub duration: Duration,
}

impl RecordedExchange {
    /// A request header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The request's body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

impl fmt::Debug for RecordedExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "#{} {} {}{}{} -> {} ({} ms, connection {})",
            self.number,
            self.method,
            self.path,
            if self.query.is_empty() { "" } else { "?" },
            redact_form(&self.query),
            self.status,
            self.duration.as_millis(),
            self.connection
        )
    }
}

/// Keeps exchanges.
pub(crate) struct Recorder {
    file: Option<Mutex<File>>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    exchanges: std::collections::VecDeque<Arc<RecordedExchange>>,
    bytes: usize,
    requests: u64,
}

impl Recorder {
    /// A recorder that also writes to a new file, readable by its owner only.
    pub(crate) fn new(path: Option<&Path>) -> io::Result<Self> {
        let file = match path {
            Some(path) => Some(Mutex::new(create_private(path)?)),
            None => None,
        };
        Ok(Self {
            file,
            kept: Mutex::default(),
        })
    }

    /// The number of the next request.
    pub(crate) fn next_number(&self) -> u64 {
        let mut kept = lock(&self.kept);
        kept.requests += 1;
        kept.requests
    }

    /// Keeps one exchange; none of `secrets` gets into the file.
    pub(crate) fn keep(&self, exchange: RecordedExchange, secrets: &[String]) {
        if let Some(file) = &self.file {
            let mut line = redact_known(&line(&exchange).to_string(), secrets);
            line.push('\n');
            // A full disk must not change what the mock sends.
            let _ = lock(file).write_all(line.as_bytes());
        }
        let mut kept = lock(&self.kept);
        kept.bytes += size(&exchange);
        kept.exchanges.push_back(Arc::new(exchange));
        while kept.exchanges.len() > KEPT_EXCHANGES || kept.bytes > KEPT_BYTES {
            match kept.exchanges.pop_front() {
                Some(oldest) => kept.bytes -= size(&oldest),
                None => break,
            }
        }
    }

    /// All exchanges that are kept, in the order their responses were ready.
    pub(crate) fn exchanges(&self) -> Vec<Arc<RecordedExchange>> {
        lock(&self.kept).exchanges.iter().cloned().collect()
    }

    /// Forgets the exchanges; numbers go on.
    pub(crate) fn clear(&self) {
        let mut kept = lock(&self.kept);
        kept.exchanges.clear();
        kept.bytes = 0;
    }
}

fn size(exchange: &RecordedExchange) -> usize {
    exchange.body.len() + exchange.response_body.len()
}

/// Creates or empties a file that only its owner can read.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

/// Headers as pairs; of `Authorization` only the scheme.
pub(crate) fn header_pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            let text = String::from_utf8_lossy(value.as_bytes());
            let text = if name == "authorization" || name == "proxy-authorization" {
                redact::describe(&text).to_owned()
            } else {
                text.into_owned()
            };
            (name.as_str().to_owned(), text)
        })
        .collect()
}

/// The first part of a body.
pub(crate) fn kept_part(body: &[u8]) -> Vec<u8> {
    body[..body.len().min(KEPT_BODY)].to_vec()
}

fn line(exchange: &RecordedExchange) -> Value {
    let pairs = |pairs: &[(String, String)]| -> Map<String, Value> {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect()
    };
    json!({
        "number": exchange.number,
        "connection": exchange.connection,
        "started_ms": exchange.started.as_millis() as u64,
        "duration_ms": exchange.duration.as_millis() as u64,
        "route": exchange.route,
        "request": {
            "method": exchange.method,
            "path": exchange.path,
            "query": redact_form(&exchange.query),
            "headers": pairs(&exchange.headers),
            "body": show_body(&exchange.body),
        },
        "response": {
            "status": exchange.status,
            "headers": pairs(&exchange.response_headers),
            "body": show_body(&exchange.response_body),
        },
    })
}

/// A body as JSON if it is that, otherwise as text, with secrets blanked out.
fn show_body(body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    if let Ok(mut document) = serde_json::from_slice::<Value>(body) {
        redact_json(&mut document);
        return document;
    }
    match std::str::from_utf8(body) {
        Ok(text) if looks_like_form(text) => json!(redact_form(text)),
        Ok(text) => json!(text),
        Err(_) => json!(format!("({} bytes)", body.len())),
    }
}

fn looks_like_form(text: &str) -> bool {
    text.contains('=') && !text.contains(['\n', ' ', '<'])
}

fn redact_json(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for (name, inner) in object {
                if is_secret_name(name) && inner.is_string() {
                    *inner = json!(REDACTED);
                } else {
                    redact_json(inner);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact_json),
        _ => {}
    }
}

/// A query or form with the values of secret parameters blanked out.
fn redact_form(text: &str) -> String {
    text.split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if is_secret_name(name) => format!("{name}={REDACTED}"),
            _ => pair.to_owned(),
        })
        .collect::<Vec<_>>()
        .join("&")
}

fn is_secret_name(name: &str) -> bool {
    SECRET_NAMES
        .iter()
        .any(|secret| name.eq_ignore_ascii_case(secret))
}

/// Blanks out every known secret, wherever it stands. Very short ones are left
/// to their field names: they would blank out ordinary text.
fn redact_known(line: &str, secrets: &[String]) -> String {
    let mut line = line.to_owned();
    for secret in secrets.iter().filter(|secret| secret.len() >= 8) {
        if line.contains(secret.as_str()) {
            line = line.replace(secret.as_str(), REDACTED);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_blanked_out_by_name_and_by_value() {
        assert_eq!(
            show_body(br#"{"url":"u","secret":"abc","list":[{"access_token":"t"}]}"#),
            json!({ "url": "u", "secret": "***", "list": [{ "access_token": "***" }] })
        );
        assert_eq!(
            redact_form("grant_type=refresh_token&refresh_token=r"),
            "grant_type=refresh_token&refresh_token=***"
        );
        assert_eq!(
            redact_known("x longsecret y", &["longsecret".to_owned(), "x".to_owned()]),
            "x *** y"
        );
    }
}
