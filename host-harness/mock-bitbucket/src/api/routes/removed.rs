//! Addresses that Bitbucket Cloud has switched off. They respond with 410 whatever
//! the method and whoever asks.

use crate::model::errors::{ApiError, endpoint_removed, first_version_removed};

/// The 410 for a path that is gone.
pub(crate) fn check(path: &str) -> Option<ApiError> {
    let path = path.trim_end_matches('/');
    if path == "/1.0" || path.starts_with("/1.0/") {
        return Some(first_version_removed());
    }
    let gone = matches!(path, "/2.0/workspaces" | "/2.0/repositories" | "/2.0/teams")
        || path.starts_with("/2.0/user/permissions/")
        || path.starts_with("/2.0/teams/");
    gone.then(endpoint_removed)
}
