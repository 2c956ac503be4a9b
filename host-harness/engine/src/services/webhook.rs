//! The address that services deliver to. Without the engine's token: the
//! signature is the proof.

use super::Shared;
use super::response::reject;
use crate::engine::Counter;
use crate::events::Rejection;
use crate::store::Received;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use http_body_util::BodyExt;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// How long a body may take to arrive. The service itself gives up after ten seconds.
const BODY_LIMIT: Duration = Duration::from_secs(10);

/// How many times the limit is read and thrown away.
const THROWN_AWAY: usize = 16;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/webhook/{hook}", post(receive))
}

async fn receive(
    State(shared): State<Arc<Shared>>,
    Path(hook): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let body = match read_body(&headers, body, shared.engine.settings.max_delivery_bytes).await {
        Ok(body) => body,
        Err((status, message)) => {
            shared.engine.counters.count(Counter::Rejected);
            return reject(status, message);
        }
    };
    let headers = headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect();
    match shared.engine.receive(&hook, headers, body).await {
        Ok(received) => {
            let status = match received {
                Received::New => "accepted",
                Received::Seen => "seen",
            };
            Json(json!({ "status": status })).into_response()
        }
        Err(rejection) => {
            // At a low level: anybody can send something wrong, and often.
            tracing::debug!(%rejection, "a delivery was rejected");
            if let Rejection::NotNow(reason) = &rejection {
                tracing::error!(reason, "a delivery could not be kept");
            }
            rejection.into_response()
        }
    }
}

type TooMuch = (StatusCode, &'static str);

/// Reads a body into memory, up to a limit. What is above is read as well, up to
/// a higher limit, and thrown away: whoever is still sending does not see the
/// answer otherwise.
async fn read_body(headers: &HeaderMap, mut body: Body, limit: usize) -> Result<Vec<u8>, TooMuch> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok())
        .and_then(|length| length.parse::<usize>().ok())
        .unwrap_or(0);
    let reading = async {
        let mut kept = Vec::with_capacity(announced.min(limit));
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| (StatusCode::BAD_REQUEST, "the body was cut off"))?;
            let data = frame.data_ref().map_or(&[][..], |data| data);
            length += data.len();
            if length <= limit {
                kept.extend_from_slice(data);
            } else if length > limit.saturating_mul(THROWN_AWAY) {
                break;
            }
        }
        if length.max(announced) > limit {
            let message = "the delivery is larger than any that services send";
            return Err((StatusCode::PAYLOAD_TOO_LARGE, message));
        }
        Ok(kept)
    };
    match tokio::time::timeout(BODY_LIMIT, reading).await {
        Ok(read) => read,
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the body took too long")),
    }
}
