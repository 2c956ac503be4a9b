//! The mocked service as a whole: its parts, and the steps every API request
//! goes through before and after its route.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::body::Bytes;
use hyper::{HeaderMap, Method};

use super::answer::{Answer, Body};
use super::auth::{Caller, authenticate};
use super::call::{Call, check_content_type};
use super::clock::Clock;
use super::delivery::Deliveries;
use super::errors::ApiError;
use super::faults::FaultBook;
use super::git_repository::{GitError, RefKind};
use super::links::Urls;
use super::locked;
use super::oauth::OAuthServer;
use super::pagination::{Paging, WalkCache, page_length, page_number};
use super::rate_limit::{self, RateLimiter};
use super::record::Recorder;
use super::router::{Access, Match, Route, Router};
use super::routes::removed;
use super::state::{Repository, State};
use super::storage_host::Storage;
use super::tokens::{CredentialKind, TokenStore};

/// What cannot change while the mock serves.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Waited before every answer.
    pub(crate) latency: Duration,
    /// Whether hooks may point at this machine or a private network.
    pub(crate) allow_local_hook_urls: bool,
    /// The OAuth consumer's identifier.
    pub(crate) client_id: String,
    /// The OAuth consumer's secret.
    pub(crate) client_secret: String,
    /// The OAuth consumer's callback addresses; never empty.
    pub(crate) callback_urls: Vec<String>,
}

/// The whole mocked service, shared by all connections.
pub(crate) struct Mock {
    pub(crate) urls: Urls,
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) router: Router,
    pub(crate) state: Mutex<State>,
    pub(crate) tokens: Mutex<TokenStore>,
    pub(crate) oauth: Mutex<OAuthServer>,
    pub(crate) faults: FaultBook,
    pub(crate) recorder: Recorder,
    pub(crate) deliveries: Arc<Deliveries>,
    pub(crate) rate_limiter: RateLimiter,
    pub(crate) walks: WalkCache,
    pub(crate) storage: Arc<Storage>,
    /// One lock per repository: pushes are compared with what was there before.
    push_locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// The parts of a [`Mock`] that its builder decides.
pub(crate) struct Parts {
    pub(crate) urls: Urls,
    pub(crate) settings: Settings,
    pub(crate) faults: FaultBook,
    pub(crate) recorder: Recorder,
    pub(crate) deliveries: Arc<Deliveries>,
    pub(crate) rate_limiter: RateLimiter,
    pub(crate) storage: Arc<Storage>,
}

/// An API request as the server hands it over.
pub(crate) struct Request {
    pub(crate) raw_path: String,
    pub(crate) raw_query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Mock {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            urls: parts.urls,
            settings: parts.settings,
            clock: Clock::new(),
            router: Router::new(),
            state: Mutex::default(),
            tokens: Mutex::default(),
            oauth: Mutex::default(),
            faults: parts.faults,
            recorder: parts.recorder,
            deliveries: parts.deliveries,
            rate_limiter: parts.rate_limiter,
            walks: WalkCache::default(),
            storage: parts.storage,
            push_locks: Mutex::default(),
        }
    }

    /// The operation behind an address.
    pub(crate) fn find_route(&self, method: &Method, path: &str) -> Result<Match, ApiError> {
        if let Some(gone) = removed::check(path) {
            return Err(gone);
        }
        self.router.find(method, path)
    }

    /// Answers an API request. Blocking: it may start git.
    pub(crate) fn answer(
        self: &Arc<Self>,
        request: Request,
        found: Result<Match, ApiError>,
    ) -> Answer {
        let found = match found {
            Ok(found) => found,
            Err(error) => return error.into_answer(),
        };
        let query: Vec<(String, String)> =
            url::form_urlencoded::parse(request.raw_query.as_bytes())
                .into_owned()
                .collect();
        let mut call = Call {
            mock: Arc::clone(self),
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
            Err(error) => return error.into_answer(),
        }
        let standing = self.count(&call);
        let answer = if standing
            .as_ref()
            .is_some_and(|standing| standing.exceeded())
        {
            rate_limit::exceeded()
        } else {
            checked(&call).unwrap_or_else(ApiError::into_answer)
        };
        let mut answer = partial(&call, answer);
        answer.headers.extend(
            standing
                .map(|standing| standing.headers())
                .unwrap_or_default(),
        );
        answer.headers.extend(scope_headers(&call));
        answer
    }

    fn count(&self, call: &Call) -> Option<rate_limit::Standing> {
        let who = call
            .caller
            .as_ref()
            .map_or("", |caller| caller.credential.secret.expose());
        self.rate_limiter
            .count(who, call.route.template, self.clock.now())
    }

    /// The main branch, if the repository has any branch at all.
    pub(crate) fn main_branch(&self, repository: &Repository) -> Result<Option<String>, ApiError> {
        let wanted = match &repository.main_branch {
            Some(name) => Some(name.clone()),
            None => repository.git.head_branch()?,
        };
        if let Some(name) = wanted
            && repository.git.find_ref(RefKind::Branch, &name)?.is_some()
        {
            return Ok(Some(name));
        }
        // HEAD is detached or names a branch that is not there: any branch will do.
        Ok(repository
            .git
            .refs(RefKind::Branch)?
            .first()
            .map(|first| first.name.clone()))
    }

    /// The lock that pushes to a repository hold.
    pub(crate) fn push_lock(&self, uuid: &str) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(locked(&self.push_locks).entry(uuid.to_owned()).or_default())
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
fn checked(call: &Call) -> Result<Answer, ApiError> {
    if let (Access::Scopes(needed) | Access::Account(needed), Some(caller)) =
        (&call.route.access, &call.caller)
    {
        caller.require(needed)?;
    }
    if let Some((unknown, _)) = call.query.iter().find(|(name, _)| !call.route.knows(name)) {
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
fn partial(call: &Call, mut answer: Answer) -> Answer {
    if let (200..=299, Some(fields), Body::Json(document)) =
        (answer.status, call.query_value("fields"), &mut answer.body)
    {
        *document = super::fields::trim(document.take(), fields);
    }
    answer
}

/// What the credential has and what the route takes.
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
    ]
}

impl Route {
    /// The name under which requests to this route are recorded.
    pub(crate) fn operation(&self) -> &'static str {
        self.template
    }
}

impl From<GitError> for ApiError {
    fn from(error: GitError) -> Self {
        Self::internal(error.to_string())
    }
}
