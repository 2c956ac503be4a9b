//! The services over HTTP: who may call what, and the way from a request to the
//! engine and back. What the engine does is not decided here.

mod access;
mod api;
mod call;
mod monitoring;
mod response;
mod serve;
mod vcs;
mod webhook;

pub use access::AccessToken;
pub(super) use serve::serve;

use crate::clock::MovableClock;
use crate::engine::Engine;
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Router, middleware};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Semaphore;

/// Calls to providers at the same time.
const PARALLEL_CALLS: usize = 64;

/// What all requests share.
pub(super) struct Shared {
    pub(super) engine: Arc<Engine>,
    token: AccessToken,
    movable_clock: Option<Arc<MovableClock>>,
    calls: Arc<Semaphore>,
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
            calls: Arc::new(Semaphore::new(PARALLEL_CALLS)),
            requests: AtomicU64::new(1),
        })
    }

    /// A name for a call, to find it in logs.
    fn next_request_id(&self, name: &str) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        format!("{name}-{number}")
    }
}

/// The routes of the api service.
pub(super) fn api_router(shared: &Arc<Shared>) -> Router {
    let open = Router::new()
        .merge(webhook::routes())
        .merge(api::open_routes());
    with_access(shared, open, api::routes())
}

/// The routes of the vcs service.
pub(super) fn vcs_router(shared: &Arc<Shared>) -> Router {
    with_access(shared, Router::new(), vcs::routes())
}

fn with_access(
    shared: &Arc<Shared>,
    open: Router<Arc<Shared>>,
    closed: Router<Arc<Shared>>,
) -> Router {
    // Unknown paths need the token as well, so that nobody can find out which
    // paths there are.
    let closed =
        closed
            .merge(monitoring::routes())
            .fallback(unknown)
            .layer(middleware::from_fn_with_state(
                Arc::clone(shared),
                access::require_token,
            ));
    open.merge(monitoring::open_routes())
        .merge(closed)
        .with_state(Arc::clone(shared))
}

async fn unknown() -> Response {
    response::reject(StatusCode::NOT_FOUND, "there is nothing at this address")
}
