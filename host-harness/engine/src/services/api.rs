//! The api service: projects, their grants, their applications, and what became
//! of events. All for callers with the token.

use super::Shared;
use super::browser;
use super::call::call;
use super::extract::{JsonBody, Path, Query};
use super::openapi::{Kind, operation};
use super::response::{Failure, JsonResult};
use super::routes::Routes;
use crate::consent::{Callback, ConsentError, Consented};
use crate::linking::{LinkRequest, Linked, Unlinked};
use crate::store::{Application, Cleanup, OutboxCount, OutboxMessage, OutboxState};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use utoipa::ToSchema;
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::secret::Secret;

type App = State<Arc<Shared>>;
type ProjectItem = Path<(String, String)>;

/// The longest key of a project and name of an application.
const LONGEST_NAME: usize = 200;

/// The events of an application that are shown.
const SHOWN_EVENTS: usize = 200;

/// The messages of the outbox that are shown with an application.
const SHOWN_MESSAGES: usize = 20;

/// The routes for callers with the token.
pub(super) fn routes() -> Routes {
    let manager = Routes::below("/project/{key}/repositories_manager")
        .get(
            "",
            managers,
            operation("The servers, and whether the project may act on them").lists::<Manager>(),
        )
        .delete(
            "/{name}",
            revoke,
            operation("Takes the project's grant for a server away").gives_object(),
        )
        .get(
            "/{name}/authorize",
            authorize,
            operation("Begins a consent").gives_object(),
        )
        .post(
            "/{name}/authorize",
            authorize,
            operation("Begins a consent").gives_object(),
        )
        .post(
            "/{name}/authorize/callback",
            authorize_callback,
            operation("Ends a consent")
                .takes::<CallbackParameters>()
                .gives_object(),
        );
    let application = Routes::below("/project/{key}/applications/{app}")
        .get(
            "",
            application,
            operation("An application, and what its service is still to be told").gives_object(),
        )
        .post(
            "/link",
            link,
            operation("Links an application to a repository")
                .takes::<LinkRequest>()
                .gives_object(),
        )
        .delete(
            "/link",
            unlink,
            operation("Unlinks an application")
                .query(&[("force", Kind::Flag)])
                .gives_nothing("204")
                .gives_object(),
        )
        .post(
            "/poll",
            poll,
            operation("Asks the service now what happened").gives_object(),
        )
        .get(
            "/events",
            events,
            operation("The newest events").lists_objects(),
        )
        .get(
            "/cleanups",
            cleanups,
            operation("The planned clean-ups").lists_objects(),
        );
    Routes::new()
        .get(
            "/applications",
            applications,
            operation("All applications").lists_objects(),
        )
        .merge(manager)
        .merge(application)
}

#[derive(Serialize, ToSchema)]
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

/// Takes the project's grant for a server away.
async fn revoke(State(shared): App, Path((project, server)): ProjectItem) -> JsonResult<Value> {
    let revoked = call(&shared, "revoke", move |engine, _| {
        let applications = engine.revoke_consent(&project, &server)?;
        Ok(json!({
            "project": project,
            "server": server,
            "revoked": true,
            "applications_without_grant": applications,
        }))
    });
    revoked.await.map(Json)
}

async fn authorize(
    State(shared): App,
    Path((project, server)): ProjectItem,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    check_name("project key", &project)?;
    let browser = browser::of_request(&headers)?;
    let shown = browser.clone();
    let consent = call(&shared, "authorize_redirect", move |engine, _| {
        engine.begin_consent_in(&project, &server, browser.as_ref())
    });
    let mut response = Json(consent.await?).into_response();
    if let Some(browser) = shown {
        let is_https = shared.engine.consent_callback().starts_with("https:");
        browser::remember(&mut response, &browser, is_https);
    }
    Ok(response)
}

/// What the service's consent page sends back, in a query or as JSON.
#[derive(Deserialize, ToSchema)]
pub(super) struct CallbackParameters {
    #[schema(value_type = Option<String>)]
    state: Option<Secret>,
    #[schema(value_type = Option<String>)]
    code: Option<Secret>,
    error: Option<String>,
    /// Who made the code (RFC 9207).
    iss: Option<String>,
}

async fn authorize_callback(
    State(shared): App,
    Path(expected): ProjectItem,
    headers: HeaderMap,
    JsonBody(parameters): JsonBody<CallbackParameters>,
) -> Result<Json<Consented>, ConsentError> {
    let browser = browser::shown(&headers);
    end_consent(&shared, parameters, Some(expected), browser)
        .await
        .map(Json)
}

/// Ends a consent with what the service sent back.
pub(super) async fn end_consent(
    shared: &Arc<Shared>,
    parameters: CallbackParameters,
    expected: Option<(String, String)>,
    browser: Option<Secret>,
) -> Result<Consented, ConsentError> {
    let callback = Callback {
        state: parameters.state,
        code: parameters.code,
        error: parameters.error,
        expected,
        browser,
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

/// An application with what the outbox still has to tell of it.
#[derive(Serialize)]
struct ShownApplication {
    #[serde(flatten)]
    application: Application,
    outbox: OutboxCount,
    /// The newest messages that wait or were rejected.
    messages: Vec<OutboxMessage>,
}

async fn application(
    State(shared): App,
    Path((project, name)): ProjectItem,
) -> JsonResult<ShownApplication> {
    let store = &shared.engine.store;
    let application = store.application(&project, &name)?;
    let of = Some(application.id);
    let mut messages = store.messages(of, OutboxState::Rejected, SHOWN_MESSAGES)?;
    messages.extend(store.messages(of, OutboxState::Pending, SHOWN_MESSAGES)?);
    Ok(Json(ShownApplication {
        outbox: store.count_messages(of)?,
        messages,
        application,
    }))
}

async fn link(
    State(shared): App,
    Path((project, name)): ProjectItem,
    JsonBody(request): JsonBody<LinkRequest>,
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

#[derive(Deserialize)]
struct UnlinkOptions {
    #[serde(default)]
    force: bool,
}

/// 204 when nothing is left to do; otherwise what an administrator has to do.
async fn unlink(
    State(shared): App,
    Path((project, name)): ProjectItem,
    Query(options): Query<UnlinkOptions>,
) -> Result<Response, Failure> {
    let unlinked = call(&shared, "unlink", move |engine, context| {
        engine.unlink(context, &project, &name, options.force)
    })
    .await?;
    Ok(match unlinked {
        Unlinked::Removed => StatusCode::NO_CONTENT.into_response(),
        left => Json(left).into_response(),
    })
}

async fn poll(State(shared): App, Path((project, name)): ProjectItem) -> JsonResult<Value> {
    let found = call(&shared, "poll", move |engine, _| {
        engine.poll(&engine.store.application(&project, &name)?)
    });
    Ok(Json(json!({ "events": found.await?.events })))
}

async fn events(State(shared): App, Path((project, name)): ProjectItem) -> JsonResult<Vec<Value>> {
    let store = &shared.engine.store;
    let application = store.application(&project, &name)?;
    let events = store.events_of_application(application.id, SHOWN_EVENTS)?;
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
pub(super) fn check_name(what: &str, name: &str) -> Result<(), VcsError> {
    let is_plain = |c: char| !c.is_control() && c != '/';
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(is_plain) {
        let message = format!(
            "the {what} must have 1 to {LONGEST_NAME} characters, without slashes and control characters"
        );
        return Err(VcsError::new(ErrorKind::INVALID_INPUT, message));
    }
    Ok(())
}
