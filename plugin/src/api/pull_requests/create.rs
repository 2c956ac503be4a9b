//! Creating a pull request without overwriting one.
//!
//! Bitbucket Cloud takes a second creation for the same branches as a change
//! of the open pull request, silently. So an open one is looked for first; and
//! a creation whose response was lost is looked for as well, never repeated.

use super::{expand_hashes, get_value, read_one, states_filter};
use crate::api::branches::short_name;
use crate::encoding::query_literal;
use crate::http::Request;
use crate::json::{Item, StrictJson, listed_pull_request_fields};
use crate::page_length::List;
use crate::pages::Pager;
use crate::repository_name::RepositoryName;
use crate::session::Session;
use serde_json::{Map, Value, json as object};
use vcs_provider_interface::prelude::*;

/// Creates a pull request.
///
/// # Errors
/// `AlreadyExists` with its number under `pull_request` if one is open for the
/// same branches.
pub(crate) fn create(
    session: &Session,
    context: &dyn CallContext,
    mut request: CreatePullRequestRequest,
) -> Result<PullRequest> {
    let repo = RepositoryName::parse(&request.repo)?;
    request.source_branch = short_name(&request.source_branch).to_owned();
    let destination = match &request.destination_branch {
        Some(name) => short_name(name).to_owned(),
        None => session.main_branch(context, &repo)?.ok_or_else(|| {
            VcsError::new(
                ErrorKind::INVALID_INPUT,
                format!("{repo} is empty and has no main branch; name the destination branch"),
            )
        })?,
    };
    if let Some(present) = find_open(session, context, &repo, &request, &destination)? {
        return Err(VcsError::new(
            ErrorKind::ALREADY_EXISTS,
            format!(
                "pull request #{} from {:?} into {destination:?} is open already; creating another \
                 would overwrite it",
                present.id, request.source_branch
            ),
        )
        .with_extra("pull_request", present.id.to_string())
        .with_extra("url", present.url));
    }
    let creation =
        Request::post(repo.path(&["pullrequests"])).json(&body(&request, &destination))?;
    let created: StrictJson = session.http.create(context, &creation, &|| {
        find_open(session, context, &repo, &request, &destination)?
            // Items of a list lack some of what one by itself has.
            .map(|found| get_value(session, context, &repo, found.id).map(StrictJson))
            .transpose()
    })?;
    let mut created = read_one(&created.0)?;
    expand_hashes(session, context, &repo, &mut created)?;
    Ok(created)
}

fn find_open(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    request: &CreatePullRequestRequest,
    destination: &str,
) -> Result<Option<PullRequest>> {
    let filter = format!(
        "{} AND source.branch.name = {} AND destination.branch.name = {}",
        states_filter(&[PullRequestState::OPEN])?,
        query_literal(&request.source_branch),
        query_literal(destination)
    );
    let listed = Request::get(repo.path(&["pullrequests"]))
        .query("q", &filter)
        .fields(&listed_pull_request_fields());
    let items: Vec<Item> =
        Pager::new(&session.http, context, List::PullRequests, listed).collect()?;
    let source_repo = request.source_repo.as_ref().unwrap_or(&request.repo);
    for item in items {
        let pull_request = read_one(&item.value)?;
        // The filter is the service's; what it lets through is looked at once more.
        let same_branches = pull_request.head.branch.display_id == request.source_branch
            && pull_request.base.branch.display_id == destination;
        let same_repo = match (&pull_request.head.repo, source_repo.starts_with('{')) {
            (Some(repo), false) => repo.eq_ignore_ascii_case(source_repo),
            (Some(_), true) => true,
            (None, _) => false,
        };
        if same_branches && same_repo && !pull_request.closed {
            return Ok(Some(pull_request));
        }
    }
    Ok(None)
}

fn body(request: &CreatePullRequestRequest, destination: &str) -> Value {
    let mut body = Map::new();
    body.insert("title".into(), object!(request.title));
    let mut source = object!({ "branch": { "name": request.source_branch } });
    if let Some(repo) = &request.source_repo {
        source["repository"] = object!({ "full_name": repo });
    }
    body.insert("source".into(), source);
    body.insert(
        "destination".into(),
        object!({ "branch": { "name": destination } }),
    );
    if let Some(description) = &request.description {
        body.insert("description".into(), object!(description));
    }
    if !request.reviewers.is_empty() {
        body.insert("reviewers".into(), reviewers(&request.reviewers));
    }
    if let Some(close) = request.close_source_branch {
        body.insert("close_source_branch".into(), object!(close));
    }
    if let Some(draft) = request.draft {
        body.insert("draft".into(), object!(draft));
    }
    Value::Object(body)
}

/// Reviewers as the service takes them: a uuid has braces, an account id has none.
pub(super) fn reviewers(ids: &[String]) -> Value {
    ids.iter()
        .map(|id| {
            if id.starts_with('{') {
                object!({ "uuid": id })
            } else {
                object!({ "account_id": id })
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_creation_sends_what_is_named_and_nothing_else() {
        let request = CreatePullRequestRequest {
            repo: "orchard/pear".to_owned(),
            title: "Prune".to_owned(),
            source_branch: "prune/top".to_owned(),
            ..CreatePullRequestRequest::default()
        };
        assert_eq!(
            body(&request, "main"),
            object!({
                "title": "Prune",
                "source": { "branch": { "name": "prune/top" } },
                "destination": { "branch": { "name": "main" } }
            })
        );
        let request = CreatePullRequestRequest {
            source_repo: Some("me/pear".to_owned()),
            reviewers: vec!["{u-1}".to_owned(), "557:x".to_owned()],
            draft: Some(true),
            ..request
        };
        let body = body(&request, "main");
        assert_eq!(body["source"]["repository"]["full_name"], "me/pear");
        assert_eq!(
            body["reviewers"],
            object!([{ "uuid": "{u-1}" }, { "account_id": "557:x" }])
        );
        assert_eq!(body["draft"], true);
    }
}
