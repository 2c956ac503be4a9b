//! The error responses of Bitbucket Cloud, in its several shapes.

use serde_json::{Map, Value, json};

use crate::git::repository::GitError;
use crate::model::response::Response;

/// What every route returns.
pub(crate) type RouteResult = Result<Response, ApiError>;

/// An error response. Boxed, so that a `Result` stays small.
pub(crate) struct ApiError(Box<Response>);

impl ApiError {
    /// Wraps a ready response, whatever its shape.
    pub(crate) fn from_response(response: Response) -> Self {
        Self(Box::new(response))
    }

    /// The usual envelope: `{"type":"error","error":{"message":…}}`.
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        Self::with_error(status, json!({ "message": message.into() }))
    }

    /// The usual envelope around a whole `error` object.
    pub(crate) fn with_error(status: u16, error: Value) -> Self {
        Self::from_response(Response::json(
            status,
            json!({ "type": "error", "error": error }),
        ))
    }

    /// The envelope with a message and a longer `detail`.
    pub(crate) fn detailed(status: u16, message: &str, detail: impl Into<Value>) -> Self {
        Self::with_error(
            status,
            json!({ "message": message, "detail": detail.into() }),
        )
    }

    /// 400 with a message.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    /// 400 that blames fields of the body: each name with its complaints.
    pub(crate) fn fields(complaints: &[(String, String)]) -> Self {
        let message = match complaints {
            [(field, complaint)] => format!("{field}: {complaint}"),
            _ => "Bad request".to_owned(),
        };
        let mut fields: Map<String, Value> = Map::new();
        for (field, complaint) in complaints {
            let list = fields.entry(field.clone()).or_insert_with(|| json!([]));
            if let Value::Array(list) = list {
                list.push(json!(complaint));
            }
        }
        Self::with_error(400, json!({ "message": message, "fields": fields }))
    }

    /// 400 that blames one field.
    pub(crate) fn field(field: &str, complaint: impl Into<String>) -> Self {
        Self::fields(&[(field.to_owned(), complaint.into())])
    }

    /// 404 with a message.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, message)
    }

    /// 404 for a repository that is not there or that the caller may not see:
    /// the service does not tell the two apart.
    pub(crate) fn no_such_repository() -> Self {
        Self::not_found("No such repository, or this credential has no access to it.")
    }

    /// 404 for a commit; this one comes without `type`.
    pub(crate) fn no_such_changeset() -> Self {
        Self::from_response(Response::json(
            404,
            json!({ "error": { "message": "Changeset not found." } }),
        ))
    }

    /// 404 that names the commits a range could not find.
    pub(crate) fn no_such_commits(hashes: &[String]) -> Self {
        Self::with_error(
            404,
            json!({ "message": "Commit not found", "data": { "shas": hashes } }),
        )
    }

    /// 404 for an address without an API behind it.
    pub(crate) fn no_api_here() -> Self {
        Self::detailed(
            404,
            "Resource not found",
            "There is no API hosted at this URL.\n\nFor information about our API's, please refer to the documentation at: https://developer.atlassian.com/bitbucket/api/2/reference/",
        )
    }

    /// 401 for a credential that is wrong, dead, or of a kind the endpoint rejects.
    pub(crate) fn invalid_token() -> Self {
        Self::new(
            401,
            "Token is invalid, expired, or not supported for this endpoint.",
        )
        .with_header("www-authenticate", "Basic realm=\"Bitbucket.org HTTP\"")
    }

    /// 500 with an id, as the service reports its own faults; without `type`.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::from_response(Response::json(
            500,
            json!({ "error": { "message": message.into(), "id": uuid::Uuid::new_v4().simple().to_string() } }),
        ))
    }

    /// The same error with one header more.
    pub(crate) fn with_header(self, name: &str, value: impl Into<String>) -> Self {
        Self(Box::new(self.0.with_header(name, value)))
    }

    /// The response to send.
    pub(crate) fn into_response(self) -> Response {
        *self.0
    }
}

impl From<GitError> for ApiError {
    fn from(error: GitError) -> Self {
        Self::internal(error.to_string())
    }
}

/// The body of an endpoint that has been switched off, naming the announcement.
pub(crate) fn endpoint_removed() -> ApiError {
    let data = json!({ "announcement_url": "https://developer.atlassian.com/cloud/bitbucket/changelog#CHANGE-2770" });
    ApiError::from_response(Response::json(
        410,
        json!({
            "type": "error",
            "error": {
                "message": "CHANGE-2770 - Functionality has been deprecated",
                "detail": "Please read the changelog entry for more details.",
                "data": data,
            },
            "data": data,
        }),
    ))
}

/// The body of everything below `/1.0`.
pub(crate) fn first_version_removed() -> ApiError {
    ApiError::detailed(
        410,
        "Resource removed",
        "This API is no longer supported.\n\nFor information about its removal, please refer to the deprecation notice at: https://developer.atlassian.com/cloud/bitbucket/deprecation-notice-v1-apis/",
    )
}
