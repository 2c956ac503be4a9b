//! What happened to a pull request, newest first: updates, comments and verdicts.

use serde_json::{Value, json};

use super::listing;
use super::pull_requests::find;
use crate::call::Call;
use crate::errors::Reply;
use crate::links::link;
use crate::locked;
use crate::pull_requests::Verdict;
use crate::represent_pull_request as show;
use crate::router::Route;
use crate::tokens::PULL_REQUEST;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/2.0/repositories/{workspace}/{repo_slug}/pullrequests/{pull_request_id}/activity",
            list,
        )
        .scopes(PULL_REQUEST)
        .numbered(10, 50),
    ]
}

fn list(call: &Call) -> Reply {
    let (repository, pull_request) = find(call)?;
    let urls = &call.mock.urls;
    let brief = json!({
        "type": "pullrequest",
        "id": pull_request.id,
        "title": pull_request.title,
        "links": {
            "self": link(show::url(urls, &repository, pull_request.id)),
            "html": link(show::page(urls, &repository, pull_request.id)),
        },
    });
    let updates = locked(&call.mock.state)
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
        let shown = show::comment(&call.mock, &repository, &pull_request, comment);
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
        let user = show::account(&call.mock, &participant.user);
        let shown = json!({ "date": date, "user": user, "pullrequest": brief });
        dated.push((date.clone(), name, shown));
    }
    // What was noted later comes first among entries of the same moment.
    dated.reverse();
    dated.sort_by(|left, right| right.0.cmp(&left.0));
    let values = dated
        .into_iter()
        .map(|(_, name, entry)| {
            let mut object = json!({ "pull_request": brief });
            object[name] = entry;
            object
        })
        .collect();
    listing::values(call, values)
}
