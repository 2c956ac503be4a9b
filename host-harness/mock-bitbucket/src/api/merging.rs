//! Merging a pull request for real, in its repository, with git's plumbing.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::api::merge_checks;
use crate::api::validation::Validation;
use crate::events::pull_request::deliver;
use crate::events::push;
use crate::git::compare::JoinedGit;
use crate::git::objects::RefKind;
use crate::git::repository::GitError;
use crate::model::errors::ApiError;
use crate::model::mock::Mock;
use crate::model::pull_request::{Heads, MergeRequest, MergeTask, Strategy};
use crate::model::pull_request::{PullRequest, PullRequestState};
use crate::model::pull_request_store;
use crate::model::repository::Repository;
use crate::model::user::User;
use crate::sync::lock;

/// Longest message of a merge, in bytes.
const LONGEST_MESSAGE: usize = 128 * 1024;

/// How often a merge that takes its time looks at the clock.
const STEP: Duration = Duration::from_millis(5);

/// Reads the body of a merge; an empty one asks for nothing special.
pub(crate) fn read_request(body: &Map<String, Value>) -> Result<MergeRequest, ApiError> {
    let mut check = Validation::new(body);
    check.known(&["type", "message", "close_source_branch", "merge_strategy"]);
    let message = check.text("message", usize::MAX).map(str::to_owned);
    if message
        .as_ref()
        .is_some_and(|message| message.len() > LONGEST_MESSAGE)
    {
        check.complain("message", "The message is larger than 128 KiB.");
    }
    let close_source_branch = check.boolean_or_null("close_source_branch");
    let name = check.text("merge_strategy", usize::MAX);
    let strategy = name.map_or(Some(Strategy::MergeCommit), Strategy::parse);
    if strategy.is_none() {
        check.complain("merge_strategy", "Not a strategy of this repository.");
    }
    check.finish()?;
    Ok(MergeRequest {
        strategy: strategy.unwrap_or(Strategy::MergeCommit),
        message,
        close_source_branch,
    })
}

/// 409: somebody was faster.
fn moved() -> ApiError {
    ApiError::new(
        409,
        "One of the branches changed while the pull request was being merged.",
    )
}

/// Merges; returns the pull request as it is then. A branch that is no longer
/// where `expected` says is a 409.
pub(crate) fn merge(
    mock: &Mock,
    repository: &Arc<Repository>,
    id: u64,
    request: &MergeRequest,
    expected: &Heads,
    user: &User,
) -> Result<PullRequest, ApiError> {
    push::around(mock, repository, Some(user), || {
        let pull_request = pull_request_store::one(mock, repository, id)?
            .filter(|found| found.state == PullRequestState::Open)
            .ok_or_else(|| ApiError::bad_request("This pull request is already closed."))?;
        if Heads::of(&pull_request) != *expected {
            return Err(moved());
        }
        merge_checks::check(mock, repository, &pull_request, user)?;
        let from = pull_request_store::source_repository(mock, repository, &pull_request);
        let joined = JoinedGit::new(&repository.git, &from.git);
        let (Some(source), Some(destination)) = (&expected.source, &expected.destination) else {
            return Err(ApiError::bad_request(
                "The source of this pull request does not exist any more.",
            ));
        };
        let message = message(request, &pull_request);
        let person = format!(
            "{} <{}> {} +0000",
            user.display_name,
            user.email,
            mock.clock.now().as_secs()
        );
        let merged = combine(
            &joined,
            request.strategy,
            source,
            destination,
            &person,
            &message,
        )?;
        joined.fetch(&pull_request.source.branch)?;
        match repository.git.move_ref(
            RefKind::Branch,
            &pull_request.destination.branch,
            &merged,
            destination,
        ) {
            Err(GitError::Failed { .. }) => return Err(moved()),
            other => other?,
        }
        // Closed before anybody compares refs: otherwise the push would be taken
        // for a merge by hand.
        let now = mock.clock.timestamp();
        pull_request_store::change(mock, repository, id, |kept| {
            kept.source.commit = Some(source.clone());
            kept.destination.commit = Some(destination.clone());
            kept.merge_commit = Some(merged);
            kept.close_source_branch = request
                .close_source_branch
                .unwrap_or(kept.close_source_branch);
            kept.close(PullRequestState::Merged, Some(user), now);
        });
        Ok(())
    })?;
    let merged = pull_request_store::one(mock, repository, id)?
        .ok_or_else(|| ApiError::not_found("This pull request does not exist."))?;
    close_source_branch(mock, repository, &merged, user)?;
    deliver(
        mock,
        repository,
        Some(user),
        "pullrequest:fulfilled",
        &merged,
        Vec::new(),
    );
    Ok(merged)
}

/// Deletes the source branch if the merge was to do so: a push of its own, after
/// that of the destination. A branch that has moved on meanwhile stays.
fn close_source_branch(
    mock: &Mock,
    repository: &Arc<Repository>,
    merged: &PullRequest,
    user: &User,
) -> Result<(), ApiError> {
    let same = merged.source.repository.as_deref() == Some(&repository.uuid);
    let Some(commit) = merged
        .source
        .commit
        .as_deref()
        .filter(|_| same && merged.close_source_branch)
    else {
        return Ok(());
    };
    push::around(mock, repository, Some(user), || {
        let branch = &merged.source.branch;
        match repository.git.delete_ref(RefKind::Branch, branch, commit) {
            Err(GitError::Failed { .. }) => Ok(()),
            other => Ok(other?),
        }
    })
}

/// Carries a task out when its time has come, whether or not anybody asks about it.
pub(crate) fn schedule(mock: &Arc<Mock>, task: MergeTask) {
    let (id, due) = (task.id.clone(), task.due);
    lock(&mock.state).merge_tasks.push(task);
    if due <= mock.clock.now() {
        return carry_out(mock, &id);
    }
    let waiting = Arc::downgrade(mock);
    std::thread::spawn(move || {
        while let Some(mock) = waiting.upgrade() {
            if mock.clock.now() >= due {
                return carry_out(&mock, &id);
            }
            drop(mock);
            // The clock can be moved by hand at any time.
            std::thread::sleep(STEP);
        }
    });
}

fn carry_out(mock: &Mock, id: &str) {
    let found = {
        let state = lock(&mock.state);
        let task = state.merge_tasks.iter().find(|task| task.id == id);
        task.and_then(|task| {
            let repository = state.repository_by_uuid(&task.repository)?;
            Some((task.clone(), repository))
        })
    };
    let Some((task, repository)) = found else {
        return;
    };
    let result = merge(
        mock,
        &repository,
        task.pull_request,
        &task.request,
        &task.expected,
        &task.user,
    )
    .map(drop)
    .map_err(|error| error.into_response().describe());
    let mut state = lock(&mock.state);
    if let Some(kept) = state.merge_tasks.iter_mut().find(|kept| kept.id == id) {
        kept.result = Some(result);
    }
}

fn message(request: &MergeRequest, pull_request: &PullRequest) -> String {
    request.message.clone().unwrap_or_else(|| {
        let mut message = format!(
            "Merged in {} (pull request #{})\n\n{}",
            pull_request.source.branch, pull_request.id, pull_request.title
        );
        if !pull_request.description.is_empty() {
            message.push_str("\n\n");
            message.push_str(&pull_request.description);
        }
        message
    })
}

/// The commit that the destination is to have.
fn combine(
    joined: &JoinedGit<'_>,
    strategy: Strategy,
    source: &str,
    destination: &str,
    person: &str,
    message: &str,
) -> Result<String, ApiError> {
    let conflict =
        || ApiError::bad_request("The branches conflict: resolve the conflicts before merging.");
    let merged_tree = || -> Result<String, ApiError> {
        let merged = joined.merge_trees(destination, source)?;
        merged.ok_or_else(conflict)
    };
    let rebased = || -> Result<String, ApiError> {
        let rebased = joined.rebase(destination, source, person)?;
        rebased.ok_or_else(conflict)
    };
    let only_forward = || {
        if joined.is_ancestor(destination, source)? {
            return Ok(());
        }
        Err(ApiError::bad_request(
            "The destination has commits that the source lacks: it cannot be fast-forwarded.",
        ))
    };
    let commit = |tree: &str, parents: &[&str]| {
        joined
            .write_commit(tree, parents, person, message)
            .map_err(ApiError::from)
    };
    match strategy {
        Strategy::MergeCommit => commit(&merged_tree()?, &[destination, source]),
        Strategy::Squash => commit(&merged_tree()?, &[destination]),
        Strategy::FastForward => only_forward().map(|()| source.to_owned()),
        Strategy::SquashFastForward => {
            only_forward()?;
            commit(&merged_tree()?, &[destination])
        }
        Strategy::RebaseFastForward => rebased(),
        Strategy::RebaseMerge => {
            let rebased = rebased()?;
            commit(&joined.tree(&rebased)?, &[destination, &rebased])
        }
    }
}
