//! The page of an application, and that of a run, which build statuses link to.

use super::super::Shared;
use super::super::extract::{Path, Query};
use super::html::{Frame, commit, facts, failure, paging, state, table, time, time_or_dash};
use super::paths::{application_path, project_path, run_path};
use super::viewer::Viewer;
use crate::engine::{Engine, blocking};
use crate::store::{Application, Cleanup, OutboxMessage, PageOf, Run, StoredEvent};
use axum::extract::{Extension, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;
use vcs_provider_interface::error::{ErrorKind, Result, VcsError};

const ROOT: &str = "../../../";

/// The way up from the page of a run.
const ROOT_OF_RUN: &str = "../../../../../";

/// The items of each list on one page.
const ITEMS: usize = 30;

/// Clean-ups that are shown, next first.
const CLEANUPS: usize = 30;

/// Where the lists begin.
#[derive(Deserialize)]
pub(super) struct Options {
    runs: Option<i64>,
    events: Option<i64>,
    statuses: Option<i64>,
}

/// What is read of the store; `None` for what the viewer may not see.
struct Read {
    application: Application,
    runs: Vec<Run>,
    events: Option<Vec<StoredEvent>>,
    messages: Vec<OutboxMessage>,
    cleanups: Option<Vec<Cleanup>>,
}

pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    Path((project, name)): Path<(String, String)>,
    Query(options): Query<Options>,
) -> Response {
    let title = format!("Application {name}");
    let frame = Frame {
        above: vec![(format!("Project {project}"), project_path(&project))],
        ..Frame::of(&title, ROOT, &viewer)
    };
    let engine = Arc::clone(&shared.engine);
    let (looks, begin) = (
        viewer.clone(),
        [options.runs, options.events, options.statuses],
    );
    let read = blocking(move || read(&engine, &looks, &project, &name, begin)).await;
    let read = match read {
        Ok(read) => read,
        Err(error) => return failure(frame, &error),
    };
    let application = &read.application;
    frame.with(&html! {
        (facts(&[
            ("Repository", html! { (application.repo) }),
            ("Server", html! { (application.server) }),
        ]))
        h2 { "Runs" }
        (runs(application, &read.runs))
        (paging("runs", older("runs", read.runs.iter().map(|run| run.id)), options.runs.is_none()))
        h2 { "Statuses and comments" }
        (messages(&read.messages))
        (paging(
            "statuses",
            older("statuses", read.messages.iter().map(|message| message.id)),
            options.statuses.is_none(),
        ))
        @if let Some(listed) = &read.events {
            h2 { "Events" }
            (events(listed))
            (paging("events", older("events", listed.iter().map(|event| event.id)), options.events.is_none()))
        }
        @if let Some(planned) = &read.cleanups {
            h2 { "Clean-ups" }
            (cleanups(planned))
        }
    })
}

fn read(
    engine: &Engine,
    viewer: &Viewer,
    project: &str,
    name: &str,
    [runs, events, statuses]: [Option<i64>; 3],
) -> Result<Read> {
    let store = &engine.store;
    let application = store.application(project, name)?;
    let page = |before| PageOf {
        application: application.id,
        before,
        limit: ITEMS,
    };
    let parameters = [("key", project), ("app", name)];
    let may = |rest: &str| {
        viewer.may_read(
            &format!("/project/{{key}}/applications/{{app}}{rest}"),
            &parameters,
        )
    };
    let events = may("/events")
        .then(|| store.newest_events(page(events)))
        .transpose()?;
    let cleanups = may("/cleanups")
        .then(|| store.planned_cleanups(application.id))
        .transpose()?;
    Ok(Read {
        runs: store.newest_runs(page(runs))?,
        messages: store.newest_messages(page(statuses))?,
        events,
        cleanups,
        application,
    })
}

/// The address of the next page, if this one is full.
fn older(list: &str, ids: impl ExactSizeIterator<Item = i64>) -> Option<String> {
    let is_full = ids.len() == ITEMS;
    let last = ids.last()?;
    is_full.then(|| format!("?{list}={last}"))
}

fn runs(application: &Application, runs: &[Run]) -> Markup {
    let rows: Vec<Vec<Markup>> = runs
        .iter()
        .map(|run| {
            vec![
                html! { a href={ (ROOT) (run_path(application, run.id)) } { "Run " (run.id) } },
                state(&run.state),
                html! { (run.branch) @if let Some(number) = run.pull_request { " (#" (number) ")" } },
                commit(&run.hash),
                time(run.updated_at),
            ]
        })
        .collect();
    let heads = ["Run", "State", "Branch", "Commit", "Changed"];
    table(&heads, &rows, "No run yet: push to the repository.")
}

fn messages(messages: &[OutboxMessage]) -> Markup {
    let rows: Vec<Vec<Markup>> = messages
        .iter()
        .map(|message| {
            vec![
                html! { (message.kind.as_str()) " of run " (message.run) },
                state(message.state.as_str()),
                html! { (message.attempts) },
                time(message.updated_at),
                html! { (message.note.as_deref().unwrap_or("–")) },
            ]
        })
        .collect();
    let heads = ["Message", "State", "Failures", "Changed", "Reason"];
    table(&heads, &rows, "The service was told nothing yet.")
}

fn events(events: &[StoredEvent]) -> Markup {
    let rows: Vec<Vec<Markup>> = events
        .iter()
        .map(|event| {
            vec![
                html! { (event.id) },
                html! { (event.subject) },
                state(event.state.as_str()),
                time(event.received_at),
                html! { (event.note.as_deref().unwrap_or("–")) },
            ]
        })
        .collect();
    let heads = ["Event", "About", "State", "Received", "Reason"];
    table(&heads, &rows, "No event arrived yet.")
}

fn cleanups(cleanups: &[Cleanup]) -> Markup {
    let rows: Vec<Vec<Markup>> = cleanups
        .iter()
        .take(CLEANUPS)
        .map(|cleanup| {
            vec![
                html! { (cleanup.branch) },
                time(cleanup.due_at),
                html! {
                    @if cleanup.not_before > 0 { (time(cleanup.not_before)) } @else { "–" }
                },
                html! { (cleanup.note.as_deref().unwrap_or("–")) },
            ]
        })
        .collect();
    let heads = ["Branch", "Due", "Put off until", "Reason"];
    html! {
        (table(&heads, &rows, "No branch waits to be cleaned up."))
        @if cleanups.len() > CLEANUPS {
            p.quiet { "and " (cleanups.len() - CLEANUPS) " more" }
        }
    }
}

pub(super) async fn run(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    Path((project, name, id)): Path<(String, String, String)>,
) -> Response {
    let title = format!("Run {id}");
    let frame = Frame::of(&title, ROOT_OF_RUN, &viewer);
    let engine = Arc::clone(&shared.engine);
    let (key, app) = (project.clone(), name.clone());
    let read = blocking(move || {
        let no_run = || {
            let message = format!("application {app:?} has no run {id}");
            VcsError::new(ErrorKind::NOT_FOUND, message)
        };
        let application = engine.store.application(&key, &app)?;
        let run = id.parse().map_err(|_| no_run())?;
        let run = engine.store.run(run).map_err(|error| match error.into() {
            VcsError {
                kind: ErrorKind::NOT_FOUND,
                ..
            } => no_run(),
            error => error,
        })?;
        if run.application != application.id {
            return Err(no_run());
        }
        let messages = engine.store.messages_of_run(run.id)?;
        Ok((application, run, messages))
    });
    let (application, run, sent) = match read.await {
        Ok(read) => read,
        Err(error) => return failure(frame, &error),
    };
    let mut above = Vec::new();
    let parameters = [("key", &*project), ("app", &*name)];
    if viewer.may_read("/project/{key}/repositories_manager", &parameters) {
        above.push((format!("Project {project}"), project_path(&project)));
    }
    if viewer.may_read("/project/{key}/applications/{app}", &parameters) {
        above.push((
            format!("Application {name}"),
            application_path(&application),
        ));
    }
    let frame = Frame { above, ..frame };
    frame.with(&html! {
        (facts_of_run(&application, &run))
        h2 { "What the service was told" }
        (messages(&sent))
    })
}

fn facts_of_run(application: &Application, run: &Run) -> Markup {
    let mut rows = vec![
        ("State", state(&run.state)),
        (
            "Application",
            html! { (application.project) " / " (application.name) },
        ),
        ("Repository", html! { (application.repo) }),
        ("Branch", html! { (run.branch) }),
        ("Commit", html! { code { (run.hash) } }),
    ];
    if !run.description.is_empty() {
        rows.push(("Description", html! { (run.description) }));
    }
    if let Some(number) = run.pull_request {
        rows.push(("Pull request", html! { "#" (number) }));
    }
    if let Some(repo) = &run.source_repo {
        rows.push(("From the fork", html! { (repo) }));
    }
    if let Some(worker) = &run.worker {
        rows.push(("Worker", html! { (worker) }));
        rows.push(("Claimed until", time_or_dash(run.lease_until)));
    }
    if let Some(newer) = run.superseded_by {
        let address = format!("{ROOT_OF_RUN}{}", run_path(application, newer));
        rows.push((
            "Superseded by",
            html! { a href=(address) { "Run " (newer) } },
        ));
    }
    rows.push(("Created", time(run.created_at)));
    rows.push(("Changed", time(run.updated_at)));
    facts(&rows)
}
