//! Code Insights: reports about a commit.

use serde_json::{Map, Value, json};

use crate::api::call::{BodyKind, Call, Route};
use crate::api::routes::commits::commit_hash;
use crate::api::routes::listing;
use crate::api::validation::is_public_web_address;
use crate::model::errors::{ApiError, RouteResult};
use crate::model::permissions::REPOSITORY;
use crate::model::records::Report;
use crate::model::response::Response;
use crate::sync::lock;

/// Most entries in `data`.
const MOST_DATA: usize = 10;
/// Longest title, reporter and identifier, in characters.
pub(crate) const LONGEST_TITLE: usize = 450;
/// Longest details, in characters.
pub(crate) const LONGEST_DETAILS: usize = 2000;

/// What a body may hold. Fields that only responses have are accepted and ignored.
const KNOWN: [&str; 14] = [
    "title",
    "details",
    "report_type",
    "result",
    "reporter",
    "link",
    "logo_url",
    "remote_link_enabled",
    "data",
    "external_id",
    "type",
    "uuid",
    "created_on",
    "updated_on",
];

pub(crate) fn routes() -> Vec<Route> {
    const ONE: &str =
        "/2.0/repositories/{workspace}/{repo_slug}/commit/{commit}/reports/{reportId}";
    vec![
        Route::get(
            "/2.0/repositories/{workspace}/{repo_slug}/commit/{commit}/reports",
            list,
        )
        .scopes(REPOSITORY)
        .numbered(10, 100),
        Route::put(ONE, put).scopes(REPOSITORY).body(BodyKind::Json),
        Route::get(ONE, single).scopes(REPOSITORY),
        Route::delete(ONE, delete).scopes(REPOSITORY),
    ]
}

/// The shape of error that this part of the service has for itself.
pub(crate) fn complaint(status: u16, message: impl Into<String>) -> ApiError {
    ApiError::from_response(Response::json(
        status,
        json!({ "code": status, "message": message.into() }),
    ))
}

/// The repository's uuid and the commit's hash: what reports hang on.
pub(crate) fn subject(call: &Call) -> Result<(String, String), ApiError> {
    let repository = call.repository()?;
    let hash = commit_hash(call, &repository)?;
    Ok((repository.uuid.clone(), hash))
}

/// The report of the address.
pub(crate) fn find(call: &Call) -> Result<Report, ApiError> {
    let subject = subject(call)?;
    let id = call.parameter("reportId");
    lock(&call.mock.state)
        .reports
        .get(&subject)
        .and_then(|reports| reports.iter().find(|report| report.is(id)))
        .cloned()
        .ok_or_else(|| complaint(404, format!("Report {id} was not found.")))
}

/// A text of at most so many characters that may be missing.
pub(crate) fn text<'a>(
    body: &'a Map<String, Value>,
    name: &str,
    most: usize,
) -> Result<Option<&'a str>, ApiError> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.chars().count() <= most => Ok(Some(text)),
        Some(Value::String(_)) => Err(complaint(
            400,
            format!("{name} may have at most {most} characters."),
        )),
        Some(_) => Err(complaint(400, format!("{name} has to be a string."))),
    }
}

/// A text that has to be there.
pub(crate) fn required<'a>(
    body: &'a Map<String, Value>,
    name: &str,
    most: usize,
) -> Result<&'a str, ApiError> {
    text(body, name, most)?
        .filter(|text| !text.is_empty())
        .ok_or_else(|| complaint(400, format!("{name} is required.")))
}

/// One of several words.
pub(crate) fn one_of(
    body: &Map<String, Value>,
    name: &str,
    words: &[&str],
) -> Result<(), ApiError> {
    match text(body, name, usize::MAX)? {
        Some(word) if !words.contains(&word) => Err(complaint(
            400,
            format!("{name} has to be one of {}.", words.join(", ")),
        )),
        _ => Ok(()),
    }
}

/// An address on the public network.
pub(crate) fn public_address(body: &Map<String, Value>, name: &str) -> Result<(), ApiError> {
    match text(body, name, usize::MAX)? {
        Some(address) if !is_public_web_address(address) => Err(complaint(
            400,
            format!("{name} is not a valid public address."),
        )),
        _ => Ok(()),
    }
}

/// Rejects fields that are not known.
pub(crate) fn known(body: &Map<String, Value>, names: &[&str]) -> Result<(), ApiError> {
    match body.keys().find(|name| !names.contains(&name.as_str())) {
        Some(unknown) => Err(complaint(400, format!("Unknown field: {unknown}."))),
        None => Ok(()),
    }
}

fn check(body: &Map<String, Value>) -> Result<(), ApiError> {
    known(body, &KNOWN)?;
    required(body, "title", LONGEST_TITLE)?;
    required(body, "details", LONGEST_DETAILS)?;
    required(body, "report_type", usize::MAX)?;
    one_of(
        body,
        "report_type",
        &["SECURITY", "COVERAGE", "TEST", "BUG"],
    )?;
    one_of(body, "result", &["PASSED", "FAILED", "PENDING"])?;
    text(body, "reporter", LONGEST_TITLE)?;
    public_address(body, "link")?;
    public_address(body, "logo_url")?;
    if body
        .get("remote_link_enabled")
        .is_some_and(|value| !value.is_boolean())
    {
        return Err(complaint(
            400,
            "remote_link_enabled has to be true or false.",
        ));
    }
    match body.get("data") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Array(data)) if data.len() > MOST_DATA => Err(complaint(
            400,
            format!("data may have at most {MOST_DATA} entries."),
        )),
        Some(Value::Array(data)) => data.iter().try_for_each(check_data),
        Some(_) => Err(complaint(400, "data has to be a list.")),
    }
}

/// An entry of `data`: the value has to be of the type it says.
fn check_data(entry: &Value) -> Result<(), ApiError> {
    let Some(entry) = entry.as_object() else {
        return Err(complaint(400, "An entry of data has to be an object."));
    };
    known(entry, &["title", "type", "value"])?;
    required(entry, "title", LONGEST_TITLE)?;
    let value = entry.get("value").unwrap_or(&Value::Null);
    let fits = match text(entry, "type", usize::MAX)? {
        None => value.is_boolean() || value.is_number() || value.is_string(),
        Some("BOOLEAN") => value.is_boolean(),
        Some("DATE" | "DURATION") => value.is_i64() || value.is_u64(),
        Some("NUMBER") => value.is_number(),
        Some("PERCENTAGE") => value
            .as_f64()
            .is_some_and(|number| (0.0..=100.0).contains(&number)),
        Some("TEXT") => value.is_string(),
        Some("LINK") => {
            value.get("text").is_some_and(Value::is_string)
                && value
                    .get("href")
                    .and_then(Value::as_str)
                    .is_some_and(is_public_web_address)
        }
        Some(_) => false,
    };
    if fits {
        Ok(())
    } else {
        Err(complaint(
            400,
            "The value does not fit the type of an entry of data.",
        ))
    }
}

fn put(call: &Call) -> RouteResult {
    let subject = subject(call)?;
    let body = call
        .json_object()
        .map_err(|_| complaint(400, "The body has to be a JSON object."))?;
    check(&body)?;
    let id = call.parameter("reportId");
    let now = call.mock.clock.timestamp();
    let content = body
        .into_iter()
        .filter(|(name, _)| KNOWN[..9].contains(&name.as_str()))
        .collect();
    let mut state = lock(&call.mock.state);
    let reports = state.reports.entry(subject).or_default();
    let report = match reports.iter_mut().find(|report| report.is(id)) {
        Some(report) => {
            report.content = content;
            report.updated_on = now;
            report.clone()
        }
        None => {
            let report = Report {
                uuid: call.mock.ids.braced(),
                external_id: id.to_owned(),
                content,
                created_on: now.clone(),
                updated_on: now,
                annotations: Vec::new(),
            };
            reports.push(report.clone());
            report
        }
    };
    drop(state);
    Ok(Response::ok(show(&report)))
}

fn show(report: &Report) -> Value {
    let mut object = Value::Object(report.content.clone());
    object["type"] = json!("report");
    object["uuid"] = json!(report.uuid);
    object["external_id"] = json!(report.external_id);
    object["created_on"] = json!(report.created_on);
    object["updated_on"] = json!(report.updated_on);
    object
}

fn list(call: &Call) -> RouteResult {
    let subject = subject(call)?;
    let values = lock(&call.mock.state)
        .reports
        .get(&subject)
        .into_iter()
        .flatten()
        .map(show)
        .collect();
    listing::values(call, values)
}

fn single(call: &Call) -> RouteResult {
    Ok(Response::ok(show(&find(call)?)))
}

/// Deleting what is not there is no error.
fn delete(call: &Call) -> RouteResult {
    let subject = subject(call)?;
    let id = call.parameter("reportId");
    if let Some(reports) = lock(&call.mock.state).reports.get_mut(&subject) {
        reports.retain(|report| !report.is(id));
    }
    Ok(Response::no_content())
}
