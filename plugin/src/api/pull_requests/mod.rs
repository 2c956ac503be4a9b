//! Pull requests.
//!
//! | method | sent | repeated | special errors |
//! |---|---|---|---|
//! | `pull_request` | the pull request, then `commit/{short}` for each shortened hash | all | a hash that cannot be looked up (deleted fork, no access) stays short |
//! | `pull_requests` | pages of 50, newest first | all | |
//! | `pull_request_create` | a search for an open one of the same branches, then the creation | the search; after a lost creation the search again, never the creation | `AlreadyExists` with `pull_request` and `url` |
//! | `pull_request_update` | the pull request, then its change with all reviewers | all | `Conflict` if it is closed |
//! | `pull_request_merge` | the pull request, the merge as a task, its state until it is done | reading; after a lost merge the pull request is looked at | `Conflict` if it is closed, has another head or a ref moved |
//! | `pull_request_decline` | the decline | as for a merge | `Conflict` if it was merged |
//! | `pull_request_approve`, `_unapprove` | one request | yes: twice changes nothing | |
//! | `search_pull_request` | `commit/{hash}/pullrequests`; where its app is missing (404, 202) the list of pull requests and the commits of those that may hold it, see [`mod@search`] | all | |
//!
//! A hash in a list stays as short as Bitbucket Cloud gives it (12
//! characters), and list items lack reviewers.

mod create;
mod merge;
mod review;
mod search;

pub(crate) use create::create;
pub(crate) use merge::merge;
pub(crate) use review::{approve, decline, unapprove, update};
pub(crate) use search::search;

use crate::api::branches::short_name;
use crate::api::refs::expand_hash;
use crate::encoding::query_literal;
use crate::http::Request;
use crate::json::{self, Item, Json, StrictJson, listed_pull_request_fields};
use crate::page_length::List;
use crate::pages::Pager;
use crate::repository_name::RepositoryName;
use crate::session::Session;
use vcs_provider_interface::prelude::*;

/// Every state, in Bitbucket's words.
const ALL_STATES: [PullRequestState; 4] = [
    PullRequestState::OPEN,
    PullRequestState::MERGED,
    PullRequestState::DECLINED,
    PullRequestState::SUPERSEDED,
];

/// Looks up a pull request, with full hashes.
pub(crate) fn get(
    session: &Session,
    context: &dyn CallContext,
    request: PullRequestRequest,
) -> Result<PullRequest> {
    let repo = RepositoryName::parse(&request.repo)?;
    let value = get_value(session, context, &repo, request.id)?;
    let mut pull_request = read_one(&value)?;
    expand_hashes(session, context, &repo, &mut pull_request)?;
    Ok(pull_request)
}

/// Lists pull requests, newest first.
pub(crate) fn list(
    session: &Session,
    context: &dyn CallContext,
    request: PullRequestsRequest,
    sink: &mut dyn PageSink<PullRequest>,
) -> Result<()> {
    let repo = RepositoryName::parse(&request.repo)?;
    let mut listed =
        Request::get(repo.path(&["pullrequests"])).fields(&listed_pull_request_fields());
    let branches = [
        ("source.branch.name", &request.source_branch),
        ("destination.branch.name", &request.destination_branch),
    ];
    let filters: Vec<String> = branches
        .iter()
        .filter_map(|(field, name)| {
            Some(format!(
                "{field} = {}",
                query_literal(short_name(name.as_deref()?))
            ))
        })
        .collect();
    if filters.is_empty() {
        for state in words(&request.states)? {
            listed = listed.query("state", &state);
        }
    } else {
        // With a `q` the service ignores `state`.
        let filter = format!(
            "{} AND {}",
            states_filter(&request.states)?,
            filters.join(" AND ")
        );
        listed = listed.query("q", &filter);
    }
    Pager::new(
        &session.http,
        context,
        List::PullRequests,
        listed.query("sort", "-created_on"),
    )
    .limit(request.limit)
    .push(sink, |item: Item| read_one(&item.value))?;
    Ok(())
}

/// The states in Bitbucket's words; none means all.
fn words(states: &[PullRequestState]) -> Result<Vec<String>> {
    let states = if states.is_empty() {
        &ALL_STATES
    } else {
        states
    };
    let mut words: Vec<String> = Vec::new();
    for state in states {
        let word = state
            .name()
            .ok_or_else(|| {
                VcsError::new(
                    ErrorKind::INVALID_INPUT,
                    format!("{state} is not a pull request state"),
                )
            })?
            .to_ascii_uppercase();
        if !words.contains(&word) {
            words.push(word);
        }
    }
    Ok(words)
}

/// A filter of Bitbucket's query language for pull requests in these states.
pub(crate) fn states_filter(states: &[PullRequestState]) -> Result<String> {
    let literals: Vec<String> = words(states)?
        .iter()
        .map(|word| query_literal(word))
        .collect();
    Ok(format!("state IN ({})", literals.join(", ")))
}

/// The path of a pull request, or of something below it.
fn one_path(repo: &RepositoryName, id: u64, rest: &[&str]) -> String {
    let id = id.to_string();
    let mut segments = vec!["pullrequests", id.as_str()];
    segments.extend_from_slice(rest);
    repo.path(&segments)
}

fn get_value(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    id: u64,
) -> Result<Json<'static>> {
    let request = Request::get(one_path(repo, id, &[]));
    Ok(session.http.json::<StrictJson>(context, &request)?.0)
}

fn read_one(value: &Json<'_>) -> Result<PullRequest> {
    json::pull_request(value).ok_or_else(|| {
        VcsError::new(
            ErrorKind::INVALID_RESPONSE,
            "the service responded with a pull request without number",
        )
    })
}

/// Expands the hashes of a pull request to full ones, where they can be looked up.
pub(crate) fn expand_hashes(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    pull_request: &mut PullRequest,
) -> Result<()> {
    // A name that this provider cannot address leaves its hash as it is.
    let of = |name: &Option<String>| {
        name.as_deref()
            .and_then(|name| RepositoryName::parse(name).ok())
    };
    if let Some(head_repo) = of(&pull_request.head.repo) {
        let hash = &mut pull_request.head.branch.latest_commit;
        expand_hash(session, context, &head_repo, hash)?;
    }
    let base_repo = of(&pull_request.base.repo).unwrap_or_else(|| repo.clone());
    let hash = &mut pull_request.base.branch.latest_commit;
    expand_hash(session, context, &base_repo, hash)?;
    if let Some(merge_commit) = &mut pull_request.merge_commit {
        expand_hash(session, context, &base_repo, merge_commit)?;
    }
    Ok(())
}

/// Whether two hashes, either of which may be shortened, can be of the same commit.
pub(crate) fn same_commit(left: &str, right: &str) -> bool {
    let (left, right) = (left.to_ascii_lowercase(), right.to_ascii_lowercase());
    !left.is_empty() && !right.is_empty() && (left.starts_with(&right) || right.starts_with(&left))
}

/// Whether an error leaves open if the service did what was asked: the response
/// was lost, or it gave up in the middle.
pub(crate) fn may_be_done(error: &VcsError) -> bool {
    matches!(error.kind, ErrorKind::TIMEOUT | ErrorKind::UNAVAILABLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Situation `closed-pull-requests`.
    #[test]
    fn no_state_asks_for_all_of_them() {
        assert_eq!(
            states_filter(&[]).expect("a filter"),
            r#"state IN ("OPEN", "MERGED", "DECLINED", "SUPERSEDED")"#
        );
        let twice = [PullRequestState::OPEN, PullRequestState::OPEN];
        assert_eq!(words(&twice).expect("words"), ["OPEN"]);
        let unknown = [PullRequestState::from_number(99)];
        assert_eq!(
            words(&unknown).expect_err("unknown").kind,
            ErrorKind::INVALID_INPUT
        );
    }

    /// Situation `short-hashes`.
    #[test]
    fn hashes_are_compared_by_prefix() {
        assert!(same_commit(
            "0123456789ab",
            "0123456789abcdef0123456789abcdef01234567"
        ));
        assert!(same_commit("ABCDEF", "abcdef01"));
        assert!(!same_commit("0123456789ab", "0123456789ac"));
        assert!(!same_commit("", "0123"));
    }
}
