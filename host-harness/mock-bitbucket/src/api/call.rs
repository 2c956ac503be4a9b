//! One request on its way through a route: its parts, read strictly.

use std::sync::Arc;

use hyper::body::Bytes;
use hyper::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::api::auth::Caller;
use crate::model::errors::{ApiError, RouteResult};
use crate::model::links;
use crate::model::mock::Mock;
use crate::model::permissions::Permission;
use crate::model::repository::{Repository, Workspace};
use crate::model::state::Found;
use crate::model::user::User;
use crate::sync::lock;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody, without a credential; one that is sent is not looked at.
    Anybody,
    /// Callers with these scopes; for public repositories also without a credential.
    Scopes(Permission),
    /// Like `Scopes`, but access tokens are rejected: they are nobody's account.
    Account(Permission),
}

/// What body a route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyKind {
    /// None; a body that comes is not looked at.
    None,
    /// `application/json`.
    Json,
    /// `application/json` or nothing.
    OptionalJson,
    /// `application/x-www-form-urlencoded` or nothing.
    OptionalForm,
    /// Whatever comes; the handler looks at it.
    Any,
}

/// What runs a route. Handlers are blocking: they run outside of the server's
/// event loop and may start git.
pub(crate) type Handler = fn(&Call) -> RouteResult;

/// How a route cuts its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paging {
    /// Not a list.
    None,
    /// Pages by number, with `size`, `page` and `previous`.
    Numbered { default: usize, most: usize },
    /// Pages by an opaque cursor in `page`, with nothing but `next`.
    Cursor { default: usize, most: usize },
}

/// One operation. Made with [`Route::new`] and narrowed by the methods after it.
pub(crate) struct Route {
    pub(crate) method: Method,
    /// `/2.0/repositories/{workspace}/{repo_slug}`; a last `{name*}` takes the
    /// rest of the path, slashes and all.
    pub(crate) template: &'static str,
    pub(crate) access: Access,
    pub(crate) query: &'static [&'static str],
    pub(crate) paging: Paging,
    pub(crate) body: BodyKind,
    /// Whether a page says how many items there are in all.
    pub(crate) sized: bool,
    /// The type of what is listed, for `q` and `sort`; see `schema`.
    pub(crate) items: &'static str,
    pub(crate) handler: Handler,
}

impl Route {
    /// A route that anybody may call, without parameters or body.
    pub(crate) fn new(method: Method, template: &'static str, handler: Handler) -> Self {
        Self {
            method,
            template,
            access: Access::Anybody,
            query: &[],
            paging: Paging::None,
            body: BodyKind::None,
            sized: true,
            items: "",
            handler,
        }
    }

    /// A `GET` route.
    pub(crate) fn get(template: &'static str, handler: Handler) -> Self {
        Self::new(Method::GET, template, handler)
    }

    /// A `POST` route.
    pub(crate) fn post(template: &'static str, handler: Handler) -> Self {
        Self::new(Method::POST, template, handler)
    }

    /// A `PUT` route.
    pub(crate) fn put(template: &'static str, handler: Handler) -> Self {
        Self::new(Method::PUT, template, handler)
    }

    /// A `DELETE` route.
    pub(crate) fn delete(template: &'static str, handler: Handler) -> Self {
        Self::new(Method::DELETE, template, handler)
    }

    /// Asks for these scopes.
    pub(crate) fn scopes(mut self, permission: Permission) -> Self {
        self.access = Access::Scopes(permission);
        self
    }

    /// Asks for these scopes and for a credential of a person.
    pub(crate) fn account(mut self, permission: Permission) -> Self {
        self.access = Access::Account(permission);
        self
    }

    /// Takes these query parameters, besides `fields` and those of paging.
    pub(crate) fn query(mut self, names: &'static [&'static str]) -> Self {
        self.query = names;
        self
    }

    /// Responds with numbered pages.
    pub(crate) fn numbered(mut self, default: usize, most: usize) -> Self {
        self.paging = Paging::Numbered { default, most };
        self
    }

    /// Lists objects of this type.
    pub(crate) fn of(mut self, items: &'static str) -> Self {
        self.items = items;
        self
    }

    /// Pages do not say how many items there are in all.
    pub(crate) fn without_size(mut self) -> Self {
        self.sized = false;
        self
    }

    /// Responds with pages with a cursor.
    pub(crate) fn cursor(mut self, default: usize, most: usize) -> Self {
        self.paging = Paging::Cursor { default, most };
        self
    }

    /// Takes a body.
    pub(crate) fn body(mut self, kind: BodyKind) -> Self {
        self.body = kind;
        self
    }

    /// The parameters of a path that fits the template, decoded.
    pub(crate) fn fit(
        &self,
        segments: &[&str],
        lenient: bool,
    ) -> Option<Vec<(&'static str, String)>> {
        let mut parameters = Vec::new();
        let mut given = segments.iter();
        for wanted in self.template.split('/').skip(1) {
            match wanted
                .strip_prefix('{')
                .and_then(|name| name.strip_suffix('}'))
            {
                Some(name) => match name.strip_suffix('*').or(self.loose(name, lenient)) {
                    Some(name) => {
                        let first = given.next()?;
                        let mut rest = decode_segment(first)?;
                        for segment in given.by_ref() {
                            rest.push('/');
                            rest.push_str(&decode_segment(segment)?);
                        }
                        parameters.push((name, rest));
                    }
                    None => {
                        let value = decode_segment(given.next()?)?;
                        if value.is_empty() {
                            return None;
                        }
                        parameters.push((name, value));
                    }
                },
                None if *given.next()? == wanted => {}
                None => return None,
            }
        }
        given.next().is_none().then_some(parameters)
    }

    /// The parameter, if it is the name of a ref and raw slashes in it are taken.
    fn loose<'a>(&self, parameter: &'a str, lenient: bool) -> Option<&'a str> {
        let is_ref = parameter == "name" && self.template.contains("/refs/");
        (lenient && is_ref).then_some(parameter)
    }

    /// Whether the last parameter takes the rest of the path.
    pub(crate) fn takes_the_rest(&self) -> bool {
        self.template.ends_with("*}")
    }

    /// The name under which requests to this route are recorded.
    pub(crate) fn operation(&self) -> &'static str {
        self.template
    }

    /// Whether a query parameter is known here.
    pub(crate) fn knows(&self, parameter: &str) -> bool {
        parameter == "fields"
            || self.query.contains(&parameter)
            || (self.paging != Paging::None && matches!(parameter, "page" | "pagelen"))
    }
}

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
        lock(&self.mock.state)
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
            let state = lock(&self.mock.state);
            let found = state.find_repository(workspace, slug);
            if matches!(&found, Found::Here(repository) if state.forbidden.contains(&repository.uuid))
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

/// The account of the caller, if there is one.
pub(crate) fn caller_account(call: &Call) -> Option<&User> {
    call.caller
        .as_ref()
        .map(|caller| caller.credential.user.as_ref())
}
