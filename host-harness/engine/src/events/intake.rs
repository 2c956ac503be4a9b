//! Receiving a delivery: the signature is checked over the raw bytes before
//! anything else, a repeated delivery is recognised, a new one is on the disk
//! before the service is told so. What it means is worked out afterwards.

use crate::engine::{Counter, Engine, blocking};
use crate::events::rules::to_stored;
use crate::grants::hook_place;
use crate::store::{NewDelivery, Received, StoredHook};
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
    /// The hook that a delivery came by.
    ///
    /// # Errors
    /// `UnknownHook`, counted; `NotNow` if the store cannot be read.
    pub async fn hook_of_delivery(self: &Arc<Self>, id: &str) -> Result<StoredHook, Rejection> {
        let engine = Arc::clone(self);
        let id = id.to_owned();
        let found = blocking(move || Ok(engine.store.hook(&id)?)).await;
        let (rejection, counter) = match found {
            Ok(Some(hook)) => return Ok(hook),
            Ok(None) => (Rejection::UnknownHook, Counter::Rejected),
            Err(error) => (Rejection::NotNow(error.to_string()), Counter::Failed),
        };
        self.counters.count(counter);
        Err(rejection)
    }

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
        let hook = self.hook_of_delivery(hook_id).await?;
        self.receive_for(hook, headers, body).await
    }

    /// Receives a delivery for this hook.
    ///
    /// # Errors
    /// As [`Engine::receive`].
    pub async fn receive_for(
        self: &Arc<Self>,
        hook: StoredHook,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> Result<Received, Rejection> {
        let result = self.verify_and_keep(hook, headers, body).await;
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
        hook: StoredHook,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> Result<Received, Rejection> {
        let engine = Arc::clone(self);
        let now = self.now();
        let delivery = blocking(move || {
            let place = hook_place(&hook.id);
            let secret = engine.grants.sealer().open(&place, &hook.sealed_secret)?;
            let digest: [u8; 32] = Sha256::digest(&body).into();
            let context = HostCallContext::new("webhook").with_time_limit(PARSE_LIMIT);
            let request = WebhookRequest {
                headers,
                body: body.into(),
                secret: Some(secret),
                ..Default::default()
            };
            let delivery = engine
                .servers
                .server(&hook.server)?
                .parse_webhook(&context, request)?;
            Ok(delivery.verified.then(|| to_keep(hook, delivery, digest)))
        })
        .await
        .map_err(rejection_of)?;
        // Whatever the provider says otherwise: hooks of this engine are signed.
        let delivery = delivery.ok_or(Rejection::Unsigned)?;
        let kept = self.store.receive(delivery, now).await;
        kept.map_err(|error| Rejection::NotNow(error.to_string()))
    }
}

fn to_keep(hook: StoredHook, delivery: Delivery, digest: [u8; 32]) -> NewDelivery {
    let id = match delivery.id {
        Some(id) if !id.is_empty() => id,
        // Without an id, a repeated body is the only sign of a retry.
        _ => format!("sha256:{}", hex::encode(digest)),
    };
    NewDelivery {
        hook: hook.id,
        delivery: id,
        event_key: delivery.event_key,
        application: hook.application,
        events: delivery.events.iter().map(to_stored).collect(),
        digest,
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
