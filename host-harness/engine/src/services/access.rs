//! Who may call: whoever shows the engine's token. Health, deliveries and the
//! consent page's answer have other proofs and stand outside.

use super::Shared;
use super::response::reject;
use crate::config::{EngineConfig, KeySource};
use crate::grants::{make_private, read_private};
use crate::random;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::path::PathBuf;
use std::sync::Arc;
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

/// Lets requests with the token through and answers 401 to all others.
pub(super) async fn require_token(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let shown = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    if shown.is_some_and(|token| shared.token.is(token)) {
        return next.run(request).await;
    }
    let rejected = reject(
        StatusCode::UNAUTHORIZED,
        "show the engine's token in the header `Authorization: Bearer …`",
    );
    ([(header::WWW_AUTHENTICATE, "Bearer")], rejected).into_response()
}
