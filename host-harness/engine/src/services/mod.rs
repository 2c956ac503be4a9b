//! The services over HTTP: who may call what, and the way from a request to the
//! engine and back. What the engine does is not decided here.

mod access;
mod api;
mod body;
mod browser;
mod call;
mod checkout;
mod connections;
mod extract;
mod figures;
mod monitoring;
mod openapi;
mod pages;
mod permissions;
mod rate_limit;
mod response;
mod routes;
mod runs;
mod serve;
mod stream;
mod vcs;
mod webhook;

pub use access::AccessToken;
pub(super) use serve::serve;

use body::Bodies;
use call::Calls;
use connections::{ConnectionLimits, Connections};
use pages::EndedSessions;
use rate_limit::RateLimit;
use routes::Routes;

use crate::clock::MovableClock;
use crate::engine::Engine;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router, middleware};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Connections to one service at the same time; those of one client are at most half.
const CONNECTIONS: usize = 1024;

/// What all requests share.
pub(super) struct Shared {
    pub(super) engine: Arc<Engine>,
    token: AccessToken,
    movable_clock: Option<Arc<MovableClock>>,
    calls: Calls,
    bodies: Bodies,
    strangers: RateLimit,
    ended_sessions: EndedSessions,
    /// The connections of both services.
    connections: Arc<Connections>,
    requests: AtomicU64,
}

impl Shared {
    pub(super) fn new(
        engine: Arc<Engine>,
        token: AccessToken,
        movable_clock: Option<Arc<MovableClock>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            engine,
            token,
            movable_clock,
            calls: Calls::new(),
            bodies: Bodies::new(),
            strangers: RateLimit::default(),
            ended_sessions: EndedSessions::default(),
            connections: Connections::new(ConnectionLimits {
                total: CONNECTIONS,
                per_peer: CONNECTIONS / 2,
            }),
            requests: AtomicU64::new(1),
        })
    }

    /// The connections of the services.
    pub(super) fn connections(&self) -> &Arc<Connections> {
        &self.connections
    }

    /// A name for a call, to find it in logs.
    fn next_request_id(&self, name: &str) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        format!("{name}-{number}")
    }
}

/// The routes of the api service.
pub(super) fn api_router(shared: &Arc<Shared>) -> Router {
    with_access(
        shared,
        "The api service of the engine",
        webhook::routes().merge(pages::routes(shared)),
        api::routes()
            .merge(runs::routes())
            .merge(checkout::routes()),
    )
}

/// The routes of the vcs service.
pub(super) fn vcs_router(shared: &Arc<Shared>) -> Router {
    with_access(
        shared,
        "The vcs service of the engine",
        Router::new(),
        vcs::routes(),
    )
}

fn with_access(
    shared: &Arc<Shared>,
    title: &str,
    with_own_proof: Router<Arc<Shared>>,
    closed: Routes,
) -> Router {
    let closed = closed.merge(monitoring::routes()).merge(figures::routes());
    let open = monitoring::open_routes();
    let documented = closed.operations.into_iter().chain(open.operations);
    let document = openapi::document(title, documented.collect());
    // Only what is there asks for the token: an address that leads nowhere is
    // said to lead nowhere, whoever asks.
    let closed = closed.router.method_not_allowed_fallback(not_allowed);
    let closed = closed.route_layer(middleware::from_fn_with_state(
        Arc::clone(shared),
        access::require_token,
    ));
    let nowhere = Router::new()
        .fallback(unknown)
        .layer(middleware::from_fn_with_state(
            Arc::clone(shared),
            access::limit_strangers,
        ));
    let open = open
        .router
        .route("/openapi.json", get(move || async { Json(document) }))
        .layer(middleware::from_fn_with_state(
            Arc::clone(shared),
            access::limit_strangers,
        ));
    // Deliveries have their signature, pages their cookie.
    open.merge(with_own_proof)
        .merge(closed)
        .merge(nowhere)
        .method_not_allowed_fallback(not_allowed)
        .with_state(Arc::clone(shared))
}

/// The address is there, and does not take this method.
async fn not_allowed() -> Response {
    response::reject(
        StatusCode::METHOD_NOT_ALLOWED,
        "this address does not take this method; the header `Allow` names those that it takes",
    )
}

/// Nothing is here. What was posted may be a delivery to a mistyped address: it
/// is counted and listed among the rejected ones.
async fn unknown(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    if request.method() == Method::POST {
        let path = request.uri().path();
        let last = path.trim_end_matches('/').rsplit('/').next();
        let reason = "it was sent to an address that leads nowhere";
        let engine = &shared.engine;
        engine.reject_delivery(last.unwrap_or_default(), "unknown_address", reason, false);
    }
    response::reject(StatusCode::NOT_FOUND, "there is nothing at this address")
}
