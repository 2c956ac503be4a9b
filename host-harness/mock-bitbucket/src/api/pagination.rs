//! Lists in pages: numbered ones and ones with an opaque cursor.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::api::call::Call;
use crate::api::call::Paging;
use crate::model::errors::{ApiError, RouteResult};
use crate::model::links;
use crate::model::repository::Repository;
use crate::model::response::Response;
use crate::model::walks::Walk;
use crate::sync::lock;
use crate::view;

/// Reads `pagelen`.
pub(crate) fn page_length(call: &Call) -> Result<usize, ApiError> {
    let (default, most) = match call.route.paging {
        Paging::None => return Ok(usize::MAX),
        Paging::Numbered { default, most } | Paging::Cursor { default, most } => (default, most),
    };
    match call.query_value("pagelen") {
        None => Ok(default),
        Some(text) => text
            .parse()
            .ok()
            .filter(|length| (1..=most).contains(length))
            .ok_or_else(|| ApiError::bad_request("Invalid pagelen")),
    }
}

/// Reads a page number; the first is 1.
pub(crate) fn page_number(call: &Call) -> Result<usize, ApiError> {
    match call.query_value("page") {
        None => Ok(1),
        Some(text) => text
            .parse()
            .ok()
            .filter(|number| *number >= 1)
            .ok_or_else(|| ApiError::bad_request("Invalid page")),
    }
}

/// Responds with one numbered page of `items`; only the items of that page are
/// turned into JSON.
pub(crate) fn numbered<T>(
    call: &Call,
    items: &[T],
    to_json: impl FnOnce(&[T]) -> Result<Vec<Value>, ApiError>,
) -> RouteResult {
    let length = page_length(call)?;
    let number = page_number(call)?;
    let start = (number - 1).saturating_mul(length).min(items.len());
    let end = start.saturating_add(length).min(items.len());
    let behaviour = lock(&call.mock.state).behaviour;
    let turned = behaviour.unstable_order && call.query_value("sort").is_none() && number % 2 == 0;
    let values = if turned {
        let mut values = to_json(&items[items.len() - end..items.len() - start])?;
        values.reverse();
        values
    } else {
        to_json(&items[start..end])?
    };
    let mut envelope = Map::new();
    envelope.insert("values".into(), Value::Array(values));
    envelope.insert("pagelen".into(), json!(length));
    if !behaviour.bare_envelopes {
        if call.route.sized {
            envelope.insert("size".into(), json!(items.len()));
        }
        envelope.insert("page".into(), json!(number));
    }
    if end < items.len() {
        envelope.insert(
            "next".into(),
            json!(page_link(call, &(number + 1).to_string())),
        );
    }
    if number > 1 {
        envelope.insert(
            "previous".into(),
            json!(page_link(call, &(number - 1).to_string())),
        );
    }
    Ok(Response::ok(Value::Object(envelope)))
}

/// The list that a cursor belongs to and the place it stands for; without a cursor a
/// new list, from its beginning. `subject` keeps cursors of other lists away.
pub(crate) fn continued(
    call: &Call,
    subject: &str,
    begin: impl FnOnce() -> Result<Vec<String>, ApiError>,
) -> Result<(Arc<Walk>, usize), ApiError> {
    let walks = &call.mock.walks;
    match call.query_value("page") {
        Some(cursor) => walks
            .find(subject, cursor)
            .ok_or_else(|| ApiError::bad_request("Invalid page")),
        None => Ok((walks.keep(subject, begin()?), 0)),
    }
}

/// Responds with one page of commits, by cursor. `from` is where they are shown.
pub(crate) fn commits(
    call: &Call,
    from: &Repository,
    subject: &str,
    begin: impl FnOnce() -> Result<Vec<String>, ApiError>,
) -> RouteResult {
    let length = page_length(call)?;
    let (walk, start) = continued(call, subject, begin)?;
    let end = start.saturating_add(length).min(walk.hashes.len());
    let values = from
        .git
        .commits(&walk.hashes[start..end])?
        .iter()
        .flatten()
        .map(|commit| view::repository::commit(&call.mock, from, commit))
        .collect();
    let next = (end < walk.hashes.len()).then(|| walk.cursor(end));
    by_cursor(call, length, values, next)
}

/// Responds with one page of a list that has no numbers.
pub(crate) fn by_cursor(
    call: &Call,
    length: usize,
    values: Vec<Value>,
    next: Option<String>,
) -> RouteResult {
    let mut envelope = Map::new();
    envelope.insert("values".into(), Value::Array(values));
    envelope.insert("pagelen".into(), json!(length));
    if let Some(next) = next {
        envelope.insert("next".into(), json!(page_link(call, &next)));
    }
    Ok(Response::ok(Value::Object(envelope)))
}

/// The address of another page of this list: the path and every parameter the
/// caller gave, with `page` replaced.
pub(crate) fn page_link(call: &Call, page: &str) -> String {
    let mut parameters: Vec<(String, String)> = call
        .query
        .iter()
        .filter(|(key, _)| key != "page")
        .cloned()
        .collect();
    parameters.push(("page".to_owned(), page.to_owned()));
    format!(
        "{}{}?{}",
        call.mock.urls.origin,
        call.raw_path,
        links::query(&parameters)
    )
}
