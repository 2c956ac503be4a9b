//! The engine's figures for Prometheus, and its version.

use super::Shared;
use super::response::Failure;
use crate::engine::{Counter, Engine, blocking};
use crate::metrics::Figure;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::sync::Arc;
use vcs_provider_interface::error::Result;

type App = State<Arc<Shared>>;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/mon/metrics", get(metrics))
        .route("/mon/version", get(version))
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

/// How things stand. Nothing here reads more than a few rows.
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
    Ok(vec![
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
        Figure::total(
            "store_microseconds_total",
            "How long these transactions took, in microseconds.",
            writes.microseconds,
        ),
    ])
}
