//! A small HTTP server that stands for the engine's public address: it takes
//! webhook deliveries and the callback of the consent page, and hands them on.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use std::collections::HashMap;
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

/// Where the consent page sends people back to, below the engine's address.
const CALLBACK_PATH: &str = "/repositories_manager/oauth2/callback";

/// The parameters of a callback.
pub(super) type CallbackQuery = HashMap<String, String>;

/// Listens until it is dropped.
pub(super) struct PublicAddress {
    address: SocketAddr,
    arrived: Receiver<(HeaderMap, Bytes)>,
    called_back: Receiver<CallbackQuery>,
    _runtime: Runtime,
}

impl PublicAddress {
    /// Listens on a free port of this machine.
    pub(super) fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("public-address")
            .enable_all()
            .build()?;
        let (sender, arrived) = channel();
        let (callback_sender, called_back) = channel();
        let deliveries = Router::new().route("/hook", post(take)).with_state(sender);
        let router = Router::new()
            .route(CALLBACK_PATH, get(call_back))
            .with_state(callback_sender)
            .merge(deliveries);
        let listener = runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        runtime.spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the listener ended");
            }
        });
        Ok(Self {
            address,
            arrived,
            called_back,
            _runtime: runtime,
        })
    }

    /// The address that everything else is below.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where deliveries are to be sent.
    pub(super) fn hook_url(&self) -> String {
        format!("{}/hook", self.url())
    }

    /// Where the consent page sends people back to.
    pub(super) fn callback_url(&self) -> String {
        format!("{}{CALLBACK_PATH}", self.url())
    }

    /// Plays the browser that the consent page sends to `address`, and returns
    /// what arrived here.
    pub(super) fn follow(&self, address: &str) -> Result<CallbackQuery, io::Error> {
        let answer = ureq::get(address).call().map_err(io::Error::other)?;
        drop(answer);
        // The callback is answered only after it was handed on.
        self.called_back.try_recv().map_err(io::Error::other)
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

/// Hands a callback on.
async fn call_back(
    State(sender): State<Sender<CallbackQuery>>,
    Query(query): Query<CallbackQuery>,
) -> StatusCode {
    match sender.send(query) {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
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
        ..Default::default()
    }
}
