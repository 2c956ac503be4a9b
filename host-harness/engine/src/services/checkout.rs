//! Checkouts of workers elsewhere: what one run's checkout needs, for whoever
//! shows the run's token.

use super::Shared;
use super::call::call;
use super::response::Failure;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use std::sync::Arc;

/// The route of a run's checkout.
pub(super) const ROUTE: &str = "/run/{run}/checkout";

/// The routes for callers with a token.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route(ROUTE, get(order))
}

async fn order(
    State(shared): State<Arc<Shared>>,
    Path(run): Path<i64>,
) -> Result<Response, Failure> {
    let order = call(&shared, "checkout_credentials", move |engine, context| {
        engine.checkout_order(context, run)
    });
    let order = order.await?;
    // It contains a credential.
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(order)).into_response())
}
