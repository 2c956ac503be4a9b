//! Consent with PKCE: GitLab binds the code to a verifier that never leaves the
//! engine before the exchange.

use crate::config::Config;
use crate::http::{Http, invalid, segment};
use crate::json::text;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp as Instant;
use serde_json::json;
use sha2::{Digest, Sha256};
use vcs_provider_interface::prelude::*;

/// Needed for hooks and statuses.
const SCOPE: &str = "api";

fn random() -> Result<Secret> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        VcsError::new(
            ErrorKind::INTERNAL,
            format!("the system gives no random bytes: {error}"),
        )
    })?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
}

fn client_id(config: &Config) -> Result<&str> {
    config
        .client_id
        .as_deref()
        .ok_or_else(|| VcsError::config("clientId", "there is no OAuth application"))
}

pub(crate) fn redirect(config: &Config, request: &AuthorizeRequest) -> Result<AuthorizeRedirect> {
    let (state, verifier) = (random()?, random()?);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose().as_bytes()));
    let scopes = if request.scopes.is_empty() {
        SCOPE.to_owned()
    } else {
        request.scopes.join(" ")
    };
    let mut url = format!("{}/oauth/authorize?response_type=code", config.url);
    for (key, value) in [
        ("client_id", client_id(config)?),
        (
            "redirect_uri",
            request.redirect_uri.as_deref().unwrap_or_default(),
        ),
        ("scope", &scopes),
        ("state", state.expose()),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ] {
        url.push_str(&format!("&{key}={}", segment(value)));
    }
    Ok(AuthorizeRedirect {
        url,
        state: Some(state),
        code_verifier: Some(verifier),
        ..AuthorizeRedirect::default()
    })
}

pub(crate) fn token(
    config: &Config,
    http: &Http,
    context: &dyn CallContext,
    request: &AuthorizeTokenRequest,
) -> Result<Grant> {
    let missing = |what: &str| {
        VcsError::new(
            ErrorKind::INVALID_INPUT,
            format!("the exchange of a code needs {what}"),
        )
    };
    if request
        .issuer
        .as_ref()
        .is_some_and(|issuer| *issuer != config.url)
    {
        return Err(VcsError::new(
            ErrorKind::UNAUTHENTICATED,
            "the code was made by another service",
        ));
    }
    let code = request.code.as_ref().ok_or_else(|| missing("the code"))?;
    let verifier = request.code_verifier.as_ref();
    let verifier = verifier.ok_or_else(|| missing("the verifier of its redirect"))?;
    let mut body = json!({
        "grant_type": "authorization_code",
        "client_id": client_id(config)?,
        "code": code.expose(),
        "code_verifier": verifier.expose(),
        "redirect_uri": request.redirect_uri,
    });
    if let Some(secret) = &config.client_secret {
        body["client_secret"] = json!(secret.expose());
    }
    let (tokens, _) = http
        .send(context, "POST", "/oauth/token", Some(&body))
        .map_err(|error| match error.kind {
            ErrorKind::INVALID_INPUT => VcsError {
                kind: ErrorKind::UNAUTHENTICATED,
                ..error
            },
            _ => error,
        })?;
    let access =
        text(&tokens, "/access_token").ok_or_else(|| invalid("there is no token in it"))?;
    let lifetime = tokens["expires_in"].as_i64();
    Ok(Grant {
        access_token: Some(Secret::new(access)),
        refresh_token: text(&tokens, "/refresh_token").map(Secret::new),
        expires_at_ms: lifetime.map(|seconds| {
            Instant::now()
                .as_millisecond()
                .saturating_add(seconds * 1000)
        }),
        scopes: text(&tokens, "/scope")
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
        version: 1,
        ..Grant::default()
    })
}
