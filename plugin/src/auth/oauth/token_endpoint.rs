//! The token endpoint: a code, a refresh token or nothing becomes a pair of tokens.

use crate::auth::FixedCredential;
use crate::encoding;
use crate::http::{Http, RateGate, Request, Transport, pause};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use vcs_provider_interface::prelude::*;

/// What a lifetime is taken for where the service names none: the shorter of
/// the two that are said of Bitbucket Cloud (one hour and two hours).
const ASSUMED_LIFETIME: Duration = Duration::from_secs(3600);

/// What the service says of a dead refresh token, and to a consumer that it
/// turns away for a moment (Bitbucket Cloud, measured on the live service).
const UNAUTHORIZED_CLIENT: &str = "unauthorized_client";

/// Longer than the moment for which a consumer is turned away.
const LOCK_OUT: Duration = Duration::from_secs(2);

/// Tokens as the endpoint gave them.
pub(super) struct Tokens {
    pub(super) access_token: Secret,
    pub(super) refresh_token: Option<Secret>,
    pub(super) lifetime: Duration,
    pub(super) scopes: Vec<String>,
}

/// Why there are no tokens.
pub(super) enum Rejection {
    /// The code or refresh token is dead for good.
    Dead(VcsError),
    /// Anything else; another try may succeed.
    Other(VcsError),
}

impl Rejection {
    pub(super) fn into_error(self) -> VcsError {
        match self {
            Self::Dead(error) | Self::Other(error) => error,
        }
    }
}

/// Talks to `{oauthUrl}/access_token`, as the consumer.
pub(crate) struct TokenEndpoint {
    http: Http,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: Secret,
    refresh_token: Option<Secret>,
    expires_in: Option<u64>,
    // The service renamed the field; both are met.
    scope: Option<String>,
    scopes: Option<String>,
}

impl TokenEndpoint {
    /// The endpoint below `oauth_url`, for the consumer of this id and secret.
    /// Calls count against the consumer, so it has a rate gate of its own.
    ///
    /// # Errors
    /// `Config` if the address is not a URL.
    pub(crate) fn new(
        transport: Arc<Transport>,
        oauth_url: &str,
        client_id: &str,
        client_secret: &Secret,
    ) -> Result<Self> {
        let consumer = Arc::new(FixedCredential::oauth_consumer(client_id, client_secret));
        let gate = Arc::new(RateGate::default());
        Ok(Self {
            http: Http::new(transport, oauth_url, Vec::new(), consumer, gate)?,
        })
    }

    /// Turns the code of the consent flow into tokens. A code works once, so
    /// the request is not repeated.
    pub(super) fn exchange_code(
        &self,
        context: &dyn CallContext,
        code: &Secret,
        redirect_uri: Option<&str>,
    ) -> std::result::Result<Tokens, Rejection> {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
        ];
        fields.extend(redirect_uri.map(|uri| ("redirect_uri", uri)));
        self.tokens(context, &fields, |request| request.with_secret(code))
    }

    /// Turns a refresh token into the next pair. The old one works for about
    /// ten minutes after its use, so the request may be repeated when its
    /// response is lost.
    ///
    /// A consumer that came with a dead token is turned away for a moment, in
    /// the same words as a dead token, also with its healthy ones. So those
    /// words count only when they are said again after that moment.
    pub(super) fn refresh(
        &self,
        context: &dyn CallContext,
        refresh_token: &Secret,
    ) -> std::result::Result<Tokens, Rejection> {
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose()),
        ];
        let prepared = |request: Request| request.idempotent().with_secret(refresh_token);
        match self.tokens(context, &fields, prepared) {
            Err(Rejection::Dead(error)) if service_error(&error) == Some(UNAUTHORIZED_CLIENT) => {
                pause(context, LOCK_OUT).map_err(Rejection::Other)?;
                self.tokens(context, &fields, prepared)
            }
            result => result,
        }
    }

    /// A token for the consumer itself. There is no refresh token with it.
    pub(super) fn client_credentials(
        &self,
        context: &dyn CallContext,
    ) -> std::result::Result<Tokens, Rejection> {
        let fields = [("grant_type", "client_credentials")];
        self.tokens(context, &fields, Request::idempotent)
    }

    fn tokens(
        &self,
        context: &dyn CallContext,
        fields: &[(&str, &str)],
        prepared: impl FnOnce(Request) -> Request,
    ) -> std::result::Result<Tokens, Rejection> {
        let form = encoding::query(fields.iter().copied()).into_bytes();
        let request = Request::post("/access_token")
            .body("application/x-www-form-urlencoded", form)
            .without_quotes();
        let mut response = self
            .http
            .send(context, &prepared(request))
            .map_err(classified)?;
        let tokens = response.json::<TokenAnswer>();
        response.body.fill(0);
        let tokens = tokens.map_err(Rejection::Other)?;
        if tokens.access_token.is_empty() {
            let error = response.head.invalid("the field `access_token` is empty");
            return Err(Rejection::Other(error));
        }
        Ok(Tokens {
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token.filter(|token| !token.is_empty()),
            lifetime: tokens
                .expires_in
                .map_or(ASSUMED_LIFETIME, Duration::from_secs),
            scopes: tokens
                .scopes
                .or(tokens.scope)
                .map(|text| scope_list(&text))
                .unwrap_or_default(),
        })
    }
}

fn scope_list(text: &str) -> Vec<String> {
    text.split([' ', ','])
        .filter(|scope| !scope.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Tells a dead token from a wrong consumer and from a passing failure.
fn classified(error: VcsError) -> Rejection {
    match service_error(&error) {
        Some("invalid_grant" | UNAUTHORIZED_CLIENT) => Rejection::Dead(VcsError {
            kind: ErrorKind::UNAUTHENTICATED,
            retryable: false,
            ..error
        }),
        Some("invalid_client") => Rejection::Other(wrong_consumer(error)),
        _ if error.kind == ErrorKind::UNAUTHENTICATED => Rejection::Other(wrong_consumer(error)),
        _ => Rejection::Other(error),
    }
}

/// The service's own word for what is wrong.
fn service_error(error: &VcsError) -> Option<&str> {
    let code = error.extra.iter().find(|(key, _)| key == "service_error");
    code.map(|(_, value)| value.as_str())
}

fn wrong_consumer(error: VcsError) -> VcsError {
    VcsError {
        kind: ErrorKind::CONFIG,
        retryable: false,
        ..error
    }
    .in_context("check `clientId` and `clientSecret`: the service does not accept the consumer")
}
