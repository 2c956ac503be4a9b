//! Changing, declining and approving a pull request.

use super::create::reviewers;
use super::{expand_hashes, get_value, may_be_done, one_path, read_one};
use crate::api::branches::short_name;
use crate::encoding;
use crate::http::Request;
use crate::json::{Json, StrictJson, pointer};
use crate::repository_name::RepositoryName;
use crate::session::Session;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json as object};
use vcs_provider_interface::prelude::*;

/// Changes a pull request and keeps what is not named.
///
/// The reviewers are sent with every change: without them Bitbucket Cloud
/// removes them all.
pub(crate) fn update(
    session: &Session,
    context: &dyn CallContext,
    request: UpdatePullRequestRequest,
) -> Result<PullRequest> {
    let repo = RepositoryName::parse(&request.repo)?;
    let present = get_value(session, context, &repo, request.id)?;
    reject_closed(&read_one(&present)?, "changed")?;
    let kept = kept_reviewers(&present);
    let wanted = request.reviewers.clone().unwrap_or_else(|| {
        let ids = kept.iter().map(|reviewer| reviewer.id.clone());
        ids.collect()
    });
    let send = |reviewers: &[String]| {
        let change = Request::put(one_path(&repo, request.id, &[]))
            .json(&body(&request, &present, reviewers))?;
        session.http.json::<StrictJson>(context, &change)
    };
    let mut left = Vec::new();
    let changed = match send(&wanted) {
        Err(error) if request.reviewers.is_none() && blames_reviewers(&error) => {
            left = reviewers_that_left(session, context, &repo, &kept, &error)?;
            if left.is_empty() {
                return Err(error);
            }
            let staying: Vec<String> = kept
                .iter()
                .filter(|reviewer| !left.iter().any(|left| left.id == reviewer.id))
                .map(|reviewer| reviewer.id.clone())
                .collect();
            send(&staying)?
        }
        other => other?,
    };
    let mut changed = read_one(&changed.0)?;
    for reviewer in left {
        let notice = format!(
            "{} is no longer in the workspace and not a reviewer of {repo} pull request #{} any more",
            reviewer.shown(),
            request.id
        );
        session.http.log().warn("pull_requests", notice.clone());
        changed.extra.insert(keys::NOTICE, notice);
    }
    expand_hashes(session, context, &repo, &mut changed)?;
    Ok(changed)
}

/// A reviewer that the pull request has.
#[derive(Clone, Debug, PartialEq)]
struct Reviewer {
    id: String,
    names: Vec<String>,
}

impl Reviewer {
    fn shown(&self) -> &str {
        self.names.first().unwrap_or(&self.id)
    }
}

fn kept_reviewers(present: &Json<'_>) -> Vec<Reviewer> {
    pointer::items(present, "/reviewers")
        .iter()
        .filter_map(|reviewer| {
            let text = |pointer: &str| pointer::text(reviewer, pointer).map(str::to_owned);
            Some(Reviewer {
                id: text("/uuid").or_else(|| text("/account_id"))?,
                names: ["/display_name", "/nickname", "/account_id", "/uuid"]
                    .iter()
                    .filter_map(|pointer| text(pointer))
                    .collect(),
            })
        })
        .collect()
}

fn blames_reviewers(error: &VcsError) -> bool {
    let names_field = error
        .extra
        .iter()
        .any(|(key, _)| key.starts_with("field.reviewers"));
    matches!(error.kind, ErrorKind::INVALID_INPUT | ErrorKind::CONFLICT)
        && (names_field || error.message.to_ascii_lowercase().contains("reviewer"))
}

/// The reviewers that the service does not take any more: those that its error
/// names, or else those that are no longer members of the workspace.
fn reviewers_that_left(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    kept: &[Reviewer],
    error: &VcsError,
) -> Result<Vec<Reviewer>> {
    let named: Vec<Reviewer> = kept
        .iter()
        .filter(|reviewer| {
            let mut names = reviewer.names.iter();
            names.any(|name| error.message.contains(name.as_str()))
        })
        .cloned()
        .collect();
    if !named.is_empty() {
        return Ok(named);
    }
    let mut left = Vec::new();
    for reviewer in kept {
        let path = encoding::path(&["workspaces", repo.workspace(), "members", &reviewer.id]);
        let member = Request::get(path).fields("user.uuid");
        if session.http.find::<IgnoredAny>(context, &member)?.is_none() {
            left.push(reviewer.clone());
        }
    }
    Ok(left)
}

fn body(
    request: &UpdatePullRequestRequest,
    present: &Json<'_>,
    wanted_reviewers: &[String],
) -> Value {
    let mut body = Map::new();
    // The service wants a title in every change.
    let title = request
        .title
        .as_deref()
        .or_else(|| pointer::text(present, "/title"));
    if let Some(title) = title {
        body.insert("title".into(), object!(title));
    }
    if let Some(description) = &request.description {
        body.insert("description".into(), object!(description));
    }
    if let Some(branch) = &request.destination_branch {
        body.insert(
            "destination".into(),
            object!({ "branch": { "name": short_name(branch) } }),
        );
    }
    // Left out they would be cleared.
    body.insert("reviewers".into(), reviewers(wanted_reviewers));
    Value::Object(body)
}

/// The error of an action that only open pull requests know.
pub(super) fn reject_closed(pull_request: &PullRequest, action: &str) -> Result<()> {
    if !pull_request.closed {
        return Ok(());
    }
    Err(VcsError::new(
        ErrorKind::CONFLICT,
        format!(
            "pull request #{} is {} and cannot be {action}",
            pull_request.id, pull_request.state
        ),
    )
    .with_extra("state", pull_request.state.to_string()))
}

/// Declines a pull request; one that is declined already is a success.
///
/// # Errors
/// `Conflict` if it was merged or superseded.
pub(crate) fn decline(
    session: &Session,
    context: &dyn CallContext,
    request: PullRequestRequest,
) -> Result<PullRequest> {
    let repo = RepositoryName::parse(&request.repo)?;
    let action = Request::post(one_path(&repo, request.id, &["decline"]));
    let value = match session.http.json(context, &action) {
        Ok(StrictJson(value)) => value,
        Err(error) if may_be_done(&error) || is_rejection(&error) => {
            // Somebody else, or the lost &request, may have declined it.
            let value =
                get_value(session, context, &repo, request.id).map_err(|_| error.clone())?;
            let present = read_one(&value)?;
            if present.state != PullRequestState::DECLINED {
                reject_closed(&present, "declined")?;
                return Err(error);
            }
            value
        }
        Err(error) => return Err(error),
    };
    let mut declined = read_one(&value)?;
    expand_hashes(session, context, &repo, &mut declined)?;
    Ok(declined)
}

/// Whether the service did not take the request for what the state is.
fn is_rejection(error: &VcsError) -> bool {
    matches!(
        error.kind,
        ErrorKind::INVALID_INPUT | ErrorKind::CONFLICT | ErrorKind::ALREADY_EXISTS
    )
}

/// What a reviewer thinks.
#[derive(Deserialize)]
struct Verdict {
    approved: bool,
}

/// Approves a pull request; twice is a success.
pub(crate) fn approve(
    session: &Session,
    context: &dyn CallContext,
    request: PullRequestRequest,
) -> Result<Done> {
    let repo = RepositoryName::parse(&request.repo)?;
    let action = Request::post(one_path(&repo, request.id, &["approve"])).idempotent();
    match session.http.send(context, &action) {
        Ok(response) => match response.json::<Verdict>()? {
            // Whether it was so before, the service does not say.
            Verdict { approved: true } => Ok(Done::default()),
            Verdict { approved: false } => Err(response.head.invalid("it is not an approval")),
        },
        Err(error) if is_rejection(&error) && says_approved(&error) => Ok(Done::unchanged()),
        Err(error) => Err(error),
    }
}

fn says_approved(error: &VcsError) -> bool {
    let message = error.message.to_ascii_lowercase();
    message.contains("already approved") || error.kind == ErrorKind::ALREADY_EXISTS
}

/// Takes an approval back; where there is none is a success.
///
/// # Errors
/// `NotFound` if there is no such pull request.
pub(crate) fn unapprove(
    session: &Session,
    context: &dyn CallContext,
    request: PullRequestRequest,
) -> Result<Done> {
    let repo = RepositoryName::parse(&request.repo)?;
    let path = one_path(&repo, request.id, &["approve"]);
    match session.http.delete(context, path) {
        Ok(()) => Ok(Done::changed()),
        // The service says 404 for a missing approval and a missing pull
        // request alike.
        Err(error) if error.kind == ErrorKind::NOT_FOUND => {
            get_value(session, context, &repo, request.id).map(|_| Done::unchanged())
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::tree;

    /// Situation `reviewers`.
    #[test]
    fn a_change_sends_the_reviewers_again() {
        let present = tree!({ "id": 5, "title": "Old", "reviewers": [
            { "uuid": "{u-1}", "account_id": "1:a" }, { "account_id": "2:b" }
        ] });
        let request = UpdatePullRequestRequest {
            description: Some(String::new()),
            ..UpdatePullRequestRequest::default()
        };
        let kept: Vec<String> = kept_reviewers(&present)
            .into_iter()
            .map(|reviewer| reviewer.id)
            .collect();
        assert_eq!(
            body(&request, &present, &kept),
            object!({ "title": "Old", "description": "",
                      "reviewers": [{ "uuid": "{u-1}" }, { "account_id": "2:b" }] })
        );
        let request = UpdatePullRequestRequest {
            title: Some("New".to_owned()),
            destination_branch: Some("refs/heads/main".to_owned()),
            reviewers: Some(Vec::new()),
            ..UpdatePullRequestRequest::default()
        };
        assert_eq!(
            body(&request, &present, &[]),
            object!({ "title": "New", "destination": { "branch": { "name": "main" } }, "reviewers": [] })
        );
    }
}
