//! How pull requests, their participants and comments look as JSON.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::model::links::{Urls, link};
use crate::model::mock::Mock;
use crate::model::pull_request::{Comment, Participant, PullRequest, Side, Verdict};
use crate::model::repository::Repository;
use crate::model::user::User;
use crate::sync::lock;
use crate::view;
use crate::view::repository::{brief_repository, repository_page, repository_url};

/// How many digits of a hash pull requests show.
pub(crate) const SHORT_HASH: usize = 12;

/// The first digits of a hash.
pub(crate) fn short(hash: &str) -> &str {
    hash.get(..SHORT_HASH).unwrap_or(hash)
}

/// The address of a pull request in the API.
pub(crate) fn url(urls: &Urls, repository: &Repository, id: u64) -> String {
    format!("{}/pullrequests/{id}", repository_url(urls, repository))
}

/// The address of the page of a pull request.
pub(crate) fn page(urls: &Urls, repository: &Repository, id: u64) -> String {
    format!("{}/pull-requests/{id}", repository_page(urls, repository))
}

/// An account by uuid; null when there is none any more.
pub(crate) fn account(mock: &Mock, uuid: &str) -> Value {
    lock(&mock.state)
        .users
        .iter()
        .find(|user| user.uuid == uuid)
        .map_or(Value::Null, |user| view::repository::user(&mock.urls, user))
}

/// A pull request as lists show it: without reviewers and participants.
pub(crate) fn list_item(
    mock: &Mock,
    repository: &Arc<Repository>,
    pull_request: &PullRequest,
) -> Value {
    let urls = &mock.urls;
    let api = url(urls, repository, pull_request.id);
    json!({
        "type": "pullrequest",
        "id": pull_request.id,
        "title": pull_request.title,
        "description": pull_request.description,
        "summary": view::repository::rendered(&pull_request.description),
        "state": pull_request.state.name(),
        "draft": pull_request.draft,
        "queued": false,
        "author": pull_request
            .author
            .as_deref()
            .map_or(Value::Null, |author| account(mock, author)),
        "source": side(mock, repository, &pull_request.source),
        "destination": side(mock, repository, &pull_request.destination),
        "merge_commit": pull_request
            .merge_commit
            .as_deref()
            .map_or(Value::Null, |hash| view::repository::commit_link(urls, repository, short(hash))),
        "comment_count": pull_request.living_comments(),
        "task_count": 0,
        "close_source_branch": pull_request.close_source_branch,
        "closed_by": pull_request
            .closed_by
            .as_deref()
            .map_or(Value::Null, |user| account(mock, user)),
        "reason": pull_request.reason,
        "created_on": pull_request.created_on,
        "updated_on": pull_request.updated_on,
        "links": {
            "self": link(api.clone()),
            "html": link(page(urls, repository, pull_request.id)),
            "commits": link(format!("{api}/commits")),
            "approve": link(format!("{api}/approve")),
            "request-changes": link(format!("{api}/request-changes")),
            "diff": link(comparison(mock, repository, pull_request, "diff")),
            "diffstat": link(comparison(mock, repository, pull_request, "diffstat")),
            "comments": link(format!("{api}/comments")),
            "activity": link(format!("{api}/activity")),
            "merge": link(format!("{api}/merge")),
            "decline": link(format!("{api}/decline")),
            "statuses": link(format!("{api}/statuses")),
        },
    })
}

/// A pull request by itself, and in deliveries.
pub(crate) fn whole(
    mock: &Mock,
    repository: &Arc<Repository>,
    pull_request: &PullRequest,
) -> Value {
    let mut object = list_item(mock, repository, pull_request);
    object["rendered"] = json!({
        "title": view::repository::rendered(&pull_request.title),
        "description": view::repository::rendered(&pull_request.description),
        "reason": view::repository::rendered(&pull_request.reason),
    });
    object["reviewers"] = pull_request
        .reviewers
        .iter()
        .map(|reviewer| account(mock, reviewer))
        .filter(|reviewer| !reviewer.is_null())
        .collect();
    object["participants"] = pull_request
        .participants
        .iter()
        .map(|participant| self::participant(mock, pull_request, participant))
        .collect();
    object
}

/// The address that compares the two sides of a pull request. The line break
/// between the hashes is Bitbucket's own.
pub(crate) fn comparison(
    mock: &Mock,
    repository: &Arc<Repository>,
    pull_request: &PullRequest,
    kind: &str,
) -> String {
    let source =
        crate::model::pull_request_store::source_repository(mock, repository, pull_request);
    let hash = |side: &Side| {
        side.commit
            .as_deref()
            .map(short)
            .unwrap_or_default()
            .to_owned()
    };
    format!(
        "{}/{kind}/{}:{}%0D{}?from_pullrequest_id={}&topic=true",
        repository_url(&mock.urls, repository),
        source.full_name(),
        hash(&pull_request.source),
        hash(&pull_request.destination),
        pull_request.id,
    )
}

fn side(mock: &Mock, repository: &Arc<Repository>, side: &Side) -> Value {
    let home = side
        .repository
        .as_deref()
        .and_then(|uuid| lock(&mock.state).repository_by_uuid(uuid));
    let commit = side.commit.as_deref().map_or(Value::Null, |hash| {
        view::repository::commit_link(&mock.urls, home.as_ref().unwrap_or(repository), short(hash))
    });
    json!({
        "branch": { "name": side.branch },
        "commit": commit,
        "repository": home
            .as_ref()
            .map_or(Value::Null, |home| brief_repository(&mock.urls, home)),
    })
}

/// How a pull request looks after an update, as its activity tells it.
pub(crate) fn update(
    mock: &Mock,
    repository: &Arc<Repository>,
    actor: Option<&User>,
    pull_request: &PullRequest,
) -> Value {
    json!({
        "state": pull_request.state.name(),
        "draft": pull_request.draft,
        "title": pull_request.title,
        "description": pull_request.description,
        "reason": pull_request.reason,
        "date": pull_request.updated_on,
        "author": actor.map_or(Value::Null, |user| view::repository::user(&mock.urls, user)),
        "source": side(mock, repository, &pull_request.source),
        "destination": side(mock, repository, &pull_request.destination),
    })
}

/// What somebody did about a pull request.
pub(crate) fn participant(
    mock: &Mock,
    pull_request: &PullRequest,
    participant: &Participant,
) -> Value {
    let role = if pull_request.reviewers.contains(&participant.user) {
        "REVIEWER"
    } else {
        "PARTICIPANT"
    };
    json!({
        "type": "participant",
        "user": account(mock, &participant.user),
        "role": role,
        "approved": participant.verdict == Some(Verdict::Approved),
        "state": participant.verdict.map(|verdict| match verdict {
            Verdict::Approved => "approved",
            Verdict::ChangesRequested => "changes_requested",
        }),
        "participated_on": participant.participated_on,
    })
}

/// A comment. Of a deleted one nothing is left but the place where it stood.
pub(crate) fn comment(
    mock: &Mock,
    repository: &Repository,
    pull_request: &PullRequest,
    comment: &Comment,
) -> Value {
    let urls = &mock.urls;
    let api = url(urls, repository, pull_request.id);
    let own = format!("{api}/comments/{}", comment.id);
    let page = page(urls, repository, pull_request.id);
    let text = if comment.deleted { "" } else { &comment.text };
    let mut object = json!({
        "type": "pullrequest_comment",
        "id": comment.id,
        "created_on": comment.created_on,
        "updated_on": comment.updated_on,
        "content": view::repository::rendered(text),
        "user": account(mock, &comment.user),
        "deleted": comment.deleted,
        "pending": false,
        "pullrequest": {
            "type": "pullrequest",
            "id": pull_request.id,
            "title": pull_request.title,
            "links": { "self": link(api.clone()), "html": link(page.clone()) },
        },
        "links": {
            "self": link(own),
            "html": link(format!("{page}/_/diff#comment-{}", comment.id)),
        },
    });
    if let Some(inline) = &comment.inline {
        object["inline"] = json!({
            "path": inline.path,
            "from": inline.from,
            "to": inline.to,
        });
        object["links"]["code"] = link(comparison_of_file(urls, repository, pull_request, inline));
    }
    if let Some(parent) = comment.parent {
        object["parent"] = json!({
            "id": parent,
            "links": { "self": link(format!("{api}/comments/{parent}")) },
        });
    }
    if let Some((user, date)) = &comment.resolution {
        object["resolution"] = json!({
            "type": "comment_resolution",
            "user": account(mock, user),
            "created_on": date,
        });
    }
    object
}

fn comparison_of_file(
    urls: &Urls,
    repository: &Repository,
    pull_request: &PullRequest,
    inline: &crate::model::pull_request::Inline,
) -> String {
    format!(
        "{}/diff/{}?path={}",
        repository_url(urls, repository),
        pull_request
            .source
            .commit
            .as_deref()
            .map(short)
            .unwrap_or_default(),
        crate::model::links::segment(&inline.path),
    )
}
