//! Issues: no repository has a tracker, and that is what the service says then.

use crate::api::call::{BodyKind, Call, Route};
use crate::model::errors::{ApiError, RouteResult};
use crate::model::permissions::{ISSUE, ISSUE_WRITE};

const ALL: &str = "/2.0/repositories/{workspace}/{repo_slug}/issues";
const ONE: &str = "/2.0/repositories/{workspace}/{repo_slug}/issues/{issue_id}";

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get(ALL, no_tracker)
            .scopes(ISSUE)
            .query(&["q", "sort"])
            .numbered(10, 100),
        Route::post(ALL, no_tracker)
            .scopes(ISSUE_WRITE)
            .body(BodyKind::Json),
        Route::get(ONE, no_tracker).scopes(ISSUE),
    ]
}

fn no_tracker(call: &Call) -> RouteResult {
    call.repository()?;
    Err(ApiError::not_found("Repository has no issue tracker."))
}
