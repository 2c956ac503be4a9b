//! Calling a provider for a request: beside the asynchronous code, with a
//! deadline, a bounded number at a time, and cancelled when the caller of the
//! service goes away.

use super::Shared;
use super::response::{Failure, JsonResult};
use axum::Json;
use std::sync::Arc;
use std::time::Duration;
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
    let limit = shared.engine.settings.call_limit;
    let cancellation = Cancellation::new();
    let _cancel = CancelOnDrop(cancellation.clone());
    let permit = tokio::time::timeout(limit, Arc::clone(&shared.calls).acquire_owned());
    let Ok(Ok(permit)) = permit.await else {
        return Err(VcsError::new(ErrorKind::UNAVAILABLE, "too many calls are under way").into());
    };
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
pub(super) async fn with_client<T: Send + 'static>(
    shared: &Arc<Shared>,
    target: Target,
    name: &str,
    work: impl FnOnce(&dyn AuthorizedClient, &dyn CallContext) -> Result<T> + Send + 'static,
) -> JsonResult<T> {
    let result = call(shared, name, move |engine, context| {
        let client = engine.client(target.project.as_deref(), &target.server)?;
        work(&*client, context)
    });
    result.await.map(Json)
}
