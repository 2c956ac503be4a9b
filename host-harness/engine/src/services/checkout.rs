//! Checkouts of workers elsewhere: what one run's checkout needs, for whoever
//! shows the run's token.

use super::Shared;
use super::call::call;
use super::extract::Path;
use super::openapi::operation;
use super::response::Failure;
use super::routes::Routes;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// The route of a run's checkout for whoever knows the run alone.
pub(super) const ROUTE: &str = "/run/{run}/checkout";

/// The same below the run's application.
const ROUTE_OF_APPLICATION: &str = "/project/{key}/applications/{app}/runs/{run}/checkout";

/// The routes for callers with a token.
pub(super) fn routes() -> Routes {
    let order_of = || operation("What the checkout of a run needs").gives_object();
    Routes::new().get(ROUTE, order, order_of()).get(
        ROUTE_OF_APPLICATION,
        order_of_application,
        order_of(),
    )
}

async fn order(
    State(shared): State<Arc<Shared>>,
    Path(run): Path<i64>,
) -> Result<Response, Failure> {
    respond(&shared, None, run).await
}

async fn order_of_application(
    State(shared): State<Arc<Shared>>,
    Path((project, name, run)): Path<(String, String, i64)>,
) -> Result<Response, Failure> {
    respond(&shared, Some((project, name)), run).await
}

/// Responds with what a run needs. The caller's right is to the application that
/// it names, so the run has to be one of it.
async fn respond(
    shared: &Arc<Shared>,
    application: Option<(String, String)>,
    run: i64,
) -> Result<Response, Failure> {
    let order = call(shared, "checkout_credentials", move |engine, context| {
        let named = application.as_ref();
        let named = named.map(|(project, name)| (project.as_str(), name.as_str()));
        engine.checkout_order(context, named, run)
    });
    let order = order.await?;
    // It contains a credential.
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(order)).into_response())
}
