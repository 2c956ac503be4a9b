//! A small HTTP server that takes webhook deliveries and hands them on.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;
use tokio::runtime::Runtime;
use vcs_provider_interface::context::CallContext;
use vcs_provider_interface::records::WebhookRequest;
use vcs_provider_interface::secret::Secret;

/// How often a waiting call looks whether it is still wanted.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Listens until it is dropped.
pub(super) struct HookReceiver {
    address: SocketAddr,
    arrived: Receiver<(HeaderMap, Bytes)>,
    _runtime: Runtime,
}

impl HookReceiver {
    /// Listens on a free port of this machine.
    pub(super) fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("hook-receiver")
            .enable_all()
            .build()?;
        let (sender, arrived) = channel();
        let router = Router::new().route("/hook", post(take)).with_state(sender);
        let listener = runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        runtime.spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the hook receiver ended");
            }
        });
        Ok(Self {
            address,
            arrived,
            _runtime: runtime,
        })
    }

    /// Where deliveries are to be sent.
    pub(super) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Waits for a delivery; `None` if it did not come in time.
    pub(super) fn next(
        &self,
        context: &dyn CallContext,
        secret: &Secret,
        longest: Duration,
    ) -> Option<WebhookRequest> {
        let mut waited = Duration::ZERO;
        while waited < longest && !context.is_cancelled() {
            match self.arrived.recv_timeout(LOOK_INTERVAL) {
                Ok((headers, body)) => return Some(request_of(&headers, &body, secret)),
                Err(RecvTimeoutError::Timeout) => waited += LOOK_INTERVAL,
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        None
    }
}

/// Answers at once; the work is done by who waits for the delivery.
async fn take(
    State(sender): State<Sender<(HeaderMap, Bytes)>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    match sender.send((headers, body)) {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn request_of(headers: &HeaderMap, body: &Bytes, secret: &Secret) -> WebhookRequest {
    WebhookRequest {
        headers: headers
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), value)
            })
            .collect(),
        body: body.to_vec().into(),
        secret: Some(secret.clone()),
    }
}
