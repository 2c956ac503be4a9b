//! Receiving a delivery: the signature is checked over the raw bytes before
//! anything else, a repeated delivery is recognised, a new one is on the disk
//! before the service is told so. What it means is worked out afterwards.

use crate::engine::{Counter, Engine, blocking};
use crate::events::rules::to_stored;
use crate::grants::hook_place;
use crate::store::{NewDelivery, Received, StoreError};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::records::{Delivery, WebhookRequest};

/// How long reading a delivery may take. The service gives up after ten seconds.
const PARSE_LIMIT: Duration = Duration::from_secs(5);

/// Why a delivery was not kept.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// There is no hook of this address.
    #[error("there is no such hook")]
    UnknownHook,
    /// The signature is missing or wrong.
    #[error("the signature is missing or wrong")]
    Unsigned,
    /// The body is signed but cannot be read.
    #[error("the body cannot be read: {0}")]
    Unreadable(String),
    /// It cannot be kept now; the service is to try again.
    #[error("the delivery cannot be kept now: {0}")]
    NotNow(String),
}

impl Engine {
    /// Receives a delivery for the hook of this id.
    ///
    /// # Errors
    /// See [`Rejection`]; after any of them nothing was kept but a count.
    pub async fn receive(
        self: &Arc<Self>,
        hook_id: &str,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> Result<Received, Rejection> {
        let result = self.verify_and_keep(hook_id, headers, body).await;
        let counter = match &result {
            Ok(Received::New) => Counter::Accepted,
            Ok(Received::Seen) => Counter::Repeated,
            Err(Rejection::NotNow(_)) => Counter::Failed,
            Err(_) => Counter::Rejected,
        };
        self.counters.count(counter);
        if counter == Counter::Accepted {
            self.wake.notify_one();
        }
        result
    }

    async fn verify_and_keep(
        self: &Arc<Self>,
        hook_id: &str,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> Result<Received, Rejection> {
        let not_now = |error: StoreError| Rejection::NotNow(error.to_string());
        let hook = self
            .store
            .hook(hook_id)
            .map_err(not_now)?
            .ok_or(Rejection::UnknownHook)?;
        let engine = Arc::clone(self);
        let server = hook.server.clone();
        let place = hook_place(&hook.id);
        let (delivery, body_digest) = blocking(move || {
            let secret = engine.grants.sealer().open(&place, &hook.sealed_secret)?;
            let digest = Sha256::digest(&body);
            let context = HostCallContext::new("webhook").with_time_limit(PARSE_LIMIT);
            let request = WebhookRequest {
                headers,
                body: body.into(),
                secret: Some(secret),
            };
            let delivery = engine
                .servers
                .server(&server)?
                .parse_webhook(&context, request)?;
            Ok((delivery, digest))
        })
        .await
        .map_err(rejection_of)?;
        if !delivery.verified {
            // Whatever the provider says otherwise: hooks of this engine are signed.
            return Err(Rejection::Unsigned);
        }
        let id = match &delivery.id {
            Some(id) if !id.is_empty() => id.clone(),
            // Without an id, a repeated body is the only sign of a retry.
            _ => format!("sha256:{}", hex::encode(body_digest)),
        };
        if self.store.is_seen(hook_id, &id).map_err(not_now)? {
            return Ok(Received::Seen);
        }
        self.keep(hook_id, id, hook.application, &delivery)
            .await
            .map_err(not_now)
    }

    async fn keep(
        &self,
        hook_id: &str,
        id: String,
        application: i64,
        delivery: &Delivery,
    ) -> Result<Received, StoreError> {
        let new = NewDelivery {
            hook: hook_id.to_owned(),
            delivery: id,
            event_key: delivery.event_key.clone(),
            application,
            events: delivery.events.iter().map(to_stored).collect(),
        };
        self.store.receive(new, self.now()).await
    }
}

fn rejection_of(error: VcsError) -> Rejection {
    match error.kind {
        ErrorKind::UNAUTHENTICATED | ErrorKind::PERMISSION_DENIED => Rejection::Unsigned,
        ErrorKind::INVALID_INPUT | ErrorKind::INVALID_RESPONSE => {
            Rejection::Unreadable(error.message)
        }
        _ => Rejection::NotNow(error.to_string()),
    }
}
