//! The end of a consent: what the service sends the browser back with is used up, and
//! the browser is sent on, so that neither the code nor the state stays in its address
//! and a reload does no harm.

use super::super::Shared;
use super::super::api::{CallbackParameters, end_consent};
use super::super::browser;
use super::super::extract::{Path, Query};
use super::guard::redirect;
use super::html::{Frame, problem};
use super::paths::project_path;
use super::session;
use super::viewer::way_up;
use crate::consent::ConsentError;
use crate::status_url::segment;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use maud::html;
use std::sync::Arc;
use vcs_provider_interface::error::ErrorKind;

const ROOT: &str = "../";

/// How a consent can end badly: the word in the address of its page, the page's
/// status, what it says, and the way out.
const ENDS: [(&str, StatusCode, &str, &str); 7] = [
    (
        "unknown",
        StatusCode::BAD_REQUEST,
        "This answer of the consent page belongs to no open request: it was used before, is older than ten minutes, or was begun in another browser or for another project.",
        "Open the page of your project and connect again.",
    ),
    (
        "denied",
        StatusCode::FORBIDDEN,
        "access_denied: access was refused on the consent page.",
        "If that was not meant, open the page of your project and connect again.",
    ),
    (
        "not-possible",
        StatusCode::FORBIDDEN,
        "The service did not give access: the consumer may not ask for it, or lacks permissions.",
        "Check the consumer's permissions and callback at the service, then connect again.",
    ),
    (
        "no-code",
        StatusCode::BAD_REQUEST,
        "The service sent no code.",
        "Open the page of your project and connect again.",
    ),
    (
        "rejected",
        StatusCode::BAD_REQUEST,
        "The service rejected the code or the consumer.",
        "Connect again. If that does not help, check the consumer's key and secret in the configuration.",
    ),
    (
        "unreachable",
        StatusCode::SERVICE_UNAVAILABLE,
        "The service could not be asked.",
        "Connect again in a moment.",
    ),
    (
        "failed",
        StatusCode::BAD_GATEWAY,
        "No grant could be made of the service's response.",
        "The engine's log says why.",
    ),
];

/// Takes what the service's consent page sends back.
pub(super) async fn callback(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    Query(parameters): Query<CallbackParameters>,
) -> Response {
    let root = way_up(uri.path());
    let browser = browser::shown(&headers);
    let consented = match end_consent(&shared, parameters, None, browser).await {
        Ok(consented) => consented,
        Err(error) => return redirect(&format!("{root}consent/{}", word_of(&error))),
    };
    // A session shows the project; somebody else is told that it is done.
    match session::viewer(&shared, &headers).await {
        Ok(Some(_)) => redirect(&format!(
            "{root}{}?connected={}",
            project_path(&consented.project),
            segment(&consented.server)
        )),
        _ => redirect(&format!("{root}consent/connected")),
    }
}

fn word_of(error: &ConsentError) -> &'static str {
    match error {
        ConsentError::UnknownState => "unknown",
        ConsentError::NoCode => "no-code",
        ConsentError::Denied(reason) if reason.starts_with("access_denied") => "denied",
        ConsentError::Denied(reason)
            if reason.starts_with("server_error") || reason.starts_with("temporarily") =>
        {
            "unreachable"
        }
        ConsentError::Denied(_) => "not-possible",
        ConsentError::Failed(error) => {
            // What the service said is for the log: it may hold anything, also what it
            // was sent.
            tracing::warn!(%error, "a consent could not be turned into a grant");
            match error.kind {
                ErrorKind::UNAUTHENTICATED => "rejected",
                ErrorKind::TIMEOUT | ErrorKind::UNAVAILABLE | ErrorKind::RATE_LIMITED => {
                    "unreachable"
                }
                _ => "failed",
            }
        }
    }
}

/// How a consent ended, for everybody: says nothing of whose it was.
pub(super) async fn ended(Path(word): Path<String>) -> Response {
    if word == "connected" {
        return Frame::open("Connected", ROOT).with(&html! {
            div.notice.good role="status" {
                p { "The engine may act for the project now. You can close this page." }
            }
            p { a href=(ROOT) { "To the overview" } }
        });
    }
    let found = ENDS.iter().find(|(end, ..)| *end == word);
    let Some((_, status, sentence, way_out)) = found else {
        let way_out = html! { a href=(ROOT) { "To the overview" } };
        let frame = Frame::open("Not found", ROOT);
        let sentence = "There is nothing at this address.";
        return problem(frame, StatusCode::NOT_FOUND, sentence, &way_out);
    };
    let way_out = html! { (way_out) " " a href=(ROOT) { "To the overview" } };
    problem(
        Frame::open("Not connected", ROOT),
        *status,
        sentence,
        &way_out,
    )
}
