//! The events that hooks can subscribe to.

use serde_json::json;

use crate::api::call::{Call, Route};
use crate::api::routes::listing;
use crate::model::errors::{ApiError, RouteResult};
use crate::model::links::link;
use crate::model::response::Response;

/// Every event: key, category, label, description, whether only workspaces emit it.
const EVENTS: [(&str, &str, &str, &str, bool); 26] = [
    (
        "repo:push",
        "Repository",
        "Push",
        "A push to the repository",
        false,
    ),
    (
        "repo:fork",
        "Repository",
        "Fork",
        "The repository is forked",
        false,
    ),
    (
        "repo:imported",
        "Repository",
        "Import",
        "The repository is imported",
        false,
    ),
    (
        "repo:updated",
        "Repository",
        "Updated",
        "The repository is updated",
        false,
    ),
    (
        "repo:transfer",
        "Repository",
        "Transfer accepted",
        "The repository changes hands",
        false,
    ),
    (
        "repo:created",
        "Repository",
        "Created",
        "A repository is created",
        true,
    ),
    (
        "repo:deleted",
        "Repository",
        "Deleted",
        "A repository is deleted",
        false,
    ),
    (
        "repo:commit_comment_created",
        "Repository",
        "Commit comment created",
        "A commit is commented",
        false,
    ),
    (
        "repo:commit_status_created",
        "Repository",
        "Build status created",
        "A commit gets a build status",
        false,
    ),
    (
        "repo:commit_status_updated",
        "Repository",
        "Build status updated",
        "A build status changes",
        false,
    ),
    (
        "pullrequest:created",
        "Pull Request",
        "Created",
        "A pull request is opened",
        false,
    ),
    (
        "pullrequest:updated",
        "Pull Request",
        "Updated",
        "A pull request is updated",
        false,
    ),
    (
        "pullrequest:push",
        "Pull Request",
        "Push",
        "New commits arrive in a pull request",
        false,
    ),
    (
        "pullrequest:approved",
        "Pull Request",
        "Approved",
        "Somebody approves",
        false,
    ),
    (
        "pullrequest:unapproved",
        "Pull Request",
        "Approval removed",
        "Somebody takes an approval back",
        false,
    ),
    (
        "pullrequest:changes_request_created",
        "Pull Request",
        "Changes Request created",
        "Somebody asks for changes",
        false,
    ),
    (
        "pullrequest:changes_request_removed",
        "Pull Request",
        "Changes Request removed",
        "Changes are no longer asked for",
        false,
    ),
    (
        "pullrequest:fulfilled",
        "Pull Request",
        "Merged",
        "A pull request is merged",
        false,
    ),
    (
        "pullrequest:rejected",
        "Pull Request",
        "Declined",
        "A pull request is declined",
        false,
    ),
    (
        "pullrequest:comment_created",
        "Pull Request",
        "Comment created",
        "A pull request is commented",
        false,
    ),
    (
        "pullrequest:comment_updated",
        "Pull Request",
        "Comment updated",
        "A comment changes",
        false,
    ),
    (
        "pullrequest:comment_deleted",
        "Pull Request",
        "Comment deleted",
        "A comment is deleted",
        false,
    ),
    (
        "pullrequest:comment_resolved",
        "Pull Request",
        "Comment resolved",
        "A comment is resolved",
        false,
    ),
    (
        "pullrequest:comment_reopened",
        "Pull Request",
        "Comment reopened",
        "A comment is reopened",
        false,
    ),
    (
        "project:updated",
        "Project",
        "Updated",
        "A project is updated",
        true,
    ),
    (
        "pipeline:span_created",
        "Pipeline",
        "Span created",
        "A pipeline reports a span",
        false,
    ),
];

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/2.0/hook_events", subjects),
        Route::get("/2.0/hook_events/{subject_type}", events_of).numbered(30, 100),
    ]
}

/// Whether repositories emit an event of this name.
pub(crate) fn is_event_of_repositories(event: &str) -> bool {
    EVENTS
        .iter()
        .any(|(key, _, _, _, only_workspaces)| *key == event && !only_workspaces)
}

fn subjects(call: &Call) -> RouteResult {
    let subject = |name: &str| json!({ "links": { "events": link(format!("{}/hook_events/{name}", call.mock.urls.api)) } });
    Ok(Response::ok(json!({
        "repository": subject("repository"),
        "workspace": subject("workspace"),
    })))
}

fn events_of(call: &Call) -> RouteResult {
    let workspaces = match call.parameter("subject_type") {
        "repository" => false,
        "workspace" => true,
        other => {
            return Err(ApiError::not_found(format!(
                "\"{other}\" is not a subject of webhooks."
            )));
        }
    };
    let values = EVENTS
        .iter()
        .filter(|(_, _, _, _, only_workspaces)| workspaces || !only_workspaces)
        .map(|(event, category, label, description, _)| {
            json!({
                "event": event,
                "category": category,
                "label": label,
                "description": description,
            })
        })
        .collect();
    listing::values(call, values)
}
