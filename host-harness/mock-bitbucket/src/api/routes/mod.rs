//! The operations of the API, one file per subject.

use crate::api::call::Route;

pub(crate) mod archives;
pub(crate) mod branch_restrictions;
pub(crate) mod commit_approvals;
pub(crate) mod commit_pull_requests;
pub(crate) mod commits;
pub(crate) mod deploy_keys;
pub(crate) mod diffs;
pub(crate) mod downloads;
pub(crate) mod forks;
pub(crate) mod hook_events;
pub(crate) mod hooks;
pub(crate) mod insight_annotations;
pub(crate) mod insights;
pub(crate) mod issues;
pub(crate) mod listing;
pub(crate) mod members;
pub(crate) mod oauth;
pub(crate) mod pipeline_variables;
pub(crate) mod pipelines;
pub(crate) mod projects;
pub(crate) mod pull_request_activity;
pub(crate) mod pull_request_body;
pub(crate) mod pull_request_comments;
pub(crate) mod pull_request_merge;
pub(crate) mod pull_request_reviews;
pub(crate) mod pull_requests;
pub(crate) mod refs;
pub(crate) mod removed;
pub(crate) mod repositories;
pub(crate) mod repository_changes;
pub(crate) mod reviewers;
pub(crate) mod source;
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
    routes.extend(forks::routes());
    routes.extend(reviewers::routes());
    routes.extend(commit_pull_requests::routes());
    routes.extend(pull_request_activity::routes());
    routes.extend(pull_requests::routes());
    routes.extend(pull_request_reviews::routes());
    routes.extend(pull_request_merge::routes());
    routes.extend(pull_request_comments::routes());
    routes.extend(diffs::routes());
    routes.extend(source::routes());
    routes.extend(downloads::routes());
    routes.extend(insights::routes());
    routes.extend(insight_annotations::routes());
    routes.extend(archives::routes());
    routes.extend(hook_events::routes());
    routes.extend(branch_restrictions::routes());
    routes.extend(commit_approvals::routes());
    routes.extend(deploy_keys::routes());
    routes.extend(issues::routes());
    routes.extend(members::routes());
    routes.extend(pipeline_variables::routes());
    routes.extend(pipelines::routes());
    routes.extend(projects::routes());
    routes.extend(repository_changes::routes());
    routes
}
