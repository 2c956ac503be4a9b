//! The api service: projects, their grants, their applications, and what became
//! of events. All but the answer of the consent page is for callers with the token.

use super::Shared;
use super::call::call;
use super::response::{Failure, JsonResult, plain};
use crate::consent::{Callback, Consent, ConsentError, Consented};
use crate::engine::blocking;
use crate::linking::{LinkRequest, Linked};
use crate::store::{Application, Cleanup, Run};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::records::{BuildState, Status};
use vcs_provider_interface::secret::Secret;

type App = State<Arc<Shared>>;
type ProjectItem = Path<(String, String)>;

/// The longest key of a project and name of an application.
const LONGEST_NAME: usize = 200;

/// The events of an application that are shown.
const SHOWN_EVENTS: usize = 200;

/// The routes for callers with the token.
pub(super) fn routes() -> Router<Arc<Shared>> {
    let application = Router::new()
        .route("/", get(application))
        .route("/link", post(link).delete(unlink))
        .route("/poll", post(poll))
        .route("/runs", get(runs))
        .route("/runs/{run}/state", post(set_run_state))
        .route("/runs/{run}/token", post(make_run_token))
        .route("/events", get(events))
        .route("/cleanups", get(cleanups));
    let manager = "/project/{key}/repositories_manager";
    Router::new()
        .route(manager, get(managers))
        .route(
            &format!("{manager}/{{name}}/authorize"),
            get(authorize).post(authorize),
        )
        .route(
            &format!("{manager}/{{name}}/authorize/callback"),
            post(authorize_callback),
        )
        .route("/applications", get(applications))
        .nest("/project/{key}/applications/{app}", application)
}

/// The route that the consent page sends browsers back to: without the token,
/// the state is the proof.
pub(super) fn open_routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/repositories_manager/oauth2/callback", get(callback))
        .route(
            "/cdsapi/repositories_manager/oauth2/callback",
            get(callback),
        )
}

#[derive(Serialize)]
struct Manager {
    name: String,
    r#type: String,
    linked: bool,
}

async fn managers(State(shared): App, Path(project): Path<String>) -> JsonResult<Vec<Manager>> {
    let linked = shared.engine.store.project_servers(&project)?;
    let servers = shared.engine.servers.names().into_iter();
    Ok(Json(
        servers
            .map(|(name, kind)| Manager {
                linked: linked.contains(&name),
                name,
                r#type: kind,
            })
            .collect(),
    ))
}

async fn authorize(
    State(shared): App,
    Path((project, server)): ProjectItem,
) -> JsonResult<Consent> {
    check_name("project key", &project)?;
    let consent = call(&shared, "authorize_redirect", move |engine, _| {
        engine.begin_consent(&project, &server)
    });
    consent.await.map(Json)
}

/// What the service's consent page sends back, in a query or as JSON.
#[derive(Deserialize)]
struct CallbackParameters {
    state: Option<Secret>,
    code: Option<Secret>,
    error: Option<String>,
    /// Who made the code (RFC 9207).
    iss: Option<String>,
}

async fn callback(
    State(shared): App,
    Query(parameters): Query<CallbackParameters>,
) -> Result<Response, ConsentError> {
    let consented = end_consent(&shared, parameters, None).await?;
    let sentence = format!(
        "The engine may act for project {} on {} now. You can close this page.",
        consented.project, consented.server
    );
    Ok(plain(StatusCode::OK, &sentence))
}

async fn authorize_callback(
    State(shared): App,
    Path(expected): ProjectItem,
    Json(parameters): Json<CallbackParameters>,
) -> Result<Json<Consented>, ConsentError> {
    end_consent(&shared, parameters, Some(expected))
        .await
        .map(Json)
}

async fn end_consent(
    shared: &Arc<Shared>,
    parameters: CallbackParameters,
    expected: Option<(String, String)>,
) -> Result<Consented, ConsentError> {
    let callback = Callback {
        state: parameters.state,
        code: parameters.code,
        error: parameters.error,
        expected,
        issuer: parameters.iss,
    };
    let ended = call(shared, "authorize_token", move |engine, _| {
        match engine.end_consent(callback) {
            Err(ConsentError::Failed(error)) => Err(error),
            result => Ok(result),
        }
    });
    match ended.await {
        Ok(result) => result,
        Err(Failure(error)) => Err(error.into()),
    }
}

async fn applications(State(shared): App) -> JsonResult<Vec<Application>> {
    Ok(Json(shared.engine.store.applications()?))
}

async fn application(
    State(shared): App,
    Path((project, name)): ProjectItem,
) -> JsonResult<Application> {
    Ok(Json(shared.engine.store.application(&project, &name)?))
}

async fn link(
    State(shared): App,
    Path((project, name)): ProjectItem,
    Json(request): Json<LinkRequest>,
) -> JsonResult<Linked> {
    check_name("project key", &project)?;
    check_name("application name", &name)?;
    let linked = call(&shared, "link", move |engine, context| {
        engine.link(context, &project, &name, request)
    });
    let linked = linked.await?;
    // There is a repository more to poll.
    shared.engine.wake_poller.notify_one();
    Ok(Json(linked))
}

async fn unlink(
    State(shared): App,
    Path((project, name)): ProjectItem,
) -> Result<Response, Failure> {
    call(&shared, "unlink", move |engine, context| {
        engine.unlink(context, &project, &name)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn poll(State(shared): App, Path((project, name)): ProjectItem) -> JsonResult<Value> {
    let found = call(&shared, "poll", move |engine, _| {
        engine.poll(&engine.store.application(&project, &name)?)
    });
    Ok(Json(json!({ "events": found.await? })))
}

#[derive(Deserialize)]
struct OfBranch {
    branch: Option<String>,
}

async fn runs(
    State(shared): App,
    Path((project, name)): ProjectItem,
    Query(of): Query<OfBranch>,
) -> JsonResult<Vec<Run>> {
    let store = &shared.engine.store;
    let application = store.application(&project, &name)?;
    Ok(Json(store.runs(application.id, of.branch.as_deref())?))
}

/// The new state of a run.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewState {
    state: BuildState,
    #[serde(default)]
    description: String,
    pull_request: Option<u64>,
}

async fn set_run_state(
    State(shared): App,
    Path((project, name, run)): Path<(String, String, i64)>,
    Json(new): Json<NewState>,
) -> JsonResult<Status> {
    let status = call(&shared, "set_status", move |engine, context| {
        let application = engine.store.application(&project, &name)?;
        let found = engine.store.run(run)?;
        if found.application != application.id {
            let message = format!("application {name:?} has no run {run}");
            return Err(VcsError::new(ErrorKind::NOT_FOUND, message));
        }
        let of_application = (&application, &found);
        engine.report_run(
            context,
            of_application,
            new.state,
            &new.description,
            new.pull_request,
        )
    });
    status.await.map(Json)
}

/// The token of a run, for whoever carries it out. It cannot be shown again.
#[derive(Serialize)]
struct RunToken {
    token: String,
    expires_at: Option<i64>,
}

async fn make_run_token(
    State(shared): App,
    Path((project, name, run)): Path<(String, String, i64)>,
) -> Result<Response, Failure> {
    let engine = Arc::clone(&shared.engine);
    let issued = blocking(move || {
        let application = engine.store.application(&project, &name)?;
        if engine.store.run(run)?.application != application.id {
            let message = format!("application {name:?} has no run {run}");
            return Err(VcsError::new(ErrorKind::NOT_FOUND, message));
        }
        engine.issue_run_token(run)
    });
    let issued = issued.await?;
    let token = RunToken {
        token: issued.token.expose().to_owned(),
        expires_at: issued.expires_at,
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(token)).into_response())
}

async fn events(State(shared): App, Path((project, name)): ProjectItem) -> JsonResult<Vec<Value>> {
    let store = &shared.engine.store;
    let application = store.application(&project, &name)?;
    let events = store.events(Some(application.id), None, SHOWN_EVENTS)?;
    Ok(Json(events.iter().map(super::monitoring::shown).collect()))
}

async fn cleanups(
    State(shared): App,
    Path((project, name)): ProjectItem,
) -> JsonResult<Vec<Cleanup>> {
    let store = &shared.engine.store;
    let application = store.application(&project, &name)?;
    Ok(Json(store.planned_cleanups(application.id)?))
}

/// Keys and names stand in addresses, in logs and in the ids of grants.
fn check_name(what: &str, name: &str) -> Result<(), VcsError> {
    let is_plain = |c: char| !c.is_control() && c != '/';
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(is_plain) {
        let message = format!(
            "the {what} must have 1 to {LONGEST_NAME} characters, without slashes and control characters"
        );
        return Err(VcsError::new(ErrorKind::INVALID_INPUT, message));
    }
    Ok(())
}
