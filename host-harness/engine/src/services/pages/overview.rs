//! The first page: how the engine is, its servers and plugins, what services are still
//! to be told, and the applications.

use super::super::Shared;
use super::super::extract::Query;
use super::super::monitoring::{ServerReadiness, readiness};
use super::html::{Frame, facts, failure, state, table, time, time_or_dash};
use super::paths::{application_path, project_path};
use super::viewer::Viewer;
use crate::engine::{Engine, blocking};
use crate::store::{Application, EventState, OutboxMessage, OutboxState};
use crate::tokens::Role;
use axum::extract::{Extension, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use vcs_provider_interface::error::Result;

const ROOT: &str = "./";

/// Applications on one page.
const APPLICATIONS: usize = 50;

/// The newest messages that wait, and those that were rejected.
const MESSAGES: usize = 10;

#[derive(Deserialize)]
pub(super) struct Options {
    /// How many applications come before this page's.
    #[serde(default)]
    skip: usize,
}

/// What is read of the store.
struct Read {
    pending_events: u64,
    parked_events: u64,
    outbox: Option<(u64, u64, Vec<OutboxMessage>)>,
    applications: Vec<Application>,
}

pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    Query(options): Query<Options>,
) -> Response {
    let frame = Frame::of("Overview", ROOT, &viewer);
    let engine = Arc::clone(&shared.engine);
    let looks = viewer.clone();
    let read = match blocking(move || read(&engine, &looks)).await {
        Ok(read) => read,
        Err(error) => return failure(frame, &error),
    };
    let ready = readiness(&shared.engine).await;
    let failing = shared.engine.tasks.failing();
    let plugins = viewer
        .may_read("/mon/plugins", &[])
        .then(|| shared.engine.servers.health());
    let word = if ready.ready { "ready" } else { "not ready" };
    frame.with(&html! {
        (facts(&[
            ("Engine", html! {
                (state(word))
                @if !ready.store { p { "The store cannot be used: see the engine's log." } }
                @if ready.servers.values().any(|server| !server.ready) {
                    p { "A server has no plugin: see below, and " code { "plugins.directory" } " in the configuration." }
                }
            }),
            ("Background work", html! {
                @if failing.is_empty() { (state("ok")) }
                @for task in &failing {
                    p { (state("failing")) " " (task.task) ": " (task.reason) }
                }
            }),
            ("Events", html! {
                (read.pending_events) " waiting, " (read.parked_events) " parked"
            }),
        ]))
        h2 { "Servers" }
        (servers(&shared.engine, &ready.servers))
        @if let Some(plugins) = &plugins {
            h2 { "Plugins" }
            (self::plugins(plugins))
        }
        @if let Some((pending, rejected, messages)) = &read.outbox {
            h2 { "Outbox" }
            p { (pending) " waiting to be sent, " (rejected) " rejected by a service" }
            (outbox(messages))
        }
        h2 { "Applications" }
        (applications(&read.applications, options.skip))
    })
}

fn read(engine: &Engine, viewer: &Viewer) -> Result<Read> {
    let store = &engine.store;
    let outbox = if viewer.may_read("/mon/outbox", &[]) {
        let count = store.count_messages(None)?;
        let mut messages = store.messages(None, OutboxState::Rejected, MESSAGES)?;
        messages.extend(store.messages(None, OutboxState::Pending, MESSAGES)?);
        Some((count.pending, count.rejected, messages))
    } else {
        None
    };
    let mut applications = store.applications()?;
    applications.retain(|application| {
        let parameters = [("key", &*application.project), ("app", &*application.name)];
        viewer.may_read("/project/{key}/applications/{app}", &parameters)
    });
    applications.sort_by(|a, b| (&a.project, &a.name).cmp(&(&b.project, &b.name)));
    Ok(Read {
        pending_events: store.count_events(EventState::Pending)?,
        parked_events: store.count_events(EventState::Parked)?,
        outbox,
        applications: match viewer.role {
            Role::Run { .. } => Vec::new(),
            _ => applications,
        },
    })
}

fn servers(
    engine: &Engine,
    servers: &std::collections::BTreeMap<String, ServerReadiness>,
) -> Markup {
    let rows: Vec<Vec<Markup>> = engine
        .servers
        .names()
        .into_iter()
        .filter_map(|(name, kind)| {
            let server = servers.get(&name)?;
            Some(vec![
                html! { (name) },
                html! { (kind) },
                service(server),
                rate(server, engine.now()),
                time_or_dash(server.observed.last_success_at),
                html! {
                    (time_or_dash(server.observed.last_failure_at))
                    @if let Some(kind) = &server.observed.last_failure { " " (kind) }
                },
            ])
        })
        .collect();
    let heads = [
        "Server",
        "Type",
        "Service",
        "Rate",
        "Last success",
        "Last failure",
    ];
    table(
        &heads,
        &rows,
        "No server is configured: add a table [vcs.servers.NAME.TYPE] to the configuration.",
    )
}

fn service(server: &ServerReadiness) -> Markup {
    state(&server.service.replace('_', " "))
}

/// Whether calls are put off, and until when.
fn rate(server: &ServerReadiness, now: i64) -> Markup {
    match server.observed.rate_limited_until {
        Some(until) if until > now => html! { (state("rate limited")) " until " (time(until)) },
        _ if server.resting == Some(true) => html! {
            (state("resting"))
            @if let Some(left) = server.rests_for_ms { " for " (left.div_ceil(1000)) " s" }
        },
        _ => state("ok"),
    }
}

fn plugins(health: &Value) -> Markup {
    let text = |value: &Value| value.as_str().unwrap_or("–").to_owned();
    let list = |name: &str| health[name].as_array().cloned().unwrap_or_default();
    let rows: Vec<Vec<Markup>> = list("servers")
        .iter()
        .map(|server| {
            let generation = &server["generation"];
            vec![
                html! { (text(&server["name"])) },
                html! { (text(&server["provider_type"])) " " (text(&generation["version"])) },
                html! {
                    @if let Some(word) = generation["state"].as_str() { (state(word)) } @else { (state("no plugin")) }
                },
                html! { (generation["number"]) },
                html! {
                    @if let Some(reason) = server["last_rejection"]["message"].as_str() { (reason) } @else { "–" }
                },
            ]
        })
        .collect();
    let heads = [
        "Server",
        "Provider",
        "State",
        "Generation",
        "Last rejected plugin",
    ];
    table(&heads, &rows, "No plugin serves a server.")
}

fn outbox(messages: &[OutboxMessage]) -> Markup {
    let rows: Vec<Vec<Markup>> = messages
        .iter()
        .map(|message| {
            vec![
                html! { (state(message.state.as_str())) },
                html! { (message.kind.as_str()) " of run " (message.run) },
                html! { (message.project) " on " (message.server) },
                time(message.updated_at),
                html! { (message.note.as_deref().unwrap_or("–")) },
            ]
        })
        .collect();
    let heads = ["State", "Message", "For", "Changed", "Reason"];
    table(&heads, &rows, "Everything was sent.")
}

fn applications(applications: &[Application], skip: usize) -> Markup {
    let rows: Vec<Vec<Markup>> = applications
        .iter()
        .skip(skip)
        .take(APPLICATIONS)
        .map(|application| {
            vec![
                html! { a href={ (ROOT) (project_path(&application.project)) } { (application.project) } },
                html! { a href={ (ROOT) (application_path(application)) } { (application.name) } },
                html! { (application.repo) " on " (application.server) },
            ]
        })
        .collect();
    let next = skip.saturating_add(APPLICATIONS);
    html! {
        (table(&["Project", "Application", "Repository"], &rows, "No application is linked."))
        @if skip > 0 || next < applications.len() {
            nav.paging aria-label="Pages of applications" {
                @if skip > 0 { a href="?" { "First applications" } }
                @if next < applications.len() { a rel="next" href={ "?skip=" (next) } { "More applications" } }
            }
        }
    }
}
