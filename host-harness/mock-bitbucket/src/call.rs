//! One request on its way through a route: its parts, read strictly.

use std::sync::Arc;

use hyper::HeaderMap;
use hyper::body::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::auth::Caller;
use super::errors::ApiError;
use super::router::{BodyKind, Route};
use super::service::Mock;
use super::state::{Found, Repository, User, Workspace};
use super::{links, locked};

/// Everything a handler can see of a request.
pub(crate) struct Call {
    pub(crate) mock: Arc<Mock>,
    pub(crate) route: &'static Route,
    /// The path as it came, still encoded.
    pub(crate) raw_path: String,
    /// Path parameters by name, decoded.
    pub(crate) parameters: Vec<(&'static str, String)>,
    /// Query parameters in order, decoded.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) caller: Option<Caller>,
}

impl Call {
    /// A path parameter. Empty if the template has none of this name.
    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.parameters
            .iter()
            .find(|(key, _)| *key == name)
            .map_or("", |(_, value)| value)
    }

    /// The first query parameter of this name.
    pub(crate) fn query_value(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// All query parameters of this name.
    pub(crate) fn query_values(&self, name: &str) -> Vec<String> {
        self.query
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
            .collect()
    }

    /// A request header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as a JSON object.
    pub(crate) fn json_object(&self) -> Result<Map<String, Value>, ApiError> {
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(object)) => Ok(object),
            Ok(_) => Err(ApiError::bad_request(
                "The request body has to be a JSON object.",
            )),
            Err(_) => Err(ApiError::bad_request("Malformed JSON in the request body.")),
        }
    }

    /// The body as form fields.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.body)
            .into_owned()
            .collect()
    }

    /// The caller; every route that asks for scopes has one or a public repository.
    pub(crate) fn caller(&self) -> Result<&Caller, ApiError> {
        self.caller.as_ref().ok_or_else(ApiError::invalid_token)
    }

    /// The account behind the credential.
    pub(crate) fn user(&self) -> Result<&Arc<User>, ApiError> {
        Ok(&self.caller()?.credential.user)
    }

    /// The workspace that `{workspace}` names.
    pub(crate) fn workspace(&self) -> Result<Workspace, ApiError> {
        let id = self.parameter("workspace");
        locked(&self.mock.state)
            .workspace(id)
            .cloned()
            .ok_or_else(|| ApiError::not_found(format!("No workspace with identifier '{id}'.")))
    }

    /// The repository that `{workspace}/{repo_slug}` names, if the caller may
    /// have it: 404 when it may not be seen, 403 when it is closed to this
    /// caller, 301 when it has moved, 401 when nobody is logged in.
    pub(crate) fn repository(&self) -> Result<Arc<Repository>, ApiError> {
        let (workspace, slug) = (self.parameter("workspace"), self.parameter("repo_slug"));
        let found = {
            let state = locked(&self.mock.state);
            let found = state.find_repository(workspace, slug);
            if let Found::Here(repository) = &found
                && state.forbidden.contains(&repository.uuid)
            {
                return Err(ApiError::new(403, "Forbidden"));
            }
            found
        };
        let (repository, moved) = match found {
            Found::Here(repository) => (repository, false),
            Found::Moved(repository) => (repository, true),
            Found::Nowhere => return Err(ApiError::no_such_repository()),
        };
        match &self.caller {
            Some(caller) if caller.can_see(&repository) => {}
            Some(_) if repository.is_private => return Err(ApiError::no_such_repository()),
            None if repository.is_private => return Err(ApiError::invalid_token()),
            _ => {}
        }
        if moved {
            return Err(self.redirect_to(&repository));
        }
        Ok(repository)
    }

    fn redirect_to(&self, repository: &Repository) -> ApiError {
        let mut segments: Vec<String> = self.raw_path.split('/').map(str::to_owned).collect();
        if let [_, _, _, workspace, slug, ..] = segments.as_mut_slice() {
            *workspace = links::segment(&repository.workspace);
            *slug = links::segment(&repository.slug);
        }
        let mut location = format!("{}{}", self.mock.urls.origin, segments.join("/"));
        if !self.query.is_empty() {
            location.push('?');
            location.push_str(&links::query(&self.query));
        }
        ApiError::new(301, "Moved").with_header("location", location)
    }
}

/// Decodes one path segment. `None` when it is not UTF-8.
pub(crate) fn decode_segment(segment: &str) -> Option<String> {
    percent_decode_str(segment)
        .decode_utf8()
        .ok()
        .map(|text| text.into_owned())
}

/// Checks the content type of a body against what the route takes.
pub(crate) fn check_content_type(
    kind: BodyKind,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<(), ApiError> {
    let content_type = headers
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_ascii_lowercase())
        .unwrap_or_default();
    let accepted = match kind {
        BodyKind::None | BodyKind::Any => true,
        BodyKind::Json => content_type == "application/json",
        BodyKind::OptionalJson => body.is_empty() || content_type == "application/json",
        BodyKind::OptionalForm => {
            body.is_empty() || content_type == "application/x-www-form-urlencoded"
        }
    };
    if accepted {
        Ok(())
    } else {
        Err(ApiError::new(
            415,
            format!("Unsupported media type \"{content_type}\" in request."),
        ))
    }
}
