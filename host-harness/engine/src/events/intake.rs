//! Receiving a delivery: the signature is checked over the raw bytes before
//! anything else, a repeated delivery is recognised, a new one is on the disk
//! before the service is told so. What it means is worked out afterwards.

use crate::engine::{Counter, Engine, blocking};
use crate::events::rules::to_stored;
use crate::grants::hook_place;
use crate::rejections::shown_hook;
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

impl Rejection {
    /// One word for each reason, for counting.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownHook => "unknown_hook",
            Self::Unsigned => "unsigned",
            Self::Unreadable(_) => "unreadable",
            Self::NotNow(_) => "not_now",
        }
    }
}

impl Engine {
    /// The hook that a delivery came by.
    ///
    /// # Errors
    /// `UnknownHook`, counted; `NotNow` if the store cannot be read.
    pub async fn hook_of_delivery(self: &Arc<Self>, id: &str) -> Result<StoredHook, Rejection> {
        let engine = Arc::clone(self);
        let wanted = id.to_owned();
        let found = blocking(move || Ok(engine.store.hook(&wanted)?)).await;
        let rejection = match found {
            Ok(Some(hook)) => return Ok(hook),
            Ok(None) => Rejection::UnknownHook,
            Err(error) => Rejection::NotNow(error.to_string()),
        };
        self.reject(id, &rejection, false);
        Err(rejection)
    }

    fn reject(&self, hook_id: &str, rejection: &Rejection, is_known_hook: bool) {
        if let Rejection::NotNow(reason) = rejection {
            self.counters.count(Counter::Failed);
            let hook = shown_hook(hook_id);
            tracing::error!(
                hook,
                reason,
                "a delivery could not be kept; the service is to send it again"
            );
            return;
        }
        self.reject_delivery(
            hook_id,
            rejection.code(),
            &rejection.to_string(),
            is_known_hook,
        );
    }

    /// Counts and lists a rejected delivery. Its line in the log is at a low
    /// level unless it is for a hook of the engine: anybody can send something
    /// wrong, and often.
    pub fn reject_delivery(
        &self,
        hook_id: &str,
        code: &'static str,
        reason: &str,
        is_known_hook: bool,
    ) {
        self.counters.count(Counter::Rejected);
        self.rejections.add(self.now(), hook_id, code, reason);
        let hook = shown_hook(hook_id);
        if is_known_hook {
            tracing::warn!(hook, code, reason, "a delivery was rejected");
        } else {
            tracing::debug!(hook, code, reason, "a delivery was rejected");
        }
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
        let hook_id = hook.id.clone();
        let result = self.verify_and_keep(hook, headers, body).await;
        match &result {
            Ok(Received::New) => {
                self.counters.count(Counter::Accepted);
                self.events_came();
            }
            Ok(Received::Seen) => self.counters.count(Counter::Repeated),
            Err(rejection) => self.reject(&hook_id, rejection, true),
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
        let (hook, id) = (shown_hook(&delivery.hook), delivery.delivery.clone());
        let (key, application) = (delivery.event_key.clone(), delivery.application);
        let kept = self.store.receive(delivery, now).await;
        let (received, events) = kept.map_err(|error| Rejection::NotNow(error.to_string()))?;
        match received {
            Received::New => tracing::info!(
                hook,
                delivery = id,
                key,
                application,
                ?events,
                "a delivery was kept"
            ),
            Received::Seen => tracing::debug!(hook, delivery = id, "a delivery came again"),
        }
        Ok(received)
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
