//! The engine's figures for Prometheus, and its version.

use super::Shared;
use super::openapi::operation;
use super::response::Failure;
use super::routes::Routes;
use crate::engine::{Counter, Engine, blocking};
use crate::metrics::Figure;
use crate::runs::state::IN_PROGRESS;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;
use vcs_provider_interface::error::Result;

type App = State<Arc<Shared>>;

pub(super) fn routes() -> Routes {
    let all = "The figures, in the text form of Prometheus";
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Routes::new()
        .get("/mon/metrics", metrics, operation(all).gives_text(kind))
        .get("/mon/metrics/all", metrics, operation(all).gives_text(kind))
        .get(
            "/mon/version",
            version,
            operation("The versions of the engine and of the interface").gives_object(),
        )
}

async fn version() -> Json<Value> {
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "interface": vcs_provider_interface::info::INTERFACE_VERSION,
    }))
}

async fn metrics(State(shared): App) -> std::result::Result<Response, Failure> {
    let engine = Arc::clone(&shared.engine);
    let connections = Arc::clone(&shared.connections);
    let text = blocking(move || {
        let mut figures = of_engine(&engine)?;
        figures.push(Figure::gauge(
            "connections",
            "Open connections of clients.",
            i64::try_from(connections.open()).unwrap_or(i64::MAX),
        ));
        figures.push(Figure::total(
            "connections_evicted_total",
            "Connections that were closed to make room for others.",
            connections.evicted(),
        ));
        engine.metrics.render(figures)
    });
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, content_type)], text.await?).into_response())
}

/// How things stand. Nothing here reads more than what is open.
fn of_engine(engine: &Engine) -> Result<Vec<Figure>> {
    let store = engine.store.figures(engine.now())?;
    let writes = engine.store.write_statistics();
    let deliveries = [
        ("accepted", Counter::Accepted),
        ("repeated", Counter::Repeated),
        ("rejected", Counter::Rejected),
        ("failed", Counter::Failed),
    ]
    .map(|(result, counter)| {
        let count = i64::try_from(engine.counters.get(counter)).unwrap_or(i64::MAX);
        (result.to_owned(), count)
    });
    let resting = engine
        .guard
        .status()
        .into_iter()
        .map(|(server, status)| (server, i64::from(status.resting)))
        .collect();
    let now = engine.now();
    let limited = engine.servers.names().into_iter().map(|(server, _)| {
        let until = engine.health.of(&server).rate_limited_until;
        (server, i64::from(until.is_some_and(|until| until > now)))
    });
    let mut open_runs = Vec::new();
    for state in IN_PROGRESS.map(|state| state.to_string()) {
        let count = engine.store.count_runs(&state)?;
        open_runs.push((state, count));
    }
    let outbox = engine.store.count_messages(None)?;
    let outbox = [("pending", outbox.pending), ("rejected", outbox.rejected)];
    let mut figures = generations(&engine.servers.health());
    figures.extend([
        Figure::by(
            "runs",
            "Runs that have not ended, by state.",
            &["state"],
            open_runs,
        ),
        Figure::by(
            "outbox",
            "What services are still to be told, and what they rejected.",
            &["state"],
            outbox
                .map(|(state, count)| (state.to_owned(), i64::try_from(count).unwrap_or(i64::MAX)))
                .to_vec(),
        ),
        Figure::by(
            "server_rate_limited",
            "Whether a server wants no calls for now.",
            &["server"],
            limited.collect(),
        ),
        Figure::by(
            "build_info",
            "The version, as a label; always 1.",
            &["version"],
            vec![(env!("CARGO_PKG_VERSION").to_owned(), 1)],
        ),
        Figure::by(
            "deliveries_total",
            "Deliveries by what became of them.",
            &["result"],
            deliveries.to_vec(),
        ),
        Figure::by("events", "Events by state.", &["state"], store.events),
        Figure::gauge(
            "oldest_pending_event_seconds",
            "The age of the oldest event that waits to be worked on, in seconds.",
            store.oldest_pending_ms / 1000,
        ),
        Figure::by(
            "server_resting",
            "Whether a server is rested because it did not answer.",
            &["server"],
            resting,
        ),
        Figure::total(
            "task_restarts_total",
            "Background tasks that ended and were started again.",
            engine.tasks.restarts(),
        ),
        Figure::total(
            "log_lines_lost_total",
            "Log lines that could not be written.",
            engine.lost_log_lines.count(),
        ),
        Figure::total(
            "store_transactions_total",
            "Transactions that the store wrote.",
            writes.transactions,
        ),
        Figure::total(
            "store_writes_total",
            "Writes in these transactions.",
            writes.writes,
        ),
        Figure::total_seconds(
            "store_seconds_total",
            "How long these transactions took, in seconds.",
            writes.microseconds,
        ),
    ]);
    Ok(figures)
}

/// Which generation of its provider serves each server, and what became of swaps.
fn generations(health: &Value) -> Vec<Figure> {
    let servers = health["servers"].as_array();
    let by_server = |of: fn(&Value) -> i64| {
        let servers = servers.into_iter().flatten();
        let value = |server: &Value| {
            let name = server["name"].as_str().unwrap_or_default();
            (name.to_owned(), of(server))
        };
        servers.map(value).collect()
    };
    let swaps = ["published", "rejected", "replaced", "rolled_back"]
        .map(|result| {
            let count = health["counts"][result].as_i64().unwrap_or(0);
            (result.to_owned(), count)
        })
        .to_vec();
    vec![
        Figure::by(
            "generation",
            "The number of the generation that serves; 0 without one.",
            &["server"],
            by_server(|server| server["generation"]["number"].as_i64().unwrap_or(0)),
        ),
        Figure::by(
            "draining_generations",
            "Earlier generations whose last call has not ended.",
            &["server"],
            by_server(|server| {
                let draining = server["draining"].as_array().map_or(0, Vec::len);
                i64::try_from(draining).unwrap_or(i64::MAX)
            }),
        ),
        Figure::by(
            "plugin_swaps_total",
            "Generations that were put into service, rejected, replaced or rolled back.",
            &["result"],
            swaps,
        ),
    ]
}
