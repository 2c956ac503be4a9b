//! Code Insights: annotations of a report.

use serde_json::{Map, Value, json};

use crate::api::call::{BodyKind, Call, Route};
use crate::api::routes::insights::{
    LONGEST_DETAILS, LONGEST_TITLE, complaint, find, known, one_of, public_address, required,
    subject, text,
};
use crate::api::routes::listing;
use crate::model::errors::{ApiError, RouteResult};
use crate::model::permissions::REPOSITORY;
use crate::model::records::{Annotation, Report};
use crate::model::response::Response;
use crate::sync::lock;

/// Most annotations in one call.
const MOST_AT_ONCE: usize = 100;
/// Most annotations of a report.
const MOST: usize = 1000;

/// What a body may hold. Fields that only responses have are accepted and ignored.
const KNOWN: [&str; 14] = [
    "external_id",
    "title",
    "annotation_type",
    "summary",
    "details",
    "result",
    "severity",
    "path",
    "line",
    "link",
    "type",
    "uuid",
    "created_on",
    "updated_on",
];

pub(crate) fn routes() -> Vec<Route> {
    const ALL: &str =
        "/2.0/repositories/{workspace}/{repo_slug}/commit/{commit}/reports/{reportId}/annotations";
    const ONE: &str = "/2.0/repositories/{workspace}/{repo_slug}/commit/{commit}/reports/{reportId}/annotations/{annotationId}";
    vec![
        Route::get(ALL, list).scopes(REPOSITORY).numbered(10, 100),
        Route::post(ALL, post_many)
            .scopes(REPOSITORY)
            .body(BodyKind::Json),
        Route::put(ONE, put).scopes(REPOSITORY).body(BodyKind::Json),
        Route::get(ONE, single).scopes(REPOSITORY),
        Route::delete(ONE, delete).scopes(REPOSITORY),
    ]
}

fn check(body: &Map<String, Value>) -> Result<(), ApiError> {
    known(body, &KNOWN)?;
    required(body, "annotation_type", usize::MAX)?;
    one_of(
        body,
        "annotation_type",
        &["VULNERABILITY", "CODE_SMELL", "BUG"],
    )?;
    required(body, "summary", LONGEST_TITLE)?;
    text(body, "title", LONGEST_TITLE)?;
    text(body, "details", LONGEST_DETAILS)?;
    text(body, "path", usize::MAX)?;
    one_of(body, "result", &["PASSED", "FAILED", "SKIPPED", "IGNORED"])?;
    one_of(body, "severity", &["CRITICAL", "HIGH", "MEDIUM", "LOW"])?;
    public_address(body, "link")?;
    match body.get("line") {
        None | Some(Value::Null) => Ok(()),
        Some(line) if line.as_u64().is_some() => Ok(()),
        Some(_) => Err(complaint(400, "line has to be a number from 0.")),
    }
}

/// Puts an annotation in place of the one with the same identifier.
fn upsert(
    call: &Call,
    report: &mut Report,
    id: &str,
    body: Map<String, Value>,
    now: &str,
) -> Result<Value, ApiError> {
    let content = body
        .into_iter()
        .filter(|(name, _)| KNOWN[1..10].contains(&name.as_str()))
        .collect();
    let position = report
        .annotations
        .iter()
        .position(|kept| kept.external_id == id || kept.uuid == id);
    let annotation = match position {
        Some(position) => {
            let kept = &mut report.annotations[position];
            kept.content = content;
            now.clone_into(&mut kept.updated_on);
            kept.clone()
        }
        None => {
            if report.annotations.len() >= MOST {
                return Err(complaint(
                    400,
                    format!("A report can have at most {MOST} annotations."),
                ));
            }
            let annotation = Annotation {
                uuid: call.mock.ids.braced(),
                external_id: id.to_owned(),
                content,
                created_on: now.to_owned(),
                updated_on: now.to_owned(),
            };
            report.annotations.push(annotation.clone());
            annotation
        }
    };
    Ok(show(&annotation))
}

/// Changes the report of the address under the lock; nothing of it stays when
/// the change fails.
fn change<T>(
    call: &Call,
    change: impl FnOnce(&mut Report) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    let mut report = find(call)?;
    let outcome = change(&mut report)?;
    let subject = subject(call)?;
    let mut state = lock(&call.mock.state);
    if let Some(kept) = state
        .reports
        .get_mut(&subject)
        .and_then(|reports| reports.iter_mut().find(|kept| kept.uuid == report.uuid))
    {
        *kept = report;
    }
    Ok(outcome)
}

fn post_many(call: &Call) -> RouteResult {
    let bodies: Vec<Map<String, Value>> = serde_json::from_slice(&call.body)
        .map_err(|_| complaint(400, "The body has to be a list of annotations."))?;
    if bodies.len() > MOST_AT_ONCE {
        return Err(complaint(
            400,
            format!("At most {MOST_AT_ONCE} annotations can be uploaded at once."),
        ));
    }
    for body in &bodies {
        check(body)?;
        required(body, "external_id", LONGEST_TITLE)?;
    }
    let now = call.mock.clock.timestamp();
    let shown = change(call, |report| {
        bodies
            .into_iter()
            .map(|body| {
                let id = body["external_id"].as_str().unwrap_or_default().to_owned();
                upsert(call, report, &id, body, &now)
            })
            .collect::<Result<Vec<_>, _>>()
    })?;
    Ok(Response::ok(Value::Array(shown)))
}

fn put(call: &Call) -> RouteResult {
    let body = call
        .json_object()
        .map_err(|_| complaint(400, "The body has to be a JSON object."))?;
    check(&body)?;
    let now = call.mock.clock.timestamp();
    let id = call.parameter("annotationId");
    change(call, |report| upsert(call, report, id, body, &now)).map(Response::ok)
}

fn show(annotation: &Annotation) -> Value {
    let mut object = Value::Object(annotation.content.clone());
    object["type"] = json!("report_annotation");
    object["uuid"] = json!(annotation.uuid);
    object["external_id"] = json!(annotation.external_id);
    object["created_on"] = json!(annotation.created_on);
    object["updated_on"] = json!(annotation.updated_on);
    object
}

fn list(call: &Call) -> RouteResult {
    let values = find(call)?.annotations.iter().map(show).collect();
    listing::values(call, values)
}

fn single(call: &Call) -> RouteResult {
    let id = call.parameter("annotationId");
    find(call)?
        .annotations
        .iter()
        .find(|kept| kept.external_id == id || kept.uuid == id)
        .map(|found| Response::ok(show(found)))
        .ok_or_else(|| complaint(404, format!("Annotation {id} was not found.")))
}

fn delete(call: &Call) -> RouteResult {
    let id = call.parameter("annotationId");
    change(call, |report| {
        report
            .annotations
            .retain(|kept| kept.external_id != id && kept.uuid != id);
        Ok(())
    })?;
    Ok(Response::no_content())
}
