//! Signing in with a token, and out.

use super::super::Shared;
use super::super::access::{out_of_turn, role_of_token};
use super::super::browser;
use super::super::connections::Connection;
use super::super::extract::Query;
use super::guard::{field, is_own_form, read_form, redirect};
use super::html::{Frame, failure};
use super::session;
use crate::random;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::html;
use serde::Deserialize;
use std::sync::Arc;
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::secret::Secret;

const ROOT: &str = "./";

/// The longest address that is gone back to.
const LONGEST_BACK: usize = 2000;

/// Where to go afterwards.
#[derive(Deserialize)]
pub(super) struct Options {
    #[serde(default)]
    back: String,
}

/// The form.
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(options): Query<Options>,
) -> Response {
    let back = own_address(&options.back);
    match session::viewer(&shared, &headers).await {
        Ok(Some(_)) => redirect(&format!("{ROOT}{back}")),
        Ok(None) => form(&shared, &headers, back, None),
        Err(error) => failure(Frame::open("Sign in", ROOT), &error),
    }
}

/// Takes the form.
pub(super) async fn sign_in(
    State(shared): State<Arc<Shared>>,
    connection: Option<Extension<Arc<Connection>>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    // Guesses count even for somebody who shows a good token elsewhere.
    let connection = connection
        .as_ref()
        .map(|Extension(connection)| &**connection);
    if let Some(response) = out_of_turn(&shared, connection) {
        return response;
    }
    let filled_in = match read_form(&shared, &headers, body).await {
        Ok(filled_in) => filled_in,
        Err(response) => return response,
    };
    let back = field(&filled_in, "back").unwrap_or_default();
    let back = own_address(&back);
    let is_own = browser::shown(&headers).is_some_and(|browser| {
        let key = session::form_key(&browser);
        is_own_form(&headers, &filled_in, key.expose())
    });
    if !is_own {
        let reason = "This form was open for too long. Enter the token once more.";
        return form(&shared, &headers, back, Some(reason));
    }
    let token = field(&filled_in, "token").unwrap_or_default();
    let token = Secret::new(token.trim().to_owned());
    let role = role_of_token(&shared, token.expose()).await;
    let begun = role.and_then(|role| match role {
        None => Ok(None),
        Some(_) => {
            let mut response = redirect(&format!("{ROOT}{back}"));
            session::begin(&shared.engine, &token, &mut response)?;
            Ok(Some(response))
        }
    });
    match begun {
        Ok(Some(response)) => response,
        Ok(None) => {
            let reason = "This token opens nothing: it is mistyped, out of date or revoked.";
            form(&shared, &headers, back, Some(reason))
        }
        Err(error) => failure(Frame::open("Sign in", ROOT), &error),
    }
}

/// Ends the session.
pub(super) async fn sign_out(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let mut response = redirect(&format!("{ROOT}sign-in"));
    session::end(&shared, &headers, &mut response);
    response
}

fn form(shared: &Shared, headers: &HeaderMap, back: &str, wrong: Option<&str>) -> Response {
    let browser = match browser::shown(headers).map_or_else(random::secret, Ok) {
        Ok(browser) => browser,
        Err(error) => {
            let error = VcsError::new(ErrorKind::INTERNAL, error.to_string());
            return failure(Frame::open("Sign in", ROOT), &error);
        }
    };
    let key = session::form_key(&browser);
    let frame = Frame {
        status: wrong.map_or(StatusCode::OK, |_| StatusCode::UNAUTHORIZED),
        ..Frame::open("Sign in", ROOT)
    };
    let mut response = frame.with(&html! {
        @if let Some(wrong) = wrong {
            div.notice.bad #wrong role="alert" { p { (wrong) } }
        }
        form.sign-in method="post" action={ (ROOT) "sign-in" } {
            input type="hidden" name="form_key" value=(key.expose());
            input type="hidden" name="back" value=(back);
            div {
                label for="token" { "Token" }
                input #token type="password" name="token" required autocomplete="current-password"
                    aria-describedby={ "where" @if wrong.is_some() { " wrong" } };
            }
            p.quiet #where {
                "The engine's own token is in the file that "
                code { "engine start" } " names. " code { "engine tokens create" }
                " makes others, for one project or for monitoring."
            }
            div { button type="submit" { "Sign in" } }
        }
    });
    browser::remember(&mut response, &browser, session::is_https(&shared.engine));
    response
}

/// An address below the engine's root as it may be gone back to; otherwise the root.
fn own_address(back: &str) -> &str {
    let back = back.trim_start_matches('/');
    let is_plain = back
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let climbs = back.split('/').any(|part| part == "..");
    if is_plain && !climbs && back.len() <= LONGEST_BACK {
        back
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::own_address;

    #[test]
    fn only_addresses_below_the_root_are_gone_back_to() {
        for (back, own) in [
            ("project/KEY", "project/KEY"),
            ("//evil.example/x", "evil.example/x"),
            ("\\\\evil.example", ""),
            ("a/../../b", ""),
            ("a\r\nSet-Cookie: x", ""),
            ("", ""),
        ] {
            assert_eq!(own_address(back), own, "{back}");
        }
    }
}
