//! Who may call: whoever shows the engine's token. Health, deliveries and the
//! consent page's answer have other proofs and stand outside.

use super::Shared;
use super::connections::Connection;
use super::permissions::{Asked, permits};
use super::response::{Failure, reject};
use crate::config::{EngineConfig, KeySource};
use crate::engine::blocking;
use crate::grants::{make_private, read_private};
use crate::random;
use crate::tokens::{self, Role};
use axum::body::{Body, HttpBody};
use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::secret::Secret;

/// The shortest token that is accepted.
const SHORTEST_TOKEN: usize = 16;

/// The token that callers show; only its digest stays in memory.
pub struct AccessToken {
    digest: [u8; 32],
    /// The file it is in, if it is in one.
    pub file: Option<PathBuf>,
}

impl AccessToken {
    /// Reads the token that the configuration names. Without one, it is in a
    /// file beside the store, which is made with a random token when it is not
    /// there.
    ///
    /// # Errors
    /// `Config` if the token cannot be read, is too short, or can be read by others.
    pub fn load(config: &EngineConfig) -> Result<Self, VcsError> {
        let what = "the services' token";
        let (token, file) = match &config.api.token {
            Some(KeySource::Environment(name)) => {
                let token = std::env::var(name).map(Secret::new).map_err(|_| {
                    let message = format!(
                        "the environment variable {name}, which should hold {what}, is not set"
                    );
                    VcsError::new(ErrorKind::CONFIG, message)
                })?;
                (token, None)
            }
            Some(KeySource::File(path)) => (read_private(path, what)?, Some(path.clone())),
            None => {
                let path = config.store.path.with_extension("token");
                make_private(&path, what)?;
                (read_private(&path, what)?, Some(path))
            }
        };
        let token = token.expose().trim();
        if token.len() < SHORTEST_TOKEN {
            let message = format!("{what} must have at least {SHORTEST_TOKEN} characters");
            return Err(VcsError::new(ErrorKind::CONFIG, message));
        }
        Ok(Self {
            digest: random::digest(token),
            file,
        })
    }

    /// Whether this is the token; takes the same time for every guess.
    #[must_use]
    pub fn is(&self, guess: &str) -> bool {
        random::digests_equal(&random::digest(guess), &self.digest)
    }
}

/// The longest body of a request with a token.
const LONGEST_BODY: usize = 1024 * 1024;

/// The route whose body goes on to a service while it arrives.
const STREAMED_UPLOAD: &str = "/vcs/{server}/repos/{owner}/{repo}/releases/{tag}/artifacts/{name}";

/// Lets requests through whose token allows them, with their body read; answers 401
/// without a good token and 403 where its role does not go so far.
pub(super) async fn require_token(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let connection = parts.extensions.get::<Arc<Connection>>().cloned();
    let role = match role_of(&shared, &parts.headers).await {
        Ok(Some(role)) => role,
        Ok(None) => return unknown_caller(&shared, connection.as_deref()),
        Err(error) => return Failure(error).into_response(),
    };
    let path = parts
        .extensions
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let parameters = RawPathParams::from_request_parts(&mut parts, &()).await;
    let asked = Asked {
        path: path.as_deref(),
        parameters: parameters
            .iter()
            .flat_map(|all| all.iter())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        method: &parts.method,
        query: parts.uri.query().unwrap_or_default(),
    };
    if !permits(&role, &asked) {
        return reject(
            StatusCode::FORBIDDEN,
            "the token's role does not allow this; `engine tokens create --role` makes one that does",
        );
    }
    if let Some(connection) = &connection {
        connection.prove();
    }
    if path.as_deref() == Some(STREAMED_UPLOAD) {
        let _work = connection.as_ref().map(Connection::work);
        return next.run(Request::from_parts(parts, body)).await;
    }
    let body = if body.is_end_stream() {
        None
    } else {
        match shared.bodies.read(&parts.headers, body, LONGEST_BODY).await {
            Ok(read) => Some(read),
            Err(error) => {
                let (status, sentence) = error.response();
                return reject(status, sentence);
            }
        }
    };
    let _work = connection.as_ref().map(Connection::work);
    let (bytes, _room) = body.map_or_else(Default::default, |read| read.into_parts());
    next.run(Request::from_parts(parts, Body::from(bytes)))
        .await
}

/// Bounds how often somebody without a token may call the routes that are open.
pub(super) async fn limit_strangers(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let connection = request.extensions().get::<Arc<Connection>>().cloned();
    let is_known = matches!(role_of(&shared, request.headers()).await, Ok(Some(_)));
    if !is_known {
        if let Some(response) = out_of_turn(&shared, connection.as_deref()) {
            return response;
        }
    }
    let _work = connection.as_ref().map(Connection::work);
    next.run(request).await
}

/// The role that the holder of a token has; `None` for whoever has no good one.
pub(super) async fn role_of_token(
    shared: &Arc<Shared>,
    shown: &str,
) -> Result<Option<Role>, VcsError> {
    if !shared.token.is(shown) && !tokens::is_well_formed(shown) {
        return Ok(None);
    }
    role_of_digest(shared, random::digest(shown)).await
}

/// [`role_of_token`], of a token that is known by its digest only.
pub(super) async fn role_of_digest(
    shared: &Arc<Shared>,
    digest: [u8; 32],
) -> Result<Option<Role>, VcsError> {
    if random::digests_equal(&digest, &shared.token.digest) {
        return Ok(Some(Role::Admin));
    }
    let engine = Arc::clone(&shared.engine);
    blocking(move || tokens::role_of_digest(&engine.store, digest, engine.now())).await
}

/// The role that a request's token gives.
async fn role_of(shared: &Arc<Shared>, headers: &HeaderMap) -> Result<Option<Role>, VcsError> {
    let shown = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    match shown {
        Some(shown) => role_of_token(shared, shown).await,
        None => Ok(None),
    }
}

fn unknown_caller(shared: &Shared, connection: Option<&Connection>) -> Response {
    if let Some(response) = out_of_turn(shared, connection) {
        return response;
    }
    let rejected = reject(
        StatusCode::UNAUTHORIZED,
        "show the engine's token in the header `Authorization: Bearer …`",
    );
    ([(header::WWW_AUTHENTICATE, "Bearer")], rejected).into_response()
}

/// The response to a stranger who asks too often; counts this request.
pub(super) fn out_of_turn(shared: &Shared, connection: Option<&Connection>) -> Option<Response> {
    let peer = connection?.peer();
    let wait = shared.strangers.take(peer, Instant::now()).err()?;
    let seconds = wait.as_secs().max(1).to_string();
    let rejected = reject(
        StatusCode::TOO_MANY_REQUESTS,
        "too many requests without a token; try again later",
    );
    // What else was sent ahead on this connection is not looked at.
    let close = (header::CONNECTION, "close".to_owned());
    Some(([(header::RETRY_AFTER, seconds), close], rejected).into_response())
}
