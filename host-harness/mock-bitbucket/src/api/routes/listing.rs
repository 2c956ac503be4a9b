//! Filtering, sorting and paging of lists whose items are cheap to show.

use serde_json::Value;

use crate::api::call::Call;
use crate::api::pagination::numbered;
use crate::api::query::Filter;
use crate::api::sort::{Sort, SortKey};
use crate::model::errors::{ApiError, RouteResult};

/// The filter of `q`, if there is one.
pub(crate) fn filter(call: &Call) -> Result<Option<Filter>, ApiError> {
    call.query_value("q")
        .map(|text| {
            Filter::parse(text)
                .map_err(|problem| ApiError::bad_request(format!("Invalid query in q: {problem}")))
        })
        .transpose()
}

/// The order of `sort`, if there is one.
pub(crate) fn sort(call: &Call) -> Result<Option<Sort>, ApiError> {
    call.query_value("sort")
        .map(|text| Sort::parse(text).map_err(ApiError::bad_request))
        .transpose()
}

/// Responds with one page of ready values, after `q` and `sort`.
pub(crate) fn values(call: &Call, mut values: Vec<Value>) -> RouteResult {
    if let Some(filter) = filter(call)? {
        values.retain(|value| filter.matches(value));
    }
    if let Some(sort) = sort(call)? {
        sort.sort(&mut values, SortKey::of);
    }
    numbered(call, &values, |page| Ok(page.to_vec()))
}
