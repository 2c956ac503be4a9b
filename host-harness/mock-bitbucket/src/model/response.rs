//! What a route responds with, before it becomes bytes on a socket.
//!
//! A response keeps its JSON as a value until the very end, so that partial
//! responses (`fields=`) and planned faults can still change it.

use hyper::body::Bytes;
use serde_json::Value;
use tokio::sync::mpsc::Receiver;

/// The body of an [`Response`].
pub(crate) enum Body {
    /// No body at all.
    Empty,
    /// A JSON document.
    Json(Value),
    /// Ready bytes; the content type stands in the headers.
    Bytes(Bytes),
    /// Bytes that are still being made, in chunks. An `Err` cuts the connection.
    Stream(Receiver<std::io::Result<Bytes>>),
}

/// A status, headers and a body.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
}

impl Response {
    /// A JSON document with the given status.
    pub(crate) fn json(status: u16, value: Value) -> Self {
        Self {
            status,
            headers: vec![header("content-type", "application/json; charset=utf-8")],
            body: Body::Json(value),
        }
    }

    /// A JSON document with status 200.
    pub(crate) fn ok(value: Value) -> Self {
        Self::json(200, value)
    }

    /// 204: it is done. The service names a content type also for nothing.
    pub(crate) fn no_content() -> Self {
        let mut response = Self::empty(204);
        response
            .headers
            .push(header("content-type", "text/html; charset=utf-8"));
        response
    }

    /// A status without a body, such as a redirect.
    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::Empty,
        }
    }

    /// Bytes of the given content type.
    pub(crate) fn bytes(status: u16, content_type: &str, bytes: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![header("content-type", content_type)],
            body: Body::Bytes(bytes.into()),
        }
    }

    /// A web page.
    pub(crate) fn html(status: u16, page: String) -> Self {
        Self::bytes(status, "text/html; charset=utf-8", page)
    }

    /// Plain text.
    pub(crate) fn text(status: u16, text: impl Into<String>) -> Self {
        Self::bytes(status, "text/plain; charset=utf-8", text.into())
    }

    /// Status and message of an error.
    pub(crate) fn describe(&self) -> (u16, String) {
        let message = match &self.body {
            Body::Json(body) => body.pointer("/error/message").and_then(Value::as_str),
            _ => None,
        };
        (self.status, message.unwrap_or_default().to_owned())
    }

    /// The same response with one header more.
    pub(crate) fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
