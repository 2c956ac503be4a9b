//! Signing in: a cookie that stands for a token and does not hold it.
//!
//! The cookie is the digest of the token and an end, sealed with the store's key.
//! So a session outlives the process, holds on every engine of one store, and ends
//! with its token: what the token may do is looked up at each request. The API does
//! not take the cookie.

use super::super::Shared;
use super::super::access::role_of_digest;
use super::viewer::Viewer;
use crate::engine::Engine;
use crate::random;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use vcs_provider_interface::error::Result;
use vcs_provider_interface::secret::Secret;

const COOKIE: &str = "vcs-engine-session";

/// The place that sessions are sealed for.
const PLACE: &str = "session";

/// How long somebody stays signed in.
const LIFE: Duration = Duration::from_secs(12 * 60 * 60);

/// Sessions that were ended before their time and are remembered; a hundred times
/// what is likely in half a day.
const MOST_ENDED: usize = 10_000;

/// The sessions that somebody ended by signing out, by the digest of their cookie,
/// with when they would have ended by themselves.
#[derive(Default)]
pub(in crate::services) struct EndedSessions(Mutex<HashMap<[u8; 32], i64>>);

impl EndedSessions {
    fn add(&self, cookie: &Secret, now: i64) {
        let mut ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ended.retain(|_, end| *end > now);
        if ended.len() < MOST_ENDED {
            let end = crate::clock::later(now, LIFE);
            ended.insert(random::digest(cookie.expose()), end);
        }
    }

    fn has(&self, cookie: &Secret) -> bool {
        let ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ended.contains_key(&random::digest(cookie.expose()))
    }
}

/// Whether browsers reach the engine by HTTPS, so that its cookies may be kept from
/// plain HTTP.
pub(super) fn is_https(engine: &Engine) -> bool {
    engine.consent_callback().starts_with("https:")
}

/// Has the browser keep a session for the holder of this token.
pub(super) fn begin(engine: &Engine, token: &Secret, response: &mut Response) -> Result<()> {
    let end = crate::clock::later(engine.now(), LIFE);
    let digest = hex::encode(random::digest(token.expose()));
    let content = Secret::new(format!("{digest}:{end}"));
    let sealed = engine.grants.sealer().seal(PLACE, &content)?;
    let value = Secret::new(hex::encode(sealed));
    set_cookie(response, engine, value.expose(), LIFE.as_secs());
    Ok(())
}

/// Ends the session of a request, in the browser and here.
pub(super) fn end(shared: &Shared, headers: &HeaderMap, response: &mut Response) {
    if let Some(cookie) = cookie(headers) {
        shared.ended_sessions.add(&cookie, shared.engine.now());
    }
    set_cookie(response, &shared.engine, "", 0);
}

/// Who makes a request; `None` for somebody who has not signed in, whose session is
/// over, or whose token opens nothing any more.
pub(super) async fn viewer(shared: &Arc<Shared>, headers: &HeaderMap) -> Result<Option<Viewer>> {
    let Some(cookie) = cookie(headers) else {
        return Ok(None);
    };
    let Some(digest) = digest_in(&shared.engine, &cookie) else {
        return Ok(None);
    };
    if shared.ended_sessions.has(&cookie) {
        return Ok(None);
    }
    let role = role_of_digest(shared, digest).await?;
    Ok(role.map(|role| Viewer {
        role,
        form_key: form_key(&cookie),
    }))
}

/// What forms hold that were shown to whoever has this cookie.
pub(super) fn form_key(cookie: &Secret) -> Secret {
    let bound = Secret::new(format!("form\0{}", cookie.expose()));
    Secret::new(hex::encode(random::digest(bound.expose())))
}

fn digest_in(engine: &Engine, cookie: &Secret) -> Option<[u8; 32]> {
    let sealed = hex::decode(cookie.expose()).ok()?;
    let content = engine.grants.sealer().open(PLACE, &sealed).ok()?;
    let (digest, end) = content.expose().split_once(':')?;
    let end: i64 = end.parse().ok()?;
    let digest = hex::decode(digest).ok()?;
    (end > engine.now())
        .then(|| digest.try_into().ok())
        .flatten()
}

fn cookie(headers: &HeaderMap) -> Option<Secret> {
    super::super::browser::cookie(headers, COOKIE)
}

fn set_cookie(response: &mut Response, engine: &Engine, value: &str, seconds: u64) {
    let secure = if is_https(engine) { "; Secure" } else { "" };
    // Lax, not Strict: build statuses are followed from the service's pages.
    let cookie =
        format!("{COOKIE}={value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax{secure}");
    if let Ok(mut cookie) = HeaderValue::from_str(&cookie) {
        cookie.set_sensitive(true);
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
