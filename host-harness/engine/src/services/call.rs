//! Calling a provider for a request: beside the asynchronous code, with a
//! deadline, a bounded number at a time, and cancelled when the caller of the
//! service goes away.

use super::Shared;
use super::response::Failure;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use vcs_provider_interface::context::{CallContext, Cancellation, HostCallContext};
use vcs_provider_interface::error::{ErrorKind, Result, VcsError};
use vcs_provider_interface::provider::AuthorizedClient;

use crate::engine::{Engine, blocking};

/// Whose credential a call uses, on which server.
pub(super) struct Target {
    pub(super) server: String,
    pub(super) project: Option<String>,
}

/// How long after its deadline a provider may need to notice it.
const GRACE: Duration = Duration::from_secs(5);

/// Calls to providers at the same time.
const PARALLEL_CALLS: usize = 64;

/// Those to one server.
const PARALLEL_CALLS_OF_SERVER: usize = 32;

/// Calls that wait for their turn; more are rejected at once.
const WAITING_CALLS: usize = 256;

/// Bounds of the calls to providers.
pub(super) struct Calls {
    all: Arc<Semaphore>,
    of_servers: Mutex<HashMap<String, Arc<Semaphore>>>,
    waiting: Arc<Semaphore>,
}

/// The right to make one call.
struct Permit {
    _of_all: OwnedSemaphorePermit,
    _of_server: Option<OwnedSemaphorePermit>,
}

impl Calls {
    pub(super) fn new() -> Self {
        Self {
            all: Arc::new(Semaphore::new(PARALLEL_CALLS)),
            of_servers: Mutex::default(),
            waiting: Arc::new(Semaphore::new(WAITING_CALLS)),
        }
    }

    async fn permit(&self, server: Option<&str>, limit: Duration) -> Result<Permit> {
        let too_many = || VcsError::new(ErrorKind::UNAVAILABLE, "too many calls are under way");
        let _turn = self.waiting.try_acquire().map_err(|_| too_many())?;
        let acquired = tokio::time::timeout(limit, async {
            // Its own bound first: who waits for a silent server holds nothing that
            // others need.
            let of_server = match server {
                Some(server) => Some(self.of_server(server).acquire_owned().await?),
                None => None,
            };
            let of_all = Arc::clone(&self.all).acquire_owned().await?;
            Ok::<_, AcquireError>(Permit {
                _of_all: of_all,
                _of_server: of_server,
            })
        });
        match acquired.await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(too_many()),
        }
    }

    fn of_server(&self, server: &str) -> Arc<Semaphore> {
        let mut servers = self
            .of_servers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = servers.get(server) {
            return Arc::clone(found);
        }
        let bound = Arc::new(Semaphore::new(PARALLEL_CALLS_OF_SERVER));
        // Names come from callers; only as many are kept as may be configured.
        if servers.len() < MOST_SERVERS {
            servers.insert(server.to_owned(), Arc::clone(&bound));
        }
        bound
    }
}

/// Servers that have a bound of their own.
const MOST_SERVERS: usize = 256;

/// Cancels a call when it is dropped, which happens when the request is.
struct CancelOnDrop(Cancellation);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Does blocking work of the engine for a request.
///
/// # Errors
/// What `work` returns; `Timeout` after the engine's limit for calls;
/// `Unavailable` if too many calls are under way for as long.
pub(super) async fn call<T: Send + 'static>(
    shared: &Arc<Shared>,
    name: &str,
    work: impl FnOnce(&Engine, &dyn CallContext) -> Result<T> + Send + 'static,
) -> std::result::Result<T, Failure> {
    call_of(shared, None, name, work).await
}

/// [`call`] for a server, which has a bound of its own: one that is silent does not
/// take the places of the others.
///
/// # Errors
/// As [`call`].
pub(super) async fn call_of<T: Send + 'static>(
    shared: &Arc<Shared>,
    server: Option<&str>,
    name: &str,
    work: impl FnOnce(&Engine, &dyn CallContext) -> Result<T> + Send + 'static,
) -> std::result::Result<T, Failure> {
    let limit = shared.engine.settings.call_limit;
    let cancellation = Cancellation::new();
    let _cancel = CancelOnDrop(cancellation.clone());
    let permit = shared.calls.permit(server, limit).await?;
    let context = HostCallContext::new(shared.next_request_id(name))
        .with_time_limit(limit)
        .with_cancellation(cancellation);
    let engine = Arc::clone(&shared.engine);
    let running = blocking(move || {
        // Held until the provider returns, also if the caller has gone.
        let _permit = permit;
        work(&engine, &context)
    });
    match tokio::time::timeout(limit + GRACE, running).await {
        Ok(result) => result.map_err(Failure::from),
        Err(_) => {
            let message = format!("the provider did not return from {name} after its deadline");
            Err(VcsError::new(ErrorKind::TIMEOUT, message).into())
        }
    }
}

/// Calls a method of a server's client and answers with its record.
///
/// # Errors
/// As [`call`].
pub(super) async fn with_client<T: Serialize + Send + 'static>(
    shared: &Arc<Shared>,
    target: Target,
    name: &str,
    work: impl FnOnce(&dyn AuthorizedClient, &dyn CallContext) -> Result<T> + Send + 'static,
) -> ProviderResult {
    let server = target.server.clone();
    let result = call_of(shared, Some(&server), name, move |engine, context| {
        let record = on_client(engine, &target, |client| work(client, context));
        let text = serde_json::to_string(&record?)
            .map_err(|error| VcsError::new(ErrorKind::INTERNAL, error.to_string()))?;
        // A service may send back what it was sent, in any of its texts.
        if engine.guard.secrets.is_in(&text) {
            return Ok(engine.guard.secrets.redact(&text).into_owned());
        }
        Ok(text)
    });
    result.await.map(ProviderJson)
}

/// Asks a server with the credential of the target, and takes note of how that went.
///
/// # Errors
/// What `work` returns; `Conflict` with the way out for a project without consent.
pub(super) fn on_client<T>(
    engine: &Engine,
    target: &Target,
    work: impl FnOnce(&dyn AuthorizedClient) -> Result<T>,
) -> Result<T> {
    match &target.project {
        Some(project) => engine
            .ask(project, &target.server, work)
            .map_err(|error| engine.explain_missing_consent(project, &target.server, error)),
        None => {
            let result = engine
                .client(None, &target.server)
                .and_then(|client| work(&*client));
            engine.health.observe(&target.server, &result, engine.now());
            result
        }
    }
}

/// What a route of a provider's records answers with.
pub(super) type ProviderResult = std::result::Result<ProviderJson, Failure>;

/// What a provider gave, as JSON, without the engine's secrets.
pub(super) struct ProviderJson(String);

impl IntoResponse for ProviderJson {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "application/json")], self.0).into_response()
    }
}
