//! Which browser began a consent: a cookie that only it has.
//!
//! Programs that begin one through the API have no cookies, and whoever they give the
//! address to can end it. A browser says itself that it is one.

use crate::random;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::secret::Secret;

const COOKIE: &str = "vcs-engine-browser";

/// How long a consent may take, in seconds.
const LIFE: u32 = 600;

/// The browser that makes a request: what it showed, or a new name for it. `None` for
/// programs.
///
/// # Errors
/// `Internal` if the system gives no random bytes.
pub(super) fn of_request(headers: &HeaderMap) -> Result<Option<Secret>, VcsError> {
    let is_browser = headers.contains_key("sec-fetch-mode")
        || headers.contains_key(header::ORIGIN)
        || headers.contains_key(header::COOKIE);
    if !is_browser {
        return Ok(None);
    }
    if let Some(shown) = shown(headers) {
        return Ok(Some(shown));
    }
    let name = random::secret();
    name.map(Some)
        .map_err(|error| VcsError::new(ErrorKind::INTERNAL, error.to_string()))
}

/// What a browser shows of what it was given.
pub(super) fn shown(headers: &HeaderMap) -> Option<Secret> {
    cookie(headers, COOKIE)
}

/// The value of a cookie.
pub(super) fn cookie(headers: &HeaderMap, wanted: &str) -> Option<Secret> {
    let cookies = headers.get_all(header::COOKIE);
    cookies
        .iter()
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find(|(name, value)| *name == wanted && !value.is_empty())
        .map(|(_, value)| Secret::from(value))
}

/// Has the browser keep its name until the consent ends.
pub(super) fn remember(response: &mut Response, browser: &Secret, is_https: bool) {
    let secure = if is_https { "; Secure" } else { "" };
    let cookie = format!(
        "{COOKIE}={}; Max-Age={LIFE}; Path=/; HttpOnly; SameSite=Lax{secure}",
        browser.expose()
    );
    if let Ok(mut cookie) = HeaderValue::from_str(&cookie) {
        cookie.set_sensitive(true);
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
