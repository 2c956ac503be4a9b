//! How the engine is: health for everybody, details and remedies for callers
//! with the token.

use super::Shared;
use super::call::call;
use super::response::{JsonResult, reject};
use crate::engine::{Counter, blocking};
use crate::store::{EventState, StoredEvent};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

type App = State<Arc<Shared>>;

/// The events that are shown.
const SHOWN_EVENTS: usize = 1000;

pub(super) fn open_routes() -> Router<Arc<Shared>> {
    Router::new().route("/mon/status", get(status))
}

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/mon/plugins", get(plugins))
        .route("/mon/plugins/reload", post(reload))
        .route("/mon/deliveries", get(deliveries))
        .route("/mon/events/parked", get(parked))
        .route("/mon/events/{event}/retry", post(retry))
        .route("/mon/clock/advance", post(advance_clock))
}

/// Whether the store can be read, and what waits. Says nothing of who uses the
/// engine.
async fn status(State(shared): App) -> Response {
    let engine = Arc::clone(&shared.engine);
    let counted = blocking(move || {
        let pending = engine.store.count_events(EventState::Pending)?;
        Ok((pending, engine.store.count_events(EventState::Parked)?))
    });
    match counted.await {
        Ok((pending, parked)) => Json(json!({
            "status": "ok",
            "version": env!("CARGO_PKG_VERSION"),
            "events": { "pending": pending, "parked": parked },
        }))
        .into_response(),
        Err(error) => reject(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}

async fn plugins(State(shared): App) -> Json<Value> {
    Json(shared.engine.servers.health())
}

async fn reload(State(shared): App) -> JsonResult<Value> {
    let done = call(&shared, "reload", |engine, _| Ok(engine.servers.reload()));
    done.await.map(Json)
}

async fn deliveries(State(shared): App) -> Json<Value> {
    let counters = &shared.engine.counters;
    Json(json!({
        "accepted": counters.get(Counter::Accepted),
        "seen": counters.get(Counter::Repeated),
        "refused": counters.get(Counter::Rejected),
        "failed": counters.get(Counter::Failed),
    }))
}

async fn parked(State(shared): App) -> JsonResult<Vec<Value>> {
    let store = &shared.engine.store;
    let events = store.events(None, Some(EventState::Parked), SHOWN_EVENTS)?;
    Ok(Json(events.iter().map(shown).collect()))
}

async fn retry(State(shared): App, Path(event): Path<i64>) -> JsonResult<Value> {
    shared.engine.store.retry_event(event).await?;
    shared.engine.wake.notify_one();
    Ok(Json(json!({ "status": "pending" })))
}

#[derive(Deserialize)]
struct Advance {
    seconds: u64,
}

/// Moves the engine's clock, where it was started with one that can be moved.
async fn advance_clock(State(shared): App, Json(advance): Json<Advance>) -> Response {
    match &shared.movable_clock {
        Some(clock) => {
            clock.advance(Duration::from_secs(advance.seconds));
            Json(json!({ "now": shared.engine.now() })).into_response()
        }
        None => reject(StatusCode::NOT_FOUND, "this engine's clock cannot be moved"),
    }
}

/// An event for people: its JSON as JSON.
pub(super) fn shown(event: &StoredEvent) -> Value {
    json!({
        "id": event.id,
        "application": event.application,
        "subject": event.subject,
        "state": event.state,
        "attempts": event.attempts,
        "note": event.note,
        "received_at": event.received_at,
        "event": serde_json::from_str::<Value>(&event.payload).unwrap_or_default(),
    })
}
