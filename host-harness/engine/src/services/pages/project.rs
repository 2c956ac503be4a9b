//! The page of a project: which servers it may act on, and its applications. From
//! here a person consents at a service.

use super::super::Shared;
use super::super::browser;
use super::super::call::call;
use super::super::extract::{Path, Query};
use super::guard::redirect;
use super::html::{Frame, failure, form_key, problem, state, table, time};
use super::paths::{application_path, project_path};
use super::session;
use super::viewer::Viewer;
use crate::engine::Engine;
use crate::random;
use crate::status_url::segment;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;
use url::Url;
use vcs_provider_interface::context::CallContext;
use vcs_provider_interface::error::{ErrorKind, Result, VcsError};
use vcs_provider_interface::records::AuthorizeRequest;

const ROOT: &str = "../";

/// The way up from the address that begins a consent.
const ROOT_OF_CONNECT: &str = "../../../";

/// Applications on one page.
const APPLICATIONS: usize = 50;

#[derive(Deserialize)]
pub(super) struct Options {
    /// A server whose consent has just been given.
    connected: Option<String>,
    #[serde(default)]
    skip: usize,
}

/// What a project may do on one server.
struct Connection {
    server: String,
    kind: String,
    /// Since when it may act there.
    since: Option<i64>,
    /// Where a person consents; or why nobody can.
    consent: Result<String>,
}

pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    Path(project): Path<String>,
    Query(options): Query<Options>,
) -> Response {
    let title = format!("Project {project}");
    let mut frame = Frame::of(&title, ROOT, &viewer);
    let key = project.clone();
    let read = call(&shared, "project_page", move |engine, context| {
        let connections = connections(engine, context, &key)?;
        let mut applications = engine.store.applications()?;
        applications.retain(|application| application.project == key);
        applications.sort_by(|a, b| a.name.cmp(&b.name));
        Ok((connections, applications))
    });
    let (connections, applications) = match read.await {
        Ok(read) => read,
        Err(error) => return failure(frame, &error.0),
    };
    // Browsers follow a form's redirect only to where the page says.
    let targets = connections
        .iter()
        .filter_map(|connection| connection.consent.as_ref().ok());
    frame.form_targets = targets.cloned().collect();
    let connected = options.connected.as_ref();
    let connected = connected.and_then(|server| {
        let found = connections.iter().find(|found| found.server == *server);
        found.filter(|found| found.since.is_some())
    });
    let rows: Vec<Vec<Markup>> = applications
        .iter()
        .skip(options.skip)
        .take(APPLICATIONS)
        .map(|application| {
            vec![
                html! { a href={ (ROOT) (application_path(application)) } { (application.name) } },
                html! { (application.repo) " on " (application.server) },
            ]
        })
        .collect();
    let next = options.skip.saturating_add(APPLICATIONS);
    frame.with(&html! {
        @if let Some(connected) = connected {
            div.notice.good role="status" {
                p { "Connected: the engine may act for project " (project) " on " (connected.server) " now." }
            }
        }
        h2 { "Servers" }
        (servers(&project, &connections, &viewer))
        h2 { "Applications" }
        (table(
            &["Application", "Repository"],
            &rows,
            "No application is linked.",
        ))
        @if options.skip > 0 || next < applications.len() {
            nav.paging aria-label="Pages of applications" {
                @if options.skip > 0 { a href="?" { "First applications" } }
                @if next < applications.len() { a rel="next" href={ "?skip=" (next) } { "More applications" } }
            }
        }
    })
}

fn connections(
    engine: &Engine,
    context: &dyn CallContext,
    project: &str,
) -> Result<Vec<Connection>> {
    let grants = engine.store.project_grants()?;
    let servers = engine.servers.names().into_iter().map(|(server, kind)| {
        let grant = grants
            .iter()
            .find(|grant| grant.project == project && grant.server == server);
        Connection {
            since: grant.map(|grant| grant.consented_at),
            consent: consent_origin(engine, context, &server),
            server,
            kind,
        }
    });
    Ok(servers.collect())
}

/// Where the consent page of a server is. Nothing is begun by asking.
fn consent_origin(engine: &Engine, context: &dyn CallContext, server: &str) -> Result<String> {
    let request = AuthorizeRequest {
        redirect_uri: Some(engine.consent_callback()),
        ..AuthorizeRequest::default()
    };
    let redirect = engine
        .servers
        .server(server)?
        .authorize_redirect(context, request)?;
    let url = Url::parse(&redirect.url)
        .map_err(|error| VcsError::new(ErrorKind::INVALID_RESPONSE, error.to_string()))?;
    Ok(url.origin().ascii_serialization())
}

fn servers(project: &str, connections: &[Connection], viewer: &Viewer) -> Markup {
    let route = "/project/{key}/repositories_manager/{name}/authorize";
    let rows: Vec<Vec<Markup>> = connections
        .iter()
        .map(|connection| {
            let parameters = [("key", project), ("name", &*connection.server)];
            let may_connect = viewer.may(&Method::POST, route, &parameters);
            vec![
                html! { (connection.server) },
                html! { (connection.kind) },
                match connection.since {
                    Some(since) => html! { (state("connected")) " since " (time(since)) },
                    None => html! { (state("not connected")) },
                },
                match &connection.consent {
                    Ok(_) if may_connect => connect_form(project, connection, viewer),
                    Ok(_) => html! { "–" },
                    Err(error) => html! { "Nobody can connect: " (error.message) },
                },
            ]
        })
        .collect();
    let heads = ["Server", "Type", "State", "Connect"];
    table(&heads, &rows, "No server is configured.")
}

fn connect_form(project: &str, connection: &Connection, viewer: &Viewer) -> Markup {
    let server = &connection.server;
    let word = match connection.since {
        Some(_) => "Connect again",
        None => "Connect",
    };
    let action = format!(
        "{ROOT}{}/connect/{}",
        project_path(project),
        segment(server)
    );
    html! {
        form method="post" action=(action) {
            (form_key(viewer))
            button type="submit" { (word) " to " (server) }
        }
    }
}

/// Sends the browser to the service's consent page.
pub(super) async fn connect(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    Path((project, server)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let title = format!("Connect {project} to {server}");
    let frame = Frame {
        above: vec![(format!("Project {project}"), project_path(&project))],
        ..Frame::of(&title, ROOT_OF_CONNECT, &viewer)
    };
    if let Err(error) = super::super::api::check_name("project key", &project) {
        return failure(frame, &error);
    }
    let browser = match browser::shown(&headers).map_or_else(random::secret, Ok) {
        Ok(browser) => browser,
        Err(error) => {
            return failure(
                frame,
                &VcsError::new(ErrorKind::INTERNAL, error.to_string()),
            );
        }
    };
    let shown = browser.clone();
    let (key, name) = (project.clone(), server.clone());
    let begun = call(&shared, "authorize_redirect", move |engine, _| {
        engine.begin_consent_in(&key, &name, Some(&browser))
    });
    match begun.await {
        Ok(consent) => {
            let mut response = redirect(&consent.url);
            browser::remember(&mut response, &shown, session::is_https(&shared.engine));
            response
        }
        Err(error) => {
            let status = super::super::response::status_of(error.0.kind);
            let callback = shared.engine.consent_callback();
            let way_out = html! {
                "Check the consumer's key and secret in the configuration, and that its callback is "
                code { (callback) } ". Then "
                a href={ (ROOT_OF_CONNECT) (project_path(&project)) } { "try again" } "."
            };
            problem(frame, status, &error.0.message, &way_out)
        }
    }
}
