//! Runs as a CI works with them: listed, waited for, claimed, reported on,
//! cancelled. All for callers with the token.

use super::Shared;
use super::call::call;
use super::extract::{JsonBody, Path, Query};
use super::openapi::{Kind, operation};
use super::response::{Failure, JsonResult};
use super::routes::Routes;
use crate::engine::blocking;
use crate::runs::{ClaimRequest, ClaimedRun, Report};
use crate::store::{OutboxMessage, Run, RunFilter};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use utoipa::ToSchema;
use vcs_provider_interface::error::{ErrorKind, VcsError};

type App = State<Arc<Shared>>;
type ProjectItem = Path<(String, String)>;
type RunItem = Path<(String, String, i64)>;

/// Runs in one response, at most and by default.
const MOST_RUNS: usize = 50_000;

/// The longest wait for a run.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How often is looked at the store while somebody waits: another process may
/// have changed it.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// The longest name of a worker.
const LONGEST_WORKER: usize = 200;

/// What a list of runs takes in its query.
const WANTED: [(&str, Kind); 5] = [
    ("state", Kind::Text),
    ("branch", Kind::Text),
    ("limit", Kind::Number),
    ("after", Kind::Number),
    ("wait", Kind::Number),
];

/// The routes for callers with the token.
pub(super) fn routes() -> Routes {
    let wait = [("wait", Kind::Number)];
    let of_application = Routes::below("/project/{key}/applications/{app}/runs")
        .get(
            "",
            runs,
            operation("The runs of an application")
                .query(&WANTED)
                .lists_objects(),
        )
        .post(
            "/claim",
            claim_next,
            operation("Claims the oldest run that waits")
                .query(&wait)
                .takes::<ClaimRequest>()
                .gives_nothing("204")
                .gives_object(),
        )
        .get("/{run}", run, operation("A run").gives_object())
        .post(
            "/{run}/state",
            set_state,
            operation("Reports the state of a run")
                .takes::<Report>()
                .gives_object_as("202"),
        )
        .post(
            "/{run}/claim",
            claim,
            operation("Claims a run")
                .takes::<ClaimRequest>()
                .gives_nothing("204")
                .gives_object(),
        )
        .post(
            "/{run}/lease",
            claim,
            operation("Renews the claim of a run")
                .takes::<ClaimRequest>()
                .gives_nothing("204")
                .gives_object(),
        )
        .post(
            "/{run}/cancel",
            cancel,
            operation("Ends a run").gives_object(),
        )
        .post(
            "/{run}/token",
            make_run_token,
            operation("Makes the token of a run").gives::<RunToken>("200"),
        );
    Routes::new()
        .get(
            "/runs",
            all_runs,
            operation("The runs of all applications")
                .query(&WANTED)
                .lists_objects(),
        )
        .post(
            "/runs/claim",
            claim_any,
            operation("Claims the oldest run that waits, of any application")
                .query(&wait)
                .takes::<ClaimRequest>()
                .gives_nothing("204")
                .gives_object(),
        )
        .merge(of_application)
}

/// Which runs to list, and how long to wait for the first one.
#[derive(Deserialize)]
struct Wanted {
    state: Option<String>,
    branch: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    after: u64,
    /// Seconds.
    #[serde(default)]
    wait: u64,
}

impl Wanted {
    fn filter(&self, application: Option<i64>) -> RunFilter {
        RunFilter {
            application,
            state: self.state.clone(),
            branch: self.branch.clone(),
            after: i64::try_from(self.after).unwrap_or(i64::MAX),
            limit: self.limit.unwrap_or(MOST_RUNS).clamp(1, MOST_RUNS),
        }
    }
}

async fn runs(
    State(shared): App,
    Path((project, name)): ProjectItem,
    Query(wanted): Query<Wanted>,
) -> JsonResult<Vec<Run>> {
    let application = shared.engine.store.application(&project, &name)?;
    listed(&shared, &wanted, Some(application.id)).await
}

async fn all_runs(State(shared): App, Query(wanted): Query<Wanted>) -> JsonResult<Vec<Run>> {
    listed(&shared, &wanted, None).await
}

/// The runs as soon as there are any, at the latest when the wait is over.
async fn listed(
    shared: &Arc<Shared>,
    wanted: &Wanted,
    application: Option<i64>,
) -> JsonResult<Vec<Run>> {
    let filter = wanted.filter(application);
    let store = &shared.engine.store;
    let found = wait_for(shared, wanted.wait, || {
        let found = store.list_runs(&filter)?;
        Ok((!found.is_empty()).then_some(found))
    });
    Ok(Json(found.await?.unwrap_or_default()))
}

/// Looks until something is found or the wait, in seconds, is over.
async fn wait_for<T>(
    shared: &Arc<Shared>,
    wait: u64,
    mut look: impl FnMut() -> Result<Option<T>, VcsError>,
) -> Result<Option<T>, VcsError> {
    let end = Instant::now() + Duration::from_secs(wait).min(LONGEST_WAIT);
    let mut changes = shared.engine.run_changes.subscribe();
    loop {
        changes.mark_unchanged();
        if let Some(found) = look()? {
            return Ok(Some(found));
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || shared.engine.stopping.is_cancelled() {
            return Ok(None);
        }
        // Either way it is looked again.
        let _ = tokio::time::timeout(left.min(LOOK_INTERVAL), changes.changed()).await;
    }
}

/// A run with what the service was told of it.
#[derive(Serialize)]
struct ShownRun {
    #[serde(flatten)]
    run: Run,
    /// Its messages: `pending` until the service has taken them.
    messages: Vec<OutboxMessage>,
}

fn shown(shared: &Arc<Shared>, run: Run) -> Result<ShownRun, Failure> {
    let messages = shared.engine.store.messages_of_run(run.id)?;
    Ok(ShownRun { run, messages })
}

async fn run(State(shared): App, Path((project, name, run)): RunItem) -> JsonResult<ShownRun> {
    let store = &shared.engine.store;
    let application = store.application(&project, &name)?;
    let found = store.run(run)?;
    if found.application != application.id {
        let message = format!("application {name:?} has no run {run}");
        return Err(VcsError::new(ErrorKind::NOT_FOUND, message).into());
    }
    shown(&shared, found).map(Json)
}

/// 202: the state is stored, the service is told of it from the outbox.
async fn set_state(
    State(shared): App,
    Path((project, name, run)): RunItem,
    JsonBody(report): JsonBody<Report>,
) -> Result<Response, Failure> {
    let reported = call(&shared, "report_run", move |engine, _| {
        let application = engine.store.application(&project, &name)?;
        Ok(engine.report_run(application.id, run, report)?)
    });
    let reported = shown(&shared, reported.await?)?;
    Ok((StatusCode::ACCEPTED, Json(reported)).into_response())
}

async fn claim(
    State(shared): App,
    Path((project, name, run)): RunItem,
    JsonBody(request): JsonBody<ClaimRequest>,
) -> Result<Response, Failure> {
    let application = shared.engine.store.application(&project, &name)?;
    claimed(&shared, Some(application.id), Some(run), 0, request).await
}

/// How long to wait for a run to claim.
#[derive(Deserialize)]
struct ClaimWait {
    /// Seconds.
    #[serde(default)]
    wait: u64,
}

async fn claim_next(
    State(shared): App,
    Path((project, name)): ProjectItem,
    Query(wait): Query<ClaimWait>,
    JsonBody(request): JsonBody<ClaimRequest>,
) -> Result<Response, Failure> {
    let application = shared.engine.store.application(&project, &name)?;
    claimed(&shared, Some(application.id), None, wait.wait, request).await
}

async fn claim_any(
    State(shared): App,
    Query(wait): Query<ClaimWait>,
    JsonBody(request): JsonBody<ClaimRequest>,
) -> Result<Response, Failure> {
    claimed(&shared, None, None, wait.wait, request).await
}

/// The claimed run; 204 if none waits.
async fn claimed(
    shared: &Arc<Shared>,
    application: Option<i64>,
    run: Option<i64>,
    wait: u64,
    request: ClaimRequest,
) -> Result<Response, Failure> {
    if request.worker.is_empty() || request.worker.len() > LONGEST_WORKER {
        let message = format!("`worker` must have 1 to {LONGEST_WORKER} characters");
        return Err(VcsError::new(ErrorKind::INVALID_INPUT, message).into());
    }
    let end = Instant::now() + Duration::from_secs(wait).min(LONGEST_WAIT);
    loop {
        let wanted = request.clone();
        let claiming = call(shared, "claim_run", move |engine, _| {
            Ok(engine.claim_run(application, run, &wanted)?)
        });
        let claimed: Option<ClaimedRun> = claiming.await?;
        if let Some(claimed) = claimed {
            return Ok(Json(claimed).into_response());
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        let waiting = RunFilter {
            application,
            state: Some(crate::runs::state::WAITING.to_string()),
            limit: 1,
            ..RunFilter::default()
        };
        let store = &shared.engine.store;
        let seconds = left.as_secs().max(1);
        let found = wait_for(shared, seconds, || {
            let found = store.list_runs(&waiting)?;
            Ok((!found.is_empty()).then_some(()))
        });
        if found.await?.is_none() {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
    }
}

async fn cancel(State(shared): App, Path((project, name, run)): RunItem) -> JsonResult<Run> {
    let cancelled = call(&shared, "cancel_run", move |engine, _| {
        let application = engine.store.application(&project, &name)?;
        Ok(engine.cancel_run(application.id, run)?)
    });
    cancelled.await.map(Json)
}

/// The token of a run, for whoever carries it out. It cannot be shown again.
#[derive(Serialize, ToSchema)]
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
