//! The steps that every API request goes through before and after its route.

use std::sync::{Arc, OnceLock};

use hyper::body::Bytes;
use hyper::{HeaderMap, Method};

use crate::api::auth::{Caller, authenticate};
use crate::api::call::{Access, Call, Paging, Route, check_content_type};
use crate::api::fields;
use crate::api::pagination::{page_length, page_number};
use crate::api::rate_limit::{self, RateLimiter};
use crate::api::router::{Match, Router};
use crate::api::routes::{self, removed};
use crate::model::errors::ApiError;
use crate::model::mock::Mock;
use crate::model::permissions::CredentialKind;
use crate::model::response::{Body, Response};
use crate::view::whole::WholeObjects;

/// The REST API over the mocked service.
pub(crate) struct Api {
    mock: Arc<Mock>,
    router: Router,
    pub(crate) rate_limiter: RateLimiter,
}

/// An API request as the server hands it over.
pub(crate) struct Request {
    pub(crate) raw_path: String,
    pub(crate) raw_query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Every route there is, made once.
fn table() -> &'static [Route] {
    static ROUTES: OnceLock<Vec<Route>> = OnceLock::new();
    ROUTES.get_or_init(routes::all)
}

impl Api {
    /// The API of this service, with its request budget.
    pub(crate) fn new(mock: Arc<Mock>, rate_limiter: RateLimiter) -> Self {
        Self {
            mock,
            router: Router::new(table()),
            rate_limiter,
        }
    }

    /// The operation behind an address.
    pub(crate) fn find_route(&self, method: &Method, path: &str) -> Result<Match, ApiError> {
        if let Some(gone) = removed::check(path) {
            return Err(gone);
        }
        self.router.find(method, path, self.mock.settings.lenient)
    }

    /// Responds to an API request. Blocking: it may start git.
    pub(crate) fn respond(&self, request: Request, found: Result<Match, ApiError>) -> Response {
        let found = match found {
            Ok(found) => found,
            Err(error) => return error.into_response(),
        };
        let query: Vec<(String, String)> =
            url::form_urlencoded::parse(request.raw_query.as_bytes())
                .into_owned()
                .collect();
        let mut call = Call {
            mock: Arc::clone(&self.mock),
            route: found.route,
            raw_path: request.raw_path,
            parameters: found.parameters,
            query,
            headers: request.headers,
            body: request.body,
            caller: None,
        };
        match authorise(&call) {
            Ok(caller) => call.caller = caller,
            Err(error) => return error.into_response(),
        }
        let quota = self.count(&call);
        let response = if quota.as_ref().is_some_and(|quota| quota.exceeded()) {
            rate_limit::exceeded()
        } else {
            checked(&call).unwrap_or_else(ApiError::into_response)
        };
        let mut response = partial(&call, response);
        if tells_its_quota(&call) {
            let headers = quota.map(|quota| quota.headers());
            response.headers.extend(headers.unwrap_or_default());
        }
        response.headers.extend(scope_headers(&call));
        response
    }

    fn count(&self, call: &Call) -> Option<rate_limit::QuotaStatus> {
        let who = call
            .caller
            .as_ref()
            .map_or("", |caller| caller.credential.secret.expose());
        self.rate_limiter
            .count(who, call.route.template, self.mock.clock.now())
    }
}

/// Authentication as the route asks for it.
fn authorise(call: &Call) -> Result<Option<Caller>, ApiError> {
    if call.query_value("access_token").is_some() {
        return Err(ApiError::new(
            401,
            "Access tokens are not accepted in the query string; send them in the Authorization header.",
        ));
    }
    let account_only = match call.route.access {
        Access::Anybody => return Ok(None),
        Access::Scopes(_) => false,
        Access::Account(_) => true,
    };
    let caller = authenticate(&call.mock, &call.headers)?;
    match &caller {
        Some(caller)
            if account_only
                && matches!(
                    caller.credential.kind,
                    CredentialKind::RepositoryAccessToken | CredentialKind::WorkspaceAccessToken
                ) =>
        {
            Err(ApiError::invalid_token())
        }
        // Repositories may be public; their handlers decide. Nothing else is.
        None if !call.route.template.contains("{repo_slug}") => Err(ApiError::invalid_token()),
        _ => Ok(caller),
    }
}

/// The checks that do not depend on the route's subject, then the route.
fn checked(call: &Call) -> Result<Response, ApiError> {
    if let (Access::Scopes(needed) | Access::Account(needed), Some(caller)) =
        (&call.route.access, &call.caller)
    {
        caller.require(needed)?;
    }
    let unknown = call.query.iter().find(|(name, _)| !call.route.knows(name));
    if let Some((unknown, _)) = unknown.filter(|_| !call.mock.settings.lenient) {
        return Err(ApiError::bad_request(format!(
            "Unknown query parameter: {unknown}"
        )));
    }
    page_length(call)?;
    if matches!(call.route.paging, Paging::Numbered { .. }) {
        page_number(call)?;
    }
    check_content_type(call.route.body, &call.headers, &call.body)?;
    (call.route.handler)(call)
}

/// Applies `fields`.
fn partial(call: &Call, mut response: Response) -> Response {
    if let (200..=299, Some(fields), Body::Json(document)) = (
        response.status,
        call.query_value("fields"),
        &mut response.body,
    ) {
        let mut whole = WholeObjects::default();
        for path in fields::wanted(fields) {
            whole.grow(&call.mock, document, path);
        }
        *document = fields::trim(document.take(), fields);
    }
    response
}

/// Whether the service tells this credential how much of its quota is left: only
/// access tokens learn it.
fn tells_its_quota(call: &Call) -> bool {
    call.caller.as_ref().is_some_and(|caller| {
        matches!(
            caller.credential.kind,
            CredentialKind::RepositoryAccessToken | CredentialKind::WorkspaceAccessToken
        )
    })
}

/// What the credential is, what it has and what the route takes.
fn scope_headers(call: &Call) -> Vec<(String, String)> {
    let (Access::Scopes(needed) | Access::Account(needed), Some(caller)) =
        (&call.route.access, &call.caller)
    else {
        return Vec::new();
    };
    vec![
        (
            "x-accepted-oauth-scopes".to_owned(),
            needed.for_kind(caller.credential.kind).join(", "),
        ),
        (
            "x-oauth-scopes".to_owned(),
            caller.credential.scopes.join(", "),
        ),
        (
            "x-credential-type".to_owned(),
            caller.credential.kind.name().to_owned(),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_encoded_segment() {
        let router = Router::new(table());
        let encoded = router.find(
            &Method::GET,
            "/2.0/repositories/w/r/refs/branches/feature%2Fa%23b",
            false,
        );
        assert_eq!(
            encoded
                .ok()
                .and_then(|found| found.parameters.last().map(|last| last.1.clone())),
            Some("feature/a#b".to_owned())
        );
        let raw = router.find(
            &Method::GET,
            "/2.0/repositories/w/r/refs/branches/feature/a",
            false,
        );
        assert_eq!(
            raw.err().map(|error| error.into_response().status),
            Some(404)
        );
    }

    #[test]
    fn a_known_address_with_another_method_is_405() {
        let response = Router::new(table())
            .find(&Method::PATCH, "/2.0/user", false)
            .err()
            .map(ApiError::into_response);
        assert_eq!(response.as_ref().map(|response| response.status), Some(405));
        assert!(response.is_some_and(|response| {
            response
                .headers
                .contains(&("allow".to_owned(), "GET".to_owned()))
        }));
    }

    #[test]
    fn templates_are_unique() {
        let mut seen = std::collections::HashSet::new();
        for route in routes::all() {
            assert!(
                seen.insert((route.method.clone(), route.template)),
                "{} {} is there twice",
                route.method,
                route.template
            );
        }
    }
}
