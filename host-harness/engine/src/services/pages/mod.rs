//! Pages for people, made by the engine: no scripts, no build step, one stylesheet.
//!
//! A page shows what the API would show the same token, and nothing more: each asks
//! [`permissions`](super::permissions) about the route of the API that says the same.
//! Signing in trades a token for a cookie (see [`session`]), which only pages take.

mod application;
mod consent;
mod deliveries;
mod guard;
mod html;
mod overview;
mod paths;
mod project;
mod session;
mod sign_in;
mod viewer;

pub(super) use session::EndedSessions;

use super::Shared;
use super::access::limit_strangers;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use std::sync::Arc;

/// The pages. Those that everybody may see bound how often strangers ask.
pub(super) fn routes(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    let closed = Router::new()
        .route("/", get(overview::show))
        .route("/deliveries", get(deliveries::show))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/project/{key}", get(project::show))
        .route("/project/{key}/connect/{name}", post(project::connect))
        .route("/project/{key}/application/{app}", get(application::show))
        .route(
            "/project/{key}/application/{app}/run/{run}",
            get(application::run),
        )
        .route_layer(middleware::from_fn_with_state(
            Arc::clone(shared),
            guard::require_session,
        ));
    let open = Router::new()
        .route("/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/style.css", get(style))
        .route("/consent/{end}", get(consent::ended))
        .route(
            "/repositories_manager/oauth2/callback",
            get(consent::callback),
        )
        .route(
            "/cdsapi/repositories_manager/oauth2/callback",
            get(consent::callback),
        )
        .route_layer(middleware::from_fn_with_state(
            Arc::clone(shared),
            limit_strangers,
        ));
    closed.merge(open)
}

async fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
    ];
    (headers, include_str!("style.css")).into_response()
}
