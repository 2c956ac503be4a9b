//! What happened to a pull request, newest first: updates, comments, verdicts.

use serde_json::{Value, json};

use super::pull_requests::find;
use crate::mock_bitbucket::call::Call;
use crate::mock_bitbucket::errors::{ApiError, Reply};
use crate::mock_bitbucket::links::link;
use crate::mock_bitbucket::pagination::{by_cursor, page_length};
use crate::mock_bitbucket::pull_requests::Verdict;
use crate::mock_bitbucket::represent_pull_request as show;
use crate::mock_bitbucket::router::Route;
use crate::mock_bitbucket::tokens::PULL_REQUEST;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/2.0/repositories/{workspace}/{repo_slug}/pullrequests/{pull_request_id}/activity",
            list,
        )
        .scopes(PULL_REQUEST)
        .cursor(10, 50),
    ]
}

/// Pages have a cursor here.
fn list(call: &Call) -> Reply {
    let start = match call.query_value("page") {
        None => 0,
        Some(cursor) => cursor
            .strip_prefix('a')
            .and_then(|offset| offset.parse().ok())
            .ok_or_else(|| ApiError::bad_request("Invalid page"))?,
    };
    let length = page_length(call)?;
    let mut entries = entries(call)?;
    // What happened at one moment stays in its order, the later first.
    entries.reverse();
    entries.sort_by(|left, right| right.0.cmp(&left.0));
    let next = start + length;
    let cursor = (next < entries.len()).then(|| format!("a{next}"));
    let values = entries
        .into_iter()
        .skip(start)
        .take(length)
        .map(|(_, entry)| entry)
        .collect();
    by_cursor(call, length, values, cursor)
}

/// Everything that happened, each with its time.
fn entries(call: &Call) -> Result<Vec<(String, Value)>, ApiError> {
    let (repository, pull_request) = find(call)?;
    let mock = &call.mock;
    let urls = &mock.urls;
    let brief = json!({
        "type": "pullrequest",
        "id": pull_request.id,
        "title": pull_request.title,
        "links": {
            "self": link(show::url(urls, &repository, pull_request.id)),
            "html": link(show::page(urls, &repository, pull_request.id)),
        },
    });
    let mut entries = Vec::new();
    for update in &pull_request.updates {
        let mut source = pull_request.source.clone();
        source.commit.clone_from(&update.source);
        let entry = json!({
            "pull_request": brief,
            "update": {
                "date": update.date,
                "title": update.title,
                "state": pull_request.state.name(),
                "source": show::side(mock, &repository, &source),
                "destination": show::side(mock, &repository, &pull_request.destination),
                "changes": {},
                "reviewers": [],
            },
        });
        entries.push((update.date.clone(), entry));
    }
    for comment in &pull_request.comments {
        let shown = show::comment(mock, &repository, &pull_request, comment);
        let entry = json!({ "pull_request": brief, "comment": shown });
        entries.push((comment.created_on.clone(), entry));
    }
    for participant in &pull_request.participants {
        if let (Some(verdict), Some(date)) = (participant.verdict, &participant.participated_on) {
            let name = match verdict {
                Verdict::Approved => "approval",
                Verdict::ChangesRequested => "changes_requested",
            };
            let user = show::account(mock, &participant.user);
            let entry = json!({
                "pull_request": brief,
                name: { "date": date, "user": user, "pullrequest": brief },
            });
            entries.push((date.clone(), entry));
        }
    }
    Ok(entries)
}
