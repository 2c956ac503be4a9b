//! The one place of HTTP policy.
//!
//! Owns: the agent and its connections, deadlines, retries, the rate gate, the
//! pin on the configured origins, redirects, size limits, the mapping of
//! responses to errors, and redaction. Must not know: what any endpoint means.

mod agent;
mod attempt;
mod authorizer;
mod client;
mod connection_error;
mod create;
mod cut_off;
mod error;
mod exchange;
mod gate;
mod json_path;
mod moved;
mod names;
mod origin;
mod proxy;
mod redact;
mod request;
mod response;
mod retry;
mod wait;

pub(crate) use agent::AgentSettings;
pub(crate) use authorizer::{Authorization, Authorizer, CredentialType, Renewal};
pub(crate) use client::{Http, Limits, Transport};
pub(crate) use gate::RateGate;
pub(crate) use origin::{Origin, resolve};
pub(crate) use proxy::ProxyRoute;
pub(crate) use redact::Secrets;
pub(crate) use request::{Request, Upload};
pub(crate) use response::Response;
pub(crate) use wait::{check as check_context, pause};

/// An address for logs and errors, without secrets.
pub(crate) fn shown_address(address: &str) -> String {
    address.parse().map_or_else(
        |_| "an unreadable address".to_owned(),
        |uri| redact::address(&uri),
    )
}

/// A text that may hold a secret, for logs and errors: on one line, of bounded
/// length, and without the secret.
pub(crate) fn shown_sentence(text: &str, secret: Option<&str>) -> String {
    redact::sentence(text, secret)
}
