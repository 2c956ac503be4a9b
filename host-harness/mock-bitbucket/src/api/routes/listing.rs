//! Filtering, sorting and paging of lists whose items are cheap to show.

use serde_json::Value;

use crate::api::call::Call;
use crate::api::pagination::numbered;
use crate::api::query::{Filter, lookup};
use crate::api::schema;
use crate::api::sort::{Sort, SortKey};
use crate::model::errors::{ApiError, RouteResult};
use crate::view::whole::WholeObjects;

/// The filter of `q`, if there is one.
pub(crate) fn filter(call: &Call) -> Result<Option<Filter>, ApiError> {
    let Some(text) = call.query_value("q") else {
        return Ok(None);
    };
    let filter = Filter::parse(text)
        .map_err(|problem| ApiError::bad_request(format!("Invalid query in q: {problem}")))?;
    for field in filter.fields() {
        known(call, field)?;
    }
    Ok(Some(filter))
}

/// The order of `sort`, if there is one.
pub(crate) fn sort(call: &Call) -> Result<Option<Sort>, ApiError> {
    let Some(text) = call.query_value("sort") else {
        return Ok(None);
    };
    let sort = Sort::parse(text).map_err(ApiError::bad_request)?;
    known(call, &sort.field)?;
    Ok(Some(sort))
}

/// A field that the listed objects do not have is an error, not an empty list.
fn known(call: &Call, field: &str) -> Result<(), ApiError> {
    if call.route.items.is_empty() || schema::knows(call.route.items, field) {
        return Ok(());
    }
    Err(ApiError::bad_request(format!(
        "Invalid field name \"{field}\" in query."
    )))
}

/// An item with every field that the filter and the order look at, also those that
/// the list does not show.
pub(crate) struct Probe<'a> {
    call: &'a Call,
    fields: Vec<String>,
    whole: WholeObjects,
}

impl<'a> Probe<'a> {
    pub(crate) fn new(call: &'a Call, filter: Option<&Filter>, sort: Option<&Sort>) -> Self {
        let mut fields: Vec<String> = filter
            .map(Filter::fields)
            .unwrap_or_default()
            .into_iter()
            .map(str::to_owned)
            .collect();
        fields.extend(sort.map(|sort| sort.field.clone()));
        Self {
            call,
            fields,
            whole: WholeObjects::default(),
        }
    }

    pub(crate) fn of(&mut self, item: &Value) -> Value {
        let mut probe = item.clone();
        for field in &self.fields {
            if lookup(&probe, field).is_empty() {
                self.whole.grow(&self.call.mock, &mut probe, field);
            }
        }
        probe
    }
}

/// Responds with one page of ready values, after `q` and `sort`.
pub(crate) fn values(call: &Call, mut values: Vec<Value>) -> RouteResult {
    let (filter, sort) = (filter(call)?, sort(call)?);
    if filter.is_some() || sort.is_some() {
        let mut probe = Probe::new(call, filter.as_ref(), sort.as_ref());
        let mut probed: Vec<(Value, Value)> = values
            .into_iter()
            .map(|value| (probe.of(&value), value))
            .filter(|(probe, _)| filter.as_ref().is_none_or(|filter| filter.matches(probe)))
            .collect();
        if let Some(sort) = sort {
            sort.sort(&mut probed, |(probe, _), field| SortKey::of(probe, field));
        }
        values = probed.into_iter().map(|(_, value)| value).collect();
    }
    numbered(call, &values, |page| Ok(page.to_vec()))
}
