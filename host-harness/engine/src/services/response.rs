//! Answers of the services: records as JSON, errors with a status that says
//! whose fault it is.

use crate::consent::ConsentError;
use crate::events::Rejection;
use crate::store::StoreError;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa::ToSchema;
use vcs_provider_interface::error::{ErrorKind, VcsError};

/// What a route answers with.
pub(super) type JsonResult<T> = Result<Json<T>, Failure>;

/// A failed call as the caller sees it: the error itself, and a status made of
/// its kind.
#[derive(Debug)]
pub(super) struct Failure(pub(super) VcsError);

impl<E: Into<VcsError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// The status of an error. 401 is kept for callers of the engine: a credential
/// that the service rejects is 403 here.
pub(super) fn status_of(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::INVALID_INPUT => StatusCode::BAD_REQUEST,
        ErrorKind::UNAUTHENTICATED | ErrorKind::PERMISSION_DENIED => StatusCode::FORBIDDEN,
        ErrorKind::NOT_FOUND => StatusCode::NOT_FOUND,
        ErrorKind::ALREADY_EXISTS | ErrorKind::CONFLICT => StatusCode::CONFLICT,
        ErrorKind::RATE_LIMITED => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::UNAVAILABLE | ErrorKind::CANCELLED => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::TIMEOUT => StatusCode::GATEWAY_TIMEOUT,
        ErrorKind::UNSUPPORTED => StatusCode::NOT_IMPLEMENTED,
        ErrorKind::ENDPOINT_REMOVED | ErrorKind::INVALID_RESPONSE => StatusCode::BAD_GATEWAY,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let wait = self.0.retry_after();
        let mut response = (status_of(self.0.kind), Json(self.0)).into_response();
        if let Some(wait) = wait {
            let seconds = wait.as_millis().div_ceil(1000);
            if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
                response.headers_mut().insert(header::RETRY_AFTER, value);
            }
        }
        response
    }
}

/// The body of every error, as the OpenAPI document shows it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the form of an error, which `VcsError` writes")]
pub(super) struct ErrorBody {
    /// One word for programs.
    kind: String,
    /// One or more sentences for people.
    message: String,
    /// Whether the same request may succeed later.
    retryable: bool,
}

/// An error in the words of this request, without a provider behind it.
pub(super) fn reject(status: StatusCode, message: &str) -> Response {
    let kind = match status {
        StatusCode::UNAUTHORIZED => ErrorKind::UNAUTHENTICATED,
        StatusCode::FORBIDDEN => ErrorKind::PERMISSION_DENIED,
        StatusCode::NOT_FOUND => ErrorKind::NOT_FOUND,
        StatusCode::CONFLICT => ErrorKind::CONFLICT,
        StatusCode::TOO_MANY_REQUESTS => ErrorKind::RATE_LIMITED,
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => ErrorKind::TIMEOUT,
        StatusCode::METHOD_NOT_ALLOWED => ErrorKind::UNSUPPORTED,
        StatusCode::SERVICE_UNAVAILABLE => ErrorKind::UNAVAILABLE,
        status if status.is_client_error() => ErrorKind::INVALID_INPUT,
        _ => ErrorKind::INTERNAL,
    };
    (status, Json(VcsError::new(kind, message))).into_response()
}

impl IntoResponse for &Rejection {
    fn into_response(self) -> Response {
        let status = match self {
            Rejection::UnknownHook => StatusCode::NOT_FOUND,
            Rejection::Unsigned => StatusCode::UNAUTHORIZED,
            Rejection::Unreadable(_) => StatusCode::BAD_REQUEST,
            Rejection::NotNow(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        reject(status, &self.to_string())
    }
}

impl IntoResponse for ConsentError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Failed(error) => {
                // What the service said is for the log: it may hold anything, also
                // what it was sent.
                tracing::warn!(%error, "a consent could not be turned into a grant");
                let (status, sentence) = failure_of_consent(error.kind);
                return reject(status, sentence);
            }
            Self::UnknownState | Self::NoCode => StatusCode::BAD_REQUEST,
            Self::Denied(_) => StatusCode::FORBIDDEN,
        };
        reject(status, &self.to_string())
    }
}

fn failure_of_consent(kind: ErrorKind) -> (StatusCode, &'static str) {
    match kind {
        // The code or the consumer was rejected, which is the request's fault.
        ErrorKind::UNAUTHENTICATED => (
            StatusCode::BAD_REQUEST,
            "the service rejected the code or the consumer; begin again, and check the consumer's key and secret if that does not help",
        ),
        ErrorKind::TIMEOUT | ErrorKind::UNAVAILABLE | ErrorKind::RATE_LIMITED => (
            status_of(kind),
            "the service could not be asked; begin again in a moment",
        ),
        kind => (
            status_of(kind),
            "no grant could be made of the service's response; the engine's log says why",
        ),
    }
}

impl From<StoreError> for Rejection {
    fn from(error: StoreError) -> Self {
        Self::NotNow(error.to_string())
    }
}
