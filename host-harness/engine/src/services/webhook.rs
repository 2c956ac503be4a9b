//! The address that services deliver to. Without the engine's token: the
//! signature is the proof.

use super::Shared;
use super::body::throw_away;
use super::connections::Connection;
use super::response::reject;
use crate::store::Received;
use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::json;
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/webhook/{hook}", post(receive))
        // As people copy it.
        .route("/webhook/{hook}/", post(receive))
}

async fn receive(
    State(shared): State<Arc<Shared>>,
    Path(hook): Path<String>,
    connection: Option<Extension<Arc<Connection>>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    // Nothing is read for a hook that does not exist.
    let hook = match shared.engine.hook_of_delivery(&hook).await {
        Ok(hook) => hook,
        Err(rejection) => {
            throw_away(body).await;
            return rejection.into_response();
        }
    };
    let limit = shared.engine.settings.max_delivery_bytes;
    let read = match shared.bodies.read(&headers, body, limit).await {
        Ok(read) => read,
        Err(error) => {
            let (status, sentence) = error.response();
            let engine = &shared.engine;
            engine.reject_delivery(&hook.id, "unread_body", sentence, true);
            return reject(status, sentence);
        }
    };
    let connection = connection.map(|Extension(connection)| connection);
    let _work = connection.as_ref().map(Connection::work);
    let headers = headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect();
    let (body, _room) = read.into_parts();
    match shared.engine.receive_for(hook, headers, body).await {
        Ok(received) => {
            if let Some(connection) = &connection {
                connection.prove();
            }
            let status = match received {
                Received::New => "accepted",
                Received::Seen => "seen",
            };
            Json(json!({ "status": status })).into_response()
        }
        Err(rejection) => rejection.into_response(),
    }
}
