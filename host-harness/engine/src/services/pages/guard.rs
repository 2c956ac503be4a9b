//! Who may see a page: whoever signed in, as far as the token goes. Others are sent to
//! the sign-in page and come back afterwards.

use super::super::Shared;
use super::super::access::out_of_turn;
use super::super::body::throw_away;
use super::super::connections::Connection;
use super::super::response::Failure;
use super::html::{Frame, problem};
use super::session;
use super::viewer::{Viewer, way_up};
use crate::random;
use crate::status_url::segment;
use axum::body::Body;
use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use maud::html;
use std::sync::Arc;
use url::form_urlencoded;

/// The longest form.
const LONGEST_FORM: usize = 16 * 1024;

/// The pages that a role may see that may make this request of the API; the others
/// look at the role themselves.
const LIKE: [(&str, &str, Method); 5] = [
    (
        "/project/{key}",
        "/project/{key}/repositories_manager",
        Method::GET,
    ),
    (
        "/project/{key}/connect/{name}",
        "/project/{key}/repositories_manager/{name}/authorize",
        Method::POST,
    ),
    (
        "/project/{key}/application/{app}",
        "/project/{key}/applications/{app}",
        Method::GET,
    ),
    (
        "/project/{key}/application/{app}/run/{run}",
        "/project/{key}/applications/{app}/runs/{run}",
        Method::GET,
    ),
    ("/deliveries", "/mon/deliveries/rejected", Method::GET),
];

/// Lets requests of signed-in people through; those that change something must come
/// from a form of the engine.
pub(super) async fn require_session(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let connection = parts.extensions.get::<Arc<Connection>>().cloned();
    let path = parts.uri.path().to_owned();
    let root = way_up(&path);
    let viewer = match session::viewer(&shared, &parts.headers).await {
        Ok(Some(viewer)) => viewer,
        Ok(None) => {
            throw_away(body).await;
            if let Some(response) = out_of_turn(&shared, connection.as_deref()) {
                return response;
            }
            let is_read = parts.method == Method::GET || parts.method == Method::HEAD;
            return to_sign_in(&root, is_read.then_some(&*path));
        }
        Err(error) => return Failure(error).into_response(),
    };
    let parameters = RawPathParams::from_request_parts(&mut parts, &()).await;
    let parameters: Vec<(&str, &str)> = parameters.iter().flat_map(|all| all.iter()).collect();
    let matched = parts.extensions.get::<MatchedPath>();
    let matched = matched.map(MatchedPath::as_str).unwrap_or_default();
    let like = LIKE.iter().find(|(page, ..)| *page == matched);
    if like.is_some_and(|(_, route, method)| !viewer.may(method, route, &parameters)) {
        return forbidden(&root, &viewer);
    }
    if let Some(connection) = &connection {
        connection.prove();
    }
    let _work = connection.as_ref().map(Connection::work);
    let mut body = body;
    if parts.method == Method::POST {
        let form = match read_form(&shared, &parts.headers, body).await {
            Ok(form) => form,
            Err(response) => return response,
        };
        if !is_own_form(&parts.headers, &form, viewer.form_key.expose()) {
            return foreign_form(&root, &viewer);
        }
        body = Body::from(form);
    }
    parts.extensions.insert(viewer);
    next.run(Request::from_parts(parts, body)).await
}

/// Reads the body of a form.
pub(super) async fn read_form(
    shared: &Shared,
    headers: &HeaderMap,
    body: Body,
) -> Result<Vec<u8>, Response> {
    match shared.bodies.read(headers, body, LONGEST_FORM).await {
        Ok(read) => Ok(read.into_parts().0),
        Err(error) => {
            let (status, sentence) = error.response();
            let frame = Frame::open("The form was not read", "./");
            let way_out = html! { "Go back and try again." };
            Err(problem(frame, status, sentence, &way_out))
        }
    }
}

/// A field of a form.
pub(super) fn field(form: &[u8], wanted: &str) -> Option<String> {
    form_urlencoded::parse(form)
        .find(|(name, _)| name == wanted)
        .map(|(_, value)| value.into_owned())
}

/// Whether a form was shown by a page of the engine to the browser that sends it.
pub(super) fn is_own_form(headers: &HeaderMap, form: &[u8], key: &str) -> bool {
    let site = headers.get("sec-fetch-site");
    let is_foreign = site.is_some_and(|site| site != "same-origin" && site != "none");
    let shown = field(form, "form_key").unwrap_or_default();
    !is_foreign && random::digests_equal(&random::digest(&shown), &random::digest(key))
}

/// Sends a browser to the sign-in page, which sends it back.
fn to_sign_in(root: &str, back: Option<&str>) -> Response {
    let back = back.map(|path| path.trim_start_matches('/'));
    let address = match back.filter(|back| !back.is_empty()) {
        Some(back) => format!("{root}sign-in?back={}", segment(back)),
        None => format!("{root}sign-in"),
    };
    redirect(&address)
}

/// Sends a browser to another page, by GET.
pub(super) fn redirect(address: &str) -> Response {
    let headers = [
        (header::LOCATION, address),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

fn forbidden(root: &str, viewer: &Viewer) -> Response {
    let way_out = html! {
        "Sign out and sign in with a token that does: "
        code { "engine tokens create --role" } " makes one."
    };
    problem(
        Frame::of("Not with this token", root, viewer),
        StatusCode::FORBIDDEN,
        "The role of your token does not show this page.",
        &way_out,
    )
}

fn foreign_form(root: &str, viewer: &Viewer) -> Response {
    problem(
        Frame::of("This form is out of date", root, viewer),
        StatusCode::FORBIDDEN,
        "The form was not shown by this engine, or before you signed in again. Nothing was done.",
        &html! { a href=(root) { "Begin again" } "." },
    )
}
