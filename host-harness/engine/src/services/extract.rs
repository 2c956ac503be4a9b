//! What a request brings: its path, its query, its JSON. What does not fit is said in
//! the services' one form of an error, without the value that was sent.

use super::response::reject;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::de::DeserializeOwned;

/// The places in the path.
pub(super) struct Path<T>(pub(super) T);

/// The query.
pub(super) struct Query<T>(pub(super) T);

/// The body as JSON.
pub(super) struct JsonBody<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(_) => Err(reject(
                StatusCode::BAD_REQUEST,
                "a part of the path is not what this address takes, such as a number",
            )),
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        match axum::extract::Query::<T>::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(error) => {
                let words = without_value(&error.body_text());
                Err(reject(StatusCode::BAD_REQUEST, &words))
            }
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        if !is_json(request.headers()) {
            return Err(reject(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "send JSON, with the header `Content-Type: application/json`",
            ));
        }
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|_| reject(StatusCode::BAD_REQUEST, "the body was cut off"))?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            let words = if error.is_data() {
                format!(
                    "the body does not fit: {}",
                    without_value(&error.to_string())
                )
            } else {
                let (line, column) = (error.line(), error.column());
                format!("the body is no JSON: line {line}, column {column}")
            };
            reject(StatusCode::BAD_REQUEST, &words)
        })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    kind == "application/json" || kind.starts_with("application/") && kind.ends_with("+json")
}

/// A message of serde without the value that it quotes: `invalid type: string "x",
/// expected u64` keeps only what was expected.
fn without_value(message: &str) -> String {
    let listed = " is none of ";
    if let (Some(quote), Some(end)) = (message.find('"'), message.rfind(listed)) {
        if quote < end {
            let known = &message[end + listed.len()..];
            return format!("{}wrong value, expected one of {known}", &message[..quote]);
        }
    }
    let quotes = ["invalid type: ", "invalid value: ", "unknown variant "];
    let start = quotes.iter().filter_map(|start| message.find(start)).min();
    match (start, message.rfind(", expected ")) {
        (Some(start), Some(expected)) if start < expected => {
            format!("{}wrong value{}", &message[..start], &message[expected..])
        }
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::without_value;

    #[test]
    fn messages_lose_what_was_sent() {
        for (message, kept) in [
            (
                "Failed to deserialize query string: limit: invalid type: string \"s3cret\", expected u64",
                "Failed to deserialize query string: limit: wrong value, expected u64",
            ),
            (
                "unknown variant `s3cret`, expected one of `a`, `b` at line 1 column 5",
                "wrong value, expected one of `a`, `b` at line 1 column 5",
            ),
            (
                "sort: \"s3cret\" is none of name, latest",
                "sort: wrong value, expected one of name, latest",
            ),
            ("missing field `state`", "missing field `state`"),
        ] {
            assert_eq!(without_value(message), kept);
        }
    }
}
