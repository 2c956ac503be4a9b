//! Requests to the API: the token, the deadline, pages and errors.

use crate::config::Config;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::time::Duration;
use ureq::http::{HeaderMap, Request, Response};
use ureq::{Agent, Body};
use vcs_provider_interface::prelude::*;

/// The most items that GitLab puts on a page.
pub(crate) const PAGE_LENGTH: u64 = 100;
/// The longest a request may take where the call has more time.
const LONGEST_REQUEST: Duration = Duration::from_secs(60);
/// The longest body that is read.
const LONGEST_BODY: u64 = 16 << 20;
/// More pages than this are no list.
const MOST_PAGES: usize = 10_000;

const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A part of a path or query: a project's full name becomes one segment.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// The way to an instance with one token.
#[derive(Clone)]
pub(crate) struct Http {
    agent: Agent,
    base: String,
    token: Option<Secret>,
}

impl Http {
    pub(crate) fn new(config: &Config) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("vcs-gitlab/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Self {
            agent,
            base: config.url.clone(),
            token: None,
        }
    }

    pub(crate) fn with_token(&self, token: Option<Secret>) -> Self {
        Self {
            token,
            ..self.clone()
        }
    }

    pub(crate) fn token(&self) -> Option<&Secret> {
        self.token.as_ref()
    }

    /// Sends a request and reads the JSON of its response, if it has any.
    ///
    /// # Errors
    /// By status, of the connection, and of the context.
    pub(crate) fn send(
        &self,
        context: &dyn CallContext,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(Value, HeaderMap)> {
        self.request(context, method, &format!("{}{path}", self.base), body)
    }

    /// # Errors
    /// As [`Http::send`].
    pub(crate) fn get(&self, context: &dyn CallContext, path: &str) -> Result<Value> {
        self.send(context, "GET", path, None)
            .map(|(value, _)| value)
    }

    /// Pushes a list page by page, following the `Link` headers. `path` holds a
    /// query already.
    ///
    /// # Errors
    /// As [`Http::send`]; those of the sink.
    pub(crate) fn list<T>(
        &self,
        context: &dyn CallContext,
        path: &str,
        limit: Option<u64>,
        sink: &mut dyn PageSink<T>,
        read: impl Fn(&Value) -> Result<T>,
    ) -> Result<()> {
        check(context)?;
        let mut left = limit.unwrap_or(u64::MAX);
        if left == 0 {
            return Ok(());
        }
        let length = left.min(PAGE_LENGTH);
        let mut next = Some(format!("{}{path}&per_page={length}", self.base));
        for _ in 0..MOST_PAGES {
            let Some(address) = next.take() else {
                return Ok(());
            };
            let (value, headers) = self.request(context, "GET", &address, None)?;
            let Value::Array(items) = value else {
                return Err(invalid("a page is no list"));
            };
            let total = header(&headers, "x-total").and_then(|total| total.parse().ok());
            let mut page = items.iter().map(&read).collect::<Result<Vec<T>>>()?;
            page.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            left -= page.len() as u64;
            next = self.next_page(&headers)?;
            if !page.is_empty() && sink.page(page, total)? == Flow::STOP {
                return Ok(());
            }
            if left == 0 {
                return Ok(());
            }
        }
        Err(invalid("the list does not end"))
    }

    /// The address of the next page; one at another place is an error, since the
    /// token would go there.
    fn next_page(&self, headers: &HeaderMap) -> Result<Option<String>> {
        let Some(links) = header(headers, "link") else {
            return Ok(None);
        };
        let next = links.split(',').find_map(|link| {
            let (address, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
            rest.contains("rel=\"next\"").then(|| address.to_owned())
        });
        match next {
            Some(next) if !next.starts_with(&format!("{}/", self.base)) => {
                Err(invalid("the next page is at another place"))
            }
            next => Ok(next),
        }
    }

    fn request(
        &self,
        context: &dyn CallContext,
        method: &str,
        address: &str,
        body: Option<&Value>,
    ) -> Result<(Value, HeaderMap)> {
        let mut builder = Request::builder().method(method).uri(address);
        if let Some(token) = &self.token {
            builder = builder.header("Authorization", format!("Bearer {}", token.expose()));
        }
        let unusable = |error: ureq::http::Error| {
            VcsError::new(
                ErrorKind::INVALID_INPUT,
                format!("the request cannot be sent: {error}"),
            )
        };
        let response = match body {
            Some(body) => {
                let text = body.to_string();
                let request = builder
                    .header("Content-Type", "application/json")
                    .body(text)
                    .map_err(unusable)?;
                let limit = limit_of(context)?;
                let configured = self.agent.configure_request(request);
                self.agent
                    .run(configured.timeout_global(Some(limit)).build())
            }
            None => {
                let request = builder.body(()).map_err(unusable)?;
                let limit = limit_of(context)?;
                let configured = self.agent.configure_request(request);
                self.agent
                    .run(configured.timeout_global(Some(limit)).build())
            }
        };
        let mut response = response.map_err(|error| broken(context, &error))?;
        let status = response.status().as_u16();
        let text = response
            .body_mut()
            .with_config()
            .limit(LONGEST_BODY)
            .read_to_string()
            .map_err(|error| broken(context, &error))?;
        check(context)?;
        if !(200..300).contains(&status) {
            return Err(failed(status, &response, &text));
        }
        let value = if text.trim().is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).map_err(|_| invalid("it is no JSON"))?
        };
        Ok((value, response.headers().clone()))
    }
}

/// Ends a call that is not wanted any more.
///
/// # Errors
/// `Cancelled`, `Timeout`.
pub(crate) fn check(context: &dyn CallContext) -> Result<()> {
    if context.is_cancelled() {
        return Err(VcsError::new(
            ErrorKind::CANCELLED,
            "the call was cancelled",
        ));
    }
    if context.time_left() == Some(Duration::ZERO) {
        return Err(VcsError::new(
            ErrorKind::TIMEOUT,
            "the deadline of the call has passed",
        ));
    }
    Ok(())
}

fn limit_of(context: &dyn CallContext) -> Result<Duration> {
    check(context)?;
    Ok(context
        .time_left()
        .map_or(LONGEST_REQUEST, |left| left.min(LONGEST_REQUEST)))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

pub(crate) fn invalid(why: &str) -> VcsError {
    VcsError::new(
        ErrorKind::INVALID_RESPONSE,
        format!("GitLab's response cannot be used: {why}"),
    )
}

fn broken(context: &dyn CallContext, error: &ureq::Error) -> VcsError {
    if let Err(ended) = check(context) {
        return ended;
    }
    let kind = match error {
        ureq::Error::Timeout(_) => ErrorKind::TIMEOUT,
        ureq::Error::BodyExceedsLimit(_) => ErrorKind::INVALID_RESPONSE,
        _ => ErrorKind::UNAVAILABLE,
    };
    VcsError::new(kind, format!("GitLab cannot be reached: {error}"))
}

/// The error of a status, with GitLab's own words.
fn failed(status: u16, response: &Response<Body>, text: &str) -> VcsError {
    let kind = match status {
        400 | 422 => ErrorKind::INVALID_INPUT,
        401 => ErrorKind::UNAUTHENTICATED,
        403 => ErrorKind::PERMISSION_DENIED,
        404 => ErrorKind::NOT_FOUND,
        408 => ErrorKind::TIMEOUT,
        409 => ErrorKind::CONFLICT,
        410 => ErrorKind::ENDPOINT_REMOVED,
        429 => ErrorKind::RATE_LIMITED,
        500..=599 => ErrorKind::UNAVAILABLE,
        _ => ErrorKind::INVALID_RESPONSE,
    };
    let body: Value = serde_json::from_str(text).unwrap_or_default();
    let words = ["message", "error_description", "error"]
        .iter()
        .find_map(|key| match &body[*key] {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        })
        .unwrap_or_default();
    let words: String = words
        .chars()
        .filter(|letter| !letter.is_control())
        .take(300)
        .collect();
    let mut error = VcsError::new(kind, format!("GitLab: {words}")).with_http_status(status);
    let wait = header(response.headers(), "retry-after").and_then(|wait| wait.parse().ok());
    if let Some(seconds) = wait {
        error = error.with_retry_after(Duration::from_secs(seconds));
    }
    match header(response.headers(), "x-request-id") {
        Some(id) => error.with_service_request_id(id),
        None => error,
    }
}

/// The address of a project: its full name, however deep, is one segment.
///
/// # Errors
/// `InvalidInput` for what can be no full name.
pub(crate) fn project(repo: &str) -> Result<String> {
    let is_name = repo.contains('/')
        && repo.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !repo.chars().any(char::is_control);
    if !is_name {
        return Err(VcsError::new(
            ErrorKind::INVALID_INPUT,
            format!("{repo:?} is no full name such as group/subgroup/project"),
        ));
    }
    Ok(format!("/api/v4/projects/{}", segment(repo)))
}
