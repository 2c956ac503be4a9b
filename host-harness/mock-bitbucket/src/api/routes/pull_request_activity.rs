//! What happened to a pull request, newest first: updates, comments and verdicts.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::call::{Call, Route};
use crate::api::routes::listing;
use crate::api::routes::pull_requests::find;
use crate::model::errors::RouteResult;
use crate::model::links::link;
use crate::model::permissions::PULL_REQUEST;
use crate::model::pull_request::{PullRequest, Verdict};
use crate::model::pull_request_store;
use crate::model::repository::Repository;
use crate::sync::lock;
use crate::view;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/2.0/repositories/{workspace}/{repo_slug}/pullrequests/{pull_request_id}/activity",
            list,
        )
        .scopes(PULL_REQUEST)
        .numbered(10, 50),
        Route::get(
            "/2.0/repositories/{workspace}/{repo_slug}/pullrequests/activity",
            list_all,
        )
        .scopes(PULL_REQUEST)
        .numbered(10, 50),
    ]
}

fn list(call: &Call) -> RouteResult {
    let (repository, pull_request) = find(call)?;
    let entries = entries(call, &repository, &pull_request);
    listing::values(call, in_order(entries))
}

/// The activity of every pull request of a repository.
fn list_all(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let mut all = Vec::new();
    for pull_request in pull_request_store::all(&call.mock, &repository)? {
        all.extend(entries(call, &repository, &pull_request));
    }
    listing::values(call, in_order(all))
}

/// Newest first; what was noted later comes first among entries of the same moment.
fn in_order(mut entries: Vec<(String, Value)>) -> Vec<Value> {
    entries.reverse();
    entries.sort_by(|left, right| right.0.cmp(&left.0));
    entries.into_iter().map(|(_, entry)| entry).collect()
}

/// Everything that happened to a pull request, with its date.
fn entries(
    call: &Call,
    repository: &Arc<Repository>,
    pull_request: &PullRequest,
) -> Vec<(String, Value)> {
    let urls = &call.mock.urls;
    let brief = json!({
        "type": "pullrequest",
        "id": pull_request.id,
        "title": pull_request.title,
        "links": {
            "self": link(view::pull_request::url(urls, repository, pull_request.id)),
            "html": link(view::pull_request::page(urls, repository, pull_request.id)),
        },
    });
    let updates = lock(&call.mock.state)
        .pull_request_updates
        .get(&repository.uuid)
        .cloned()
        .unwrap_or_default();
    let mut dated: Vec<(String, &str, Value)> = updates
        .into_iter()
        .filter(|(id, _)| *id == pull_request.id)
        .map(|(_, update)| {
            let date = update["date"].as_str().unwrap_or_default().to_owned();
            (date, "update", update)
        })
        .collect();
    for comment in &pull_request.comments {
        let shown = view::pull_request::comment(&call.mock, repository, pull_request, comment);
        dated.push((comment.created_on.clone(), "comment", shown));
    }
    for participant in &pull_request.participants {
        let (Some(date), Some(verdict)) = (&participant.participated_on, participant.verdict)
        else {
            continue;
        };
        let name = match verdict {
            Verdict::Approved => "approval",
            Verdict::ChangesRequested => "changes_requested",
        };
        let user = view::pull_request::account(&call.mock, &participant.user);
        let shown = json!({ "date": date, "user": user, "pullrequest": brief });
        dated.push((date.clone(), name, shown));
    }
    dated
        .into_iter()
        .map(|(date, name, entry)| {
            let mut object = json!({ "pull_request": brief });
            object[name] = entry;
            (date, object)
        })
        .collect()
}
