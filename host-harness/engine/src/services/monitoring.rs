//! How the engine is: health for everybody, details and remedies for callers
//! with the token.

use super::Shared;
use super::call::call;
use super::extract::{JsonBody, Path};
use super::openapi::operation;
use super::response::{JsonResult, reject};
use super::routes::Routes;
use crate::engine::{Counter, Engine, blocking};
use crate::server_health::Observed;
use crate::store::{Cleanup, EventState, OutboxState, StoredEvent};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

type App = State<Arc<Shared>>;

/// The events that are shown.
const SHOWN_EVENTS: usize = 1000;

pub(super) fn open_routes() -> Routes {
    Routes::new()
        .get(
            "/mon/status",
            status,
            operation("What waits to be worked on")
                .open()
                .gives_object(),
        )
        .get(
            "/mon/live",
            live,
            operation("Whether the process does its work")
                .open()
                .gives_object(),
        )
        .get(
            "/mon/ready",
            ready,
            operation("Whether the engine can do its work, and each server")
                .open()
                .gives_object()
                .gives_object_as("503"),
        )
}

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(
            "/mon/plugins",
            plugins,
            operation("The plugins, and what serves").gives_object(),
        )
        .post(
            "/mon/plugins/reload",
            reload,
            operation("Looks for changed plugins").gives_object(),
        )
        .get(
            "/mon/deliveries",
            deliveries,
            operation("How many deliveries came").gives_object(),
        )
        .get(
            "/mon/deliveries/rejected",
            rejected,
            operation("The latest rejected deliveries, with reasons").gives_object(),
        )
        .get(
            "/mon/outbox",
            outbox,
            operation("What services are still to be told").gives_object(),
        )
        .post(
            "/mon/outbox/{message}/retry",
            retry_message,
            operation("Sends a rejected message again").gives_object(),
        )
        .get(
            "/mon/cleanups",
            cleanups,
            operation("The clean-ups that are put off").lists_objects(),
        )
        .get(
            "/mon/events/parked",
            parked,
            operation("The events that could not be handled").lists_objects(),
        )
        .post(
            "/mon/events/{event}/retry",
            retry,
            operation("Has a parked event handled again").gives_object(),
        )
        .post(
            "/mon/clock/advance",
            advance_clock,
            operation("Moves a clock that can be moved, for tests")
                .takes::<Advance>()
                .gives_object(),
        )
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

/// The process answers, and the tasks that never end are running.
async fn live(State(shared): App) -> Response {
    let failing = shared.engine.tasks.failing();
    if failing.is_empty() {
        return Json(json!({ "status": "ok" })).into_response();
    }
    let body = json!({ "status": "failing", "tasks": failing });
    (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
}

/// Whether the engine can do its work: its store can be used, and every server
/// has its provider. A service that is down does not make the engine unready,
/// since deliveries and workers can still be served; it is shown.
async fn ready(State(shared): App) -> Response {
    let readiness = readiness(&shared.engine).await;
    let status = if readiness.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(readiness)).into_response()
}

/// Whether the engine can do its work.
#[derive(Serialize)]
pub(super) struct Readiness {
    pub(super) ready: bool,
    /// Whether the store can be used.
    pub(super) store: bool,
    pub(super) servers: BTreeMap<String, ServerReadiness>,
}

/// How one server is.
#[derive(Serialize)]
pub(super) struct ServerReadiness {
    #[serde(flatten)]
    pub(super) observed: Observed,
    /// Whether it has its provider.
    pub(super) ready: bool,
    /// One word for how the service is.
    pub(super) service: &'static str,
    /// Whether calls to it are put off because it did not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resting: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rests_for_ms: Option<u64>,
}

/// Looks at the store and at every server.
pub(super) async fn readiness(engine: &Arc<Engine>) -> Readiness {
    let checked = Arc::clone(engine);
    let store = blocking(move || Ok(checked.store.check()?)).await.is_ok();
    let circuits = engine.guard.status();
    let servers = engine.servers.names().into_iter().map(|(name, _)| {
        let ready = engine.servers.is_served(&name);
        let observed = engine.health.of(&name);
        let service = match (ready, observed.is_failing(), observed.last_success_at) {
            (false, ..) => "no_plugin",
            (_, true, _) => "failing",
            (_, _, Some(_)) => "ok",
            _ => "not_called_yet",
        };
        let circuit = circuits.get(&name);
        let server = ServerReadiness {
            observed,
            ready,
            service,
            resting: circuit.map(|circuit| circuit.resting),
            rests_for_ms: circuit.and_then(|circuit| circuit.rests_for_ms),
        };
        (name, server)
    });
    let servers: BTreeMap<_, _> = servers.collect();
    Readiness {
        ready: store && servers.values().all(|server| server.ready),
        store,
        servers,
    }
}

/// What services are still to be told, and what they rejected for good.
async fn outbox(State(shared): App) -> JsonResult<Value> {
    let store = &shared.engine.store;
    Ok(Json(json!({
        "count": store.count_messages(None)?,
        "pending": store.messages(None, OutboxState::Pending, SHOWN_EVENTS)?,
        "rejected": store.messages(None, OutboxState::Rejected, SHOWN_EVENTS)?,
    })))
}

async fn retry_message(State(shared): App, Path(message): Path<i64>) -> JsonResult<Value> {
    let engine = &shared.engine;
    engine.store.retry_message(message, engine.now()).await?;
    engine.wake_outbox.notify_one();
    Ok(Json(json!({ "status": "pending" })))
}

/// The clean-ups that are put off, of all applications.
async fn cleanups(State(shared): App) -> JsonResult<Vec<Cleanup>> {
    Ok(Json(shared.engine.store.put_off_cleanups(SHOWN_EVENTS)?))
}

/// The latest rejected deliveries, and how many there were for each reason.
async fn rejected(State(shared): App) -> Json<Value> {
    let rejections = &shared.engine.rejections;
    Json(json!({ "counts": rejections.counts(), "latest": rejections.latest() }))
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
    let events = store.parked_events(SHOWN_EVENTS)?;
    Ok(Json(events.iter().map(shown).collect()))
}

async fn retry(State(shared): App, Path(event): Path<i64>) -> JsonResult<Value> {
    shared.engine.store.retry_event(event).await?;
    shared.engine.wake.notify_one();
    Ok(Json(json!({ "status": "pending" })))
}

#[derive(Deserialize, ToSchema)]
struct Advance {
    seconds: u64,
}

/// Moves the engine's clock, where it was started with one that can be moved.
async fn advance_clock(State(shared): App, JsonBody(advance): JsonBody<Advance>) -> Response {
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
        "completion": event.completion,
        "received_at": event.received_at,
        "event": serde_json::from_str::<Value>(&event.payload).unwrap_or_default(),
    })
}
