//! Variables of a repository's pipelines. The value of a secured one is never shown.

use serde_json::{Value, json};

use crate::api::call::{BodyKind, Call, Route};
use crate::api::routes::listing;
use crate::api::validation::Validation;
use crate::model::documents::Documents;
use crate::model::errors::{ApiError, RouteResult};
use crate::model::permissions::{PIPELINE, PIPELINE_VARIABLE};
use crate::model::response::Response;

const ALL: &str = "/2.0/repositories/{workspace}/{repo_slug}/pipelines_config/variables";
const ONE: &str =
    "/2.0/repositories/{workspace}/{repo_slug}/pipelines_config/variables/{variable_uuid}";

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get(ALL, list).scopes(PIPELINE).numbered(10, 100),
        Route::post(ALL, create)
            .scopes(PIPELINE_VARIABLE)
            .body(BodyKind::Json),
        Route::get(ONE, |call| Ok(Response::ok(show(find(call)?)))).scopes(PIPELINE),
        Route::put(ONE, update)
            .scopes(PIPELINE_VARIABLE)
            .body(BodyKind::Json),
        Route::delete(ONE, delete).scopes(PIPELINE_VARIABLE),
    ]
}

fn kept(call: &Call) -> Result<Documents<'_>, ApiError> {
    let home = call.repository()?.uuid.clone();
    Ok(Documents::new(
        &call.mock,
        "pipeline variable",
        home,
        "uuid",
    ))
}

fn show(mut variable: Value) -> Value {
    if variable["secured"] == true {
        if let Some(fields) = variable.as_object_mut() {
            fields.remove("value");
        }
    }
    variable
}

fn list(call: &Call) -> RouteResult {
    listing::values(call, kept(call)?.all().into_iter().map(show).collect())
}

fn find(call: &Call) -> Result<Value, ApiError> {
    kept(call)?
        .find(call.parameter("variable_uuid"))
        .ok_or_else(|| ApiError::not_found("This variable does not exist."))
}

/// Key, value and whether it is secured, as far as they were sent.
fn read(call: &Call, mut variable: Value) -> Result<Value, ApiError> {
    let body = call.json_object()?;
    let mut check = Validation::new(&body);
    check.known(&["type", "uuid", "key", "value", "secured"]);
    let key = check.text("key", 255).map(str::to_owned);
    let value = check.text("value", usize::MAX).map(str::to_owned);
    let secured = check.boolean("secured");
    check.finish()?;
    if let Some(key) = key {
        variable["key"] = json!(key);
    }
    if let Some(value) = value {
        variable["value"] = json!(value);
    }
    if let Some(secured) = secured {
        variable["secured"] = json!(secured);
    }
    Ok(variable)
}

fn create(call: &Call) -> RouteResult {
    let fresh = json!({
        "type": "pipeline_variable",
        "uuid": call.mock.ids.braced(),
        "secured": false,
    });
    let made = read(call, fresh)?;
    let documents = kept(call)?;
    if made["key"].as_str().is_none_or(str::is_empty) {
        return Err(ApiError::field("key", "This field is required."));
    }
    if documents.all().iter().any(|one| one["key"] == made["key"]) {
        return Err(ApiError::new(
            409,
            "A variable with this key already exists.",
        ));
    }
    documents.put(made.clone());
    Ok(Response::json(201, show(made)))
}

fn update(call: &Call) -> RouteResult {
    let changed = read(call, find(call)?)?;
    kept(call)?.put(changed.clone());
    Ok(Response::ok(show(changed)))
}

fn delete(call: &Call) -> RouteResult {
    find(call)?;
    kept(call)?.remove(call.parameter("variable_uuid"));
    Ok(Response::no_content())
}
