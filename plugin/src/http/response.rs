//! What the service sent back.

use super::json_path::path_at;
use super::redact::Secrets;
use serde::de::DeserializeOwned;
use ureq::http::{HeaderMap, Method, Uri};
use vcs_provider_interface::prelude::*;

/// The beginning of a response: everything but its body.
#[derive(Clone, Debug)]
pub(crate) struct ResponseHead {
    pub(crate) method: Method,
    /// Where the response came from, after redirects.
    pub(crate) uri: Uri,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// What the request carried that must not be shown.
    pub(crate) secrets: Secrets,
}

impl ResponseHead {
    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The request in words, for messages: method and path.
    pub(crate) fn request(&self) -> String {
        format!("{} {}", self.method, self.uri.path())
    }

    /// The service's number for the request.
    pub(crate) fn request_id(&self) -> Option<String> {
        ["x-request-id", "x-b3-traceid"]
            .into_iter()
            .find_map(|name| self.header(name))
            .filter(|id| !id.trim().is_empty())
            .map(|id| self.secrets.clean(id).chars().take(100).collect())
    }

    /// The words of a header that lists scopes.
    pub(crate) fn scopes(&self, name: &str) -> Vec<String> {
        self.header(name)
            .map(|text| {
                text.split([',', ' '])
                    .map(str::trim)
                    .filter(|scope| !scope.is_empty())
                    .map(|scope| self.secrets.clean(scope))
                    .collect()
            })
            .unwrap_or_default()
    }

    /// Fails if the body is compressed otherwise than it was asked for, which the
    /// HTTP client leaves as it is. What it has read itself it takes out of the
    /// headers.
    pub(super) fn reject_unknown_coding(&self) -> Result<()> {
        let codings = self.headers.get_all("content-encoding");
        let is_plain = codings
            .iter()
            .all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"));
        if is_plain {
            return Ok(());
        }
        let shown = self.header("content-encoding").unwrap_or("?");
        let shown: String = shown.chars().take(40).collect();
        Err(self.invalid(format!(
            "it is compressed as {shown:?} (Content-Encoding), and gzip was asked for; a proxy \
             in between may be the cause"
        )))
    }

    fn is_html(&self) -> bool {
        self.header("content-type")
            .is_some_and(|kind| kind.to_ascii_lowercase().contains("html"))
    }

    /// The error of a response that is not what the service promises.
    pub(crate) fn invalid(&self, what: impl std::fmt::Display) -> VcsError {
        let message = format!("the response to {} cannot be used: {what}", self.request());
        let error = VcsError::new(ErrorKind::INVALID_RESPONSE, self.secrets.clean(&message))
            .with_http_status(self.status);
        match self.request_id() {
            Some(id) => error.with_service_request_id(id),
            None => error,
        }
    }
}

/// A whole response with a status of success.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) head: ResponseHead,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// Reads the body as JSON.
    ///
    /// # Errors
    /// `InvalidResponse`, with the path of the field where one is to blame and
    /// never with the body.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| self.explain(&error))
    }

    #[cold]
    #[inline(never)]
    fn explain(&self, error: &serde_json::Error) -> VcsError {
        if self.head.is_html() || looks_like_html(&self.body) {
            return self.head.invalid(
                "it is a web page and not JSON; check that `apiUrl` is the address of the API \
                 and that no proxy or login page stands in between",
            );
        }
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return self.head.invalid("it is empty");
        }
        if !error.is_data() {
            return self.head.invalid(format!(
                "it is not valid JSON (line {}, column {})",
                error.line(),
                error.column()
            ));
        }
        let path = path_at(&self.body, error.line(), error.column());
        self.head
            .invalid(format!("the field `{path}` {}", complaint(error)))
    }
}

/// What is wrong with a field, without its value.
fn complaint(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    if let Some(name) = text.strip_prefix("missing field ") {
        return format!("lacks {name}");
    }
    match text.split("expected ").last() {
        Some(expected) if text.contains("expected ") => format!("is not {expected}"),
        _ => "has another type than documented".to_owned(),
    }
}

pub(super) fn looks_like_html(body: &[u8]) -> bool {
    body.iter()
        .find(|byte| !byte.is_ascii_whitespace())
        .is_some_and(|byte| *byte == b'<')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    struct Page {
        #[serde(rename = "values")]
        _values: Vec<Item>,
    }

    #[derive(Debug, Deserialize)]
    struct Item {
        #[serde(rename = "name")]
        _name: Option<String>,
    }

    fn response(content_type: &'static str, body: &str) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert(
            "content-type",
            ureq::http::HeaderValue::from_static(content_type),
        );
        headers.insert("x-request-id", ureq::http::HeaderValue::from_static("r-1"));
        Response {
            head: ResponseHead {
                method: Method::GET,
                uri: Uri::from_static("https://api.bitbucket.org/2.0/x?code=secret"),
                status: 200,
                headers,
                secrets: Secrets::default(),
            },
            body: body.as_bytes().to_vec(),
        }
    }

    fn message(content_type: &'static str, body: &str) -> String {
        let error = response(content_type, body)
            .json::<Page>()
            .expect_err("the body cannot be read");
        assert_eq!(error.kind, ErrorKind::INVALID_RESPONSE);
        assert_eq!(error.service_request_id.as_deref(), Some("r-1"));
        error.message
    }

    #[test]
    fn a_wrong_type_names_the_field_and_not_its_value() {
        let message = message(
            "application/json",
            r#"{"values":[{"name":"a"},{"name":{"x":"hidden"}}]}"#,
        );
        assert!(message.contains("`values[1].name`"), "{message}");
        assert!(message.contains("string"), "{message}");
        assert!(!message.contains("hidden"), "{message}");
        assert!(!message.contains("secret"), "{message}");
    }

    #[test]
    fn a_missing_field_is_named() {
        let message = message("application/json", "{}");
        assert!(message.contains("values"), "{message}");
    }

    #[test]
    fn a_web_page_is_not_shown_and_says_what_to_check() {
        for (kind, body) in [
            ("text/html; charset=utf-8", "<html>hidden</html>"),
            ("application/json", "\n <!doctype html>hidden"),
        ] {
            let message = message(kind, body);
            assert!(message.contains("apiUrl"), "{message}");
            assert!(!message.contains("hidden"), "{message}");
        }
    }

    #[test]
    fn an_empty_and_a_broken_body_are_told_apart() {
        assert!(message("application/json", "").contains("empty"));
        assert!(message("application/json", "{\"values\": [").contains("not valid JSON"));
    }
}
