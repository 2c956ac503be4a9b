//! A user's grant: an access token that ends and a refresh token that rotates.
//!
//! The rules, with their reasons (Bitbucket Cloud: every use of a refresh token
//! returns a new one, the old one dies about ten minutes later):
//! - one renewal at a time in this process, and, by the host's lock, in all
//!   processes that share the store: two rotations at once could each kill the
//!   other's pair;
//! - after the lock is held the store is read again: somebody else may have
//!   renewed in the meantime, and then nothing is sent;
//! - the new pair is stored before it is used: a crash in between finds the old
//!   pair, which still works for a while, or the new one, never neither;
//! - a rejection for good is written down and not asked again until the store
//!   holds another grant.

use super::single_flight::SingleFlight;
use super::token_endpoint::{Rejection, TokenEndpoint, Tokens};
use crate::http::check_context;
use crate::http::{Authorization, Authorizer, CredentialType, Renewal};
use crate::log::Log;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vcs_provider_interface::prelude::*;

/// A token is renewed this long before it ends, or a tenth of its lifetime if
/// that is shorter, so that it does not end on its way.
const LEEWAY: Duration = Duration::from_secs(60);

/// How long the host's lock is waited for at a time, so that a cancelled call
/// notices.
const LOCK_WAIT_MS: u64 = 250;

/// How long a dead grant is not looked up again in the store.
const DEAD_PAUSE: Duration = Duration::from_secs(1);

/// The key in a grant's `extra` that holds the lifetime which the service named.
const LIFETIME_KEY: &str = "lifetime_ms";

/// An access token and until when it is good.
#[derive(Clone)]
pub(super) struct Lease {
    authorization: Authorization,
    /// From when on it should be renewed, by the monotonic clock.
    due: Option<Instant>,
    /// When it surely ends, by the monotonic clock.
    end: Option<Instant>,
}

impl Lease {
    /// The lease of tokens that arrived just now.
    pub(super) fn fresh(tokens: &Tokens, generation: u64) -> Self {
        let expires_at_ms = now_ms().saturating_add(as_ms(tokens.lifetime));
        Self::new(
            &tokens.access_token,
            generation,
            Some(expires_at_ms),
            Some((tokens.lifetime, tokens.lifetime)),
        )
    }

    /// The lease of a stored grant. The wall clock may have jumped since, so
    /// the time left is at most the lifetime that the service named.
    fn stored(grant: &Grant) -> Option<Self> {
        let token = grant.access_token.as_ref()?;
        let lifetime = grant
            .extra
            .get(LIFETIME_KEY)
            .and_then(|value| value.parse().ok())
            .map(Duration::from_millis);
        let left = grant.expires_at_ms.map(|end| {
            let left = u64::try_from(end.saturating_sub(now_ms())).unwrap_or(0);
            let left = Duration::from_millis(left);
            let lifetime = lifetime.unwrap_or(left);
            (left.min(lifetime), lifetime)
        });
        Some(Self::new(token, grant.version, grant.expires_at_ms, left))
    }

    fn new(
        token: &Secret,
        generation: u64,
        expires_at_ms: Option<i64>,
        left_of_lifetime: Option<(Duration, Duration)>,
    ) -> Self {
        let now = Instant::now();
        let due = left_of_lifetime.and_then(|(left, lifetime)| {
            now.checked_add(left.saturating_sub(LEEWAY.min(lifetime / 10)))
        });
        Self {
            authorization: Authorization {
                header: Some(Secret::new(format!("Bearer {}", token.expose()))),
                token: Some(token.clone()),
                expires_at_ms,
                generation,
            },
            due,
            end: left_of_lifetime.and_then(|(left, _)| now.checked_add(left)),
        }
    }

    pub(super) fn generation(&self) -> u64 {
        self.authorization.generation
    }

    pub(super) fn authorization(&self) -> Authorization {
        self.authorization.clone()
    }

    /// Whether it is time to renew it.
    pub(super) fn is_due(&self) -> bool {
        self.due.is_some_and(|due| Instant::now() >= due)
    }

    fn has_ended(&self) -> bool {
        self.end.is_some_and(|end| Instant::now() >= end)
    }
}

/// What is known of the grant.
#[derive(Clone)]
enum Known {
    Alive(Lease),
    /// Rejected for good, at this version, looked up at this time.
    Dead {
        version: u64,
        error: VcsError,
        since: Instant,
    },
}

/// The authorizer of one grant. All clients of the grant share it.
pub(crate) struct GrantAuthorizer {
    grant_id: String,
    endpoint: Arc<TokenEndpoint>,
    host: Arc<dyn HostServices>,
    log: Log,
    known: SingleFlight<Known>,
}

/// The grant of the consent flow's code: what the host stores as the first pair.
///
/// # Errors
/// `Unauthenticated` for a code that was used or is too old; `Config` for a
/// consumer that the service does not accept; those of a request.
pub(crate) fn first_grant(
    endpoint: &TokenEndpoint,
    context: &dyn CallContext,
    request: &AuthorizeTokenRequest,
) -> Result<Grant> {
    let code = request.code.as_ref().filter(|code| !code.is_empty());
    let code = code.ok_or_else(|| {
        VcsError::new(
            ErrorKind::INVALID_INPUT,
            "the code of the consent flow is missing",
        )
    })?;
    let tokens = endpoint
        .exchange_code(context, code, request.redirect_uri.as_deref())
        .map_err(|rejection| match rejection {
            Rejection::Dead(error) => {
                error.in_context("the code was used before or is too old, link again")
            }
            Rejection::Other(error) => error,
        })?;
    Ok(grant_of(&tokens, 1, None))
}

impl GrantAuthorizer {
    pub(crate) fn new(grant_id: &str, endpoint: Arc<TokenEndpoint>, log: Log) -> Self {
        Self {
            grant_id: grant_id.to_owned(),
            endpoint,
            host: log.host(),
            log,
            known: SingleFlight::new(),
        }
    }

    /// A lease of a later generation than `after`, renewed if it is due.
    fn lease(&self, context: &dyn CallContext, after: u64) -> Result<Lease> {
        let usable = |known: &Known| match known {
            Known::Alive(lease) => lease.generation() > after && !lease.is_due(),
            Known::Dead { since, .. } => since.elapsed() < DEAD_PAUSE,
        };
        let known = self.known.get(context, usable, |present| {
            self.renewed(context, present, after)
        })?;
        match known {
            Known::Alive(lease) => Ok(lease),
            Known::Dead { error, .. } => Err(error),
        }
    }

    /// Looks into the store first, and asks the service only if the store has
    /// nothing better.
    fn renewed(
        &self,
        context: &dyn CallContext,
        present: Option<Known>,
        after: u64,
    ) -> Result<Known> {
        let stored = self.load()?;
        if let Some(known) = self.adopt(&stored, present.as_ref(), after) {
            return Ok(known);
        }
        let lock = self.lock(context)?;
        let stored = self.load()?;
        let known = match self.adopt(&stored, present.as_ref(), after) {
            Some(known) => known,
            None => self.rotate(context, stored, after)?,
        };
        drop(lock);
        Ok(known)
    }

    /// What the store holds, if there is nothing to ask the service for.
    fn adopt(&self, stored: &Grant, present: Option<&Known>, after: u64) -> Option<Known> {
        if let Some(reason) = &stored.dead {
            let error = match present {
                Some(Known::Dead { version, error, .. }) if *version == stored.version => {
                    error.clone()
                }
                _ => link_again(reason),
            };
            return Some(Known::Dead {
                version: stored.version,
                error,
                since: Instant::now(),
            });
        }
        Lease::stored(stored)
            .filter(|lease| lease.generation() > after && !lease.is_due())
            .map(Known::Alive)
    }

    /// Asks the service for the next pair and stores it. The host's lock is held.
    fn rotate(&self, context: &dyn CallContext, stored: Grant, after: u64) -> Result<Known> {
        let refresh_token = stored
            .refresh_token
            .as_ref()
            .ok_or_else(|| link_again("it has ended and has no refresh token"))?;
        match self.endpoint.refresh(context, refresh_token) {
            Ok(tokens) => {
                let version = stored.version.max(after) + 1;
                let grant = grant_of(&tokens, version, stored.refresh_token.clone());
                self.host
                    .store_grant(&self.grant_id, grant)
                    .map_err(|error| error.in_context("the renewed grant could not be stored"))?;
                self.say(LogLevel::INFO, "the grant was renewed", version);
                Ok(Known::Alive(Lease::fresh(&tokens, version)))
            }
            Err(Rejection::Dead(error)) => Ok(self.bury(stored, &error)),
            Err(Rejection::Other(error)) => match Lease::stored(&stored) {
                // Renewed early, so the present token still works.
                Some(lease) if lease.generation() > after && !lease.has_ended() => {
                    self.say(
                        LogLevel::WARN,
                        "the grant could not be renewed yet",
                        stored.version,
                    );
                    Ok(Known::Alive(lease))
                }
                _ => Err(error.in_context("the access token could not be renewed")),
            },
        }
    }

    /// Writes down that the service rejected the grant for good. The pair stays
    /// in the store for diagnosis.
    fn bury(&self, stored: Grant, rejection: &VcsError) -> Known {
        let reason = rejection.message.clone();
        let version = stored.version + 1;
        let dead = Grant {
            version,
            dead: Some(reason.clone()),
            ..stored
        };
        if self.host.store_grant(&self.grant_id, dead).is_err() {
            self.say(
                LogLevel::ERROR,
                "the end of the grant could not be stored",
                version,
            );
        }
        self.say(
            LogLevel::ERROR,
            "the service rejects the grant for good",
            version,
        );
        let mut error = link_again(&reason);
        error.http_status = rejection.http_status;
        error
            .service_request_id
            .clone_from(&rejection.service_request_id);
        Known::Dead {
            version,
            error,
            since: Instant::now(),
        }
    }

    fn load(&self) -> Result<Grant> {
        self.host.load_grant(&self.grant_id)?.ok_or_else(|| {
            VcsError::new(
                ErrorKind::UNAUTHENTICATED,
                format!(
                    "there is no grant {:?}; link the project with Bitbucket Cloud",
                    self.grant_id
                ),
            )
        })
    }

    fn lock(&self, context: &dyn CallContext) -> Result<GrantLock> {
        loop {
            check_context(context)?;
            match GrantLock::acquire(Arc::clone(&self.host), &self.grant_id, LOCK_WAIT_MS) {
                Err(error) if error.kind == ErrorKind::TIMEOUT => {}
                result => return result,
            }
        }
    }

    fn say(&self, level: LogLevel, message: &str, version: u64) {
        let fields = Extra::from([
            ("grant", self.grant_id.clone()),
            ("version", version.to_string()),
        ]);
        self.log.line(level, "oauth", message, fields);
    }
}

impl Authorizer for GrantAuthorizer {
    fn credential_type(&self) -> CredentialType {
        CredentialType::OAuth
    }

    fn authorization(&self, context: &dyn CallContext) -> Result<Authorization> {
        Ok(self.lease(context, 0)?.authorization())
    }

    fn renew(&self, context: &dyn CallContext, rejected: &Authorization) -> Result<Renewal> {
        self.lease(context, rejected.generation)?;
        Ok(Renewal::Renewed)
    }
}

/// A grant to store. The service may leave the refresh token out when it did
/// not change; then the former one is kept.
fn grant_of(tokens: &Tokens, version: u64, former_refresh_token: Option<Secret>) -> Grant {
    Grant {
        access_token: Some(tokens.access_token.clone()),
        refresh_token: tokens.refresh_token.clone().or(former_refresh_token),
        expires_at_ms: Some(now_ms().saturating_add(as_ms(tokens.lifetime))),
        scopes: tokens.scopes.clone(),
        version,
        dead: None,
        extra: Extra::from([(LIFETIME_KEY, tokens.lifetime.as_millis().to_string())]),
        ..Default::default()
    }
}

fn link_again(reason: &str) -> VcsError {
    VcsError::new(
        ErrorKind::UNAUTHENTICATED,
        format!("the grant can no longer be used, link again: {reason}"),
    )
}

fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

fn as_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
