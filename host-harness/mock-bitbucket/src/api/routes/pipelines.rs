//! Pipelines: a run goes through its states on the mock's clock and does nothing.

use std::time::Duration;

use serde_json::{Value, json};

use crate::api::call::{BodyKind, Call, Route, caller_account};
use crate::api::routes::commits::resolve_revision;
use crate::api::routes::listing;
use crate::model::documents::Documents;
use crate::model::errors::{ApiError, RouteResult};
use crate::model::links::{link, segment};
use crate::model::permissions::{PIPELINE, PIPELINE_START, PIPELINE_WRITE};
use crate::model::response::Response;
use crate::view::repository::{brief_repository, commit_link, repository_url, user};

const ALL: &str = "/2.0/repositories/{workspace}/{repo_slug}/pipelines";
const ONE: &str = "/2.0/repositories/{workspace}/{repo_slug}/pipelines/{pipeline_uuid}";
const STEPS: &str = "/2.0/repositories/{workspace}/{repo_slug}/pipelines/{pipeline_uuid}/steps";
const STOP: &str =
    "/2.0/repositories/{workspace}/{repo_slug}/pipelines/{pipeline_uuid}/stopPipeline";

/// How long a run waits, and when it is over.
const WAITS: Duration = Duration::from_secs(2);
const ENDS: Duration = Duration::from_secs(10);

/// When a run began, in milliseconds on the mock's clock; not shown.
const BEGAN: &str = "mock_began_ms";

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get(ALL, list)
            .scopes(PIPELINE)
            .query(&["sort", "target.branch", "target.ref_name", "status"])
            .of("pipeline")
            .numbered(10, 100),
        Route::post(ALL, start)
            .scopes(PIPELINE_START)
            .body(BodyKind::Json),
        Route::get(ONE, |call| Ok(Response::ok(show(call, find(call)?)))).scopes(PIPELINE),
        Route::get(STEPS, steps).scopes(PIPELINE).numbered(10, 100),
        Route::post(STOP, stop)
            .scopes(PIPELINE_WRITE)
            .body(BodyKind::OptionalJson),
    ]
}

fn kept(call: &Call) -> Result<Documents<'_>, ApiError> {
    let home = call.repository()?.uuid.clone();
    Ok(Documents::new(&call.mock, "pipeline", home, "uuid"))
}

/// By uuid or by number.
fn find(call: &Call) -> Result<Value, ApiError> {
    let id = call.parameter("pipeline_uuid");
    kept(call)?
        .all()
        .into_iter()
        .find(|one| {
            one["uuid"] == id || one["build_number"] == id.parse::<u64>().ok().unwrap_or_default()
        })
        .ok_or_else(|| ApiError::not_found(format!("No pipeline with identifier {id} was found.")))
}

/// A run as it stands now.
fn show(call: &Call, mut pipeline: Value) -> Value {
    let began = pipeline[BEGAN].as_u64().unwrap_or_default();
    let passed = call
        .mock
        .clock
        .now()
        .saturating_sub(Duration::from_millis(began));
    if pipeline["completed_on"].is_null() {
        pipeline["state"] = if passed < WAITS {
            json!({ "type": "pipeline_state_pending", "name": "PENDING" })
        } else if passed < ENDS {
            json!({
                "type": "pipeline_state_in_progress",
                "name": "IN_PROGRESS",
                "stage": { "type": "pipeline_state_in_progress_running", "name": "RUNNING" },
            })
        } else {
            completed("SUCCESSFUL")
        };
        if passed >= ENDS {
            pipeline["completed_on"] = json!(call.mock.clock.timestamp());
            pipeline["build_seconds_used"] = json!(ENDS.as_secs());
        }
    }
    if let Some(fields) = pipeline.as_object_mut() {
        fields.remove(BEGAN);
    }
    pipeline
}

fn completed(result: &str) -> Value {
    json!({
        "type": "pipeline_state_completed",
        "name": "COMPLETED",
        "result": {
            "type": format!("pipeline_state_completed_{}", result.to_lowercase()),
            "name": result,
        },
    })
}

fn list(call: &Call) -> RouteResult {
    let branch = call
        .query_value("target.branch")
        .or(call.query_value("target.ref_name"));
    let values = kept(call)?
        .all()
        .into_iter()
        .map(|one| show(call, one))
        .filter(|one| branch.is_none_or(|branch| one["target"]["ref_name"] == branch))
        .filter(|one| {
            call.query_value("status")
                .is_none_or(|status| one["state"]["name"] == status)
        })
        .collect();
    listing::values(call, values)
}

fn start(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let body = call.json_object()?;
    let target = body
        .get("target")
        .ok_or_else(|| ApiError::field("target", "This field is required."))?;
    let revision = target
        .pointer("/commit/hash")
        .or(target.get("ref_name"))
        .and_then(Value::as_str)
        .ok_or_else(|| ApiError::field("target", "Name a ref or a commit."))?;
    let hash = resolve_revision(&repository.git, revision)?
        .ok_or_else(|| ApiError::not_found(format!("{revision} does not exist.")))?;
    let mut target = target.clone();
    target["commit"] = commit_link(&call.mock.urls, &repository, &hash);
    let uuid = call.mock.ids.braced();
    let documents = kept(call)?;
    let address = format!(
        "{}/pipelines/{}",
        repository_url(&call.mock.urls, &repository),
        segment(&uuid)
    );
    let made = json!({
        "type": "pipeline",
        "uuid": uuid,
        "build_number": documents.all().len() + 1,
        "creator": caller_account(call).map(|account| user(&call.mock.urls, account)),
        "repository": brief_repository(&call.mock.urls, &repository),
        "target": target,
        "trigger": { "type": "pipeline_trigger_manual", "name": "MANUAL" },
        "state": null,
        "created_on": call.mock.clock.timestamp(),
        "completed_on": null,
        "build_seconds_used": 0,
        "links": {
            "self": link(address.clone()),
            "steps": link(format!("{address}/steps")),
        },
        BEGAN: u64::try_from(call.mock.clock.now().as_millis()).unwrap_or_default(),
    });
    documents.put(made.clone());
    Ok(Response::json(201, show(call, made)).with_header("location", address))
}

fn steps(call: &Call) -> RouteResult {
    let pipeline = show(call, find(call)?);
    let step = json!({
        "type": "pipeline_step",
        "uuid": crate::model::user::stable_uuid(&format!("step:{}", pipeline["uuid"])),
        "started_on": pipeline["created_on"],
        "completed_on": pipeline["completed_on"],
    });
    listing::values(call, vec![step])
}

fn stop(call: &Call) -> RouteResult {
    let pipeline = show(call, find(call)?);
    if !pipeline["completed_on"].is_null() {
        return Err(ApiError::bad_request("The pipeline has already completed."));
    }
    kept(call)?.change(
        pipeline["uuid"].as_str().unwrap_or_default(),
        &[
            ("state", completed("STOPPED")),
            ("completed_on", json!(call.mock.clock.timestamp())),
        ],
    );
    Ok(Response::no_content())
}
