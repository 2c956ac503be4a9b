//! What has to be true of a pull request before it is merged: who may merge, and the
//! checks that a repository enforces.

use crate::model::errors::ApiError;
use crate::model::mock::Mock;
use crate::model::pull_request::{PullRequest, Verdict};
use crate::model::pull_request_store;
use crate::model::repository::Repository;
use crate::model::restrictions::Restrictions;
use crate::model::user::User;
use crate::sync::lock;
use std::sync::Arc;

/// Stops a merge that the rules for the destination do not allow. Checks only advise
/// unless `enforce_merge_checks` holds for the branch.
pub(crate) fn check(
    mock: &Mock,
    repository: &Arc<Repository>,
    pull_request: &PullRequest,
    user: &User,
) -> Result<(), ApiError> {
    let rules = Restrictions::of(mock, repository)?;
    let branch = &pull_request.destination.branch;
    if rules.stops("restrict_merges", branch, Some(user)) {
        return Err(ApiError::new(
            403,
            format!("You do not have permission to merge into {branch}."),
        ));
    }
    if !rules.has("enforce_merge_checks", branch) {
        return Ok(());
    }
    let unmet = unmet(mock, repository, pull_request, &rules);
    if unmet.is_empty() {
        return Ok(());
    }
    Err(ApiError::bad_request(format!(
        "Merge checks are not met: {}.",
        unmet.join("; ")
    )))
}

fn unmet(
    mock: &Mock,
    repository: &Arc<Repository>,
    pull_request: &PullRequest,
    rules: &Restrictions,
) -> Vec<String> {
    let branch = &pull_request.destination.branch;
    let said = |verdict: Verdict| {
        let participants = pull_request.participants.iter();
        participants
            .filter(|one| one.verdict == Some(verdict))
            .map(|one| one.user.as_str())
            .collect::<Vec<_>>()
    };
    let approvals = said(Verdict::Approved);
    let by_default_reviewers = {
        let state = lock(&mock.state);
        let reviewers = state.default_reviewers.get(&repository.uuid);
        let is_one = |user: &&&str| {
            reviewers
                .into_iter()
                .flatten()
                .any(|one| one.user == **user)
        };
        approvals.iter().filter(is_one).count()
    };
    let counts = [
        (
            "require_approvals_to_merge",
            approvals.len(),
            "approvals are needed",
        ),
        (
            "require_default_reviewer_approvals_to_merge",
            by_default_reviewers,
            "approvals of default reviewers are needed",
        ),
        (
            "require_passing_builds_to_merge",
            passing_builds(mock, repository, pull_request),
            "passing builds are needed",
        ),
    ];
    let mut unmet: Vec<String> = counts
        .iter()
        .filter_map(|(kind, there, what)| {
            let needed = rules.needed(kind, branch)?;
            let there = u64::try_from(*there).unwrap_or(u64::MAX);
            (there < needed).then(|| format!("{needed} {what}, there are {there}"))
        })
        .collect();
    if rules.has("require_no_changes_requested", branch)
        && !said(Verdict::ChangesRequested).is_empty()
    {
        unmet.push("changes are requested".to_owned());
    }
    unmet
}

/// How many builds passed on the newest commit; none counts where another failed or
/// still runs.
fn passing_builds(mock: &Mock, repository: &Arc<Repository>, pull_request: &PullRequest) -> usize {
    let Some(commit) = &pull_request.source.commit else {
        return 0;
    };
    let home = pull_request_store::source_repository(mock, repository, pull_request);
    let state = lock(&mock.state);
    let statuses = state
        .statuses
        .get(&(home.uuid.clone(), commit.clone()))
        .map_or(&[][..], Vec::as_slice);
    if statuses.iter().all(|one| one.state == "SUCCESSFUL") {
        statuses.len()
    } else {
        0
    }
}
