//! The operations of the API, one file per subject.

use super::router::Route;

pub(crate) mod commits;
pub(crate) mod hook_events;
pub(crate) mod hooks;
pub(crate) mod listing;
pub(crate) mod oauth;
pub(crate) mod refs;
pub(crate) mod removed;
pub(crate) mod repositories;
pub(crate) mod statuses;
pub(crate) mod users;

/// Every route. A path that fits two templates belongs to the first.
pub(crate) fn all() -> Vec<Route> {
    let mut routes = Vec::new();
    routes.extend(oauth::routes());
    routes.extend(users::routes());
    routes.extend(repositories::routes());
    routes.extend(refs::routes());
    routes.extend(commits::routes());
    routes.extend(statuses::routes());
    routes.extend(hooks::routes());
    routes.extend(hook_events::routes());
    routes
}
