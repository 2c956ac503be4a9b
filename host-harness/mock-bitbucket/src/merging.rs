//! Merging a pull request for real, in its repository, with git's plumbing.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::errors::ApiError;
use super::git_compare::JoinedGit;
use super::git_repository::{GitError, RefKind};
use super::pull_request_events::deliver;
use super::pull_requests::{self, PullRequest, PullRequestState};
use super::push_event;
use super::service::Mock;
use super::state::{Repository, User};
use super::validation::Validation;

/// Longest message of a merge, in bytes.
const LONGEST_MESSAGE: usize = 128 * 1024;

/// How commits get from the source to the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// A merge commit, also where the destination has nothing of its own.
    MergeCommit,
    /// One commit with everything, after those of the destination.
    Squash,
    /// The source's commits themselves; the destination may have none of its own.
    FastForward,
    /// One commit with everything; the destination may have none of its own.
    SquashFastForward,
    /// The source's commits, made anew after those of the destination.
    RebaseFastForward,
    /// The same, and a merge commit after them.
    RebaseMerge,
}

impl Strategy {
    /// The service's names, the default first.
    pub(crate) const NAMES: [&str; 6] = [
        "merge_commit",
        "squash",
        "fast_forward",
        "squash_fast_forward",
        "rebase_fast_forward",
        "rebase_merge",
    ];

    fn parse(text: &str) -> Option<Self> {
        match text {
            "merge_commit" => Some(Self::MergeCommit),
            "squash" => Some(Self::Squash),
            "fast_forward" => Some(Self::FastForward),
            "squash_fast_forward" => Some(Self::SquashFastForward),
            "rebase_fast_forward" => Some(Self::RebaseFastForward),
            "rebase_merge" => Some(Self::RebaseMerge),
            _ => None,
        }
    }
}

/// What a caller asks of a merge.
#[derive(Clone, Debug)]
pub(crate) struct MergeRequest {
    strategy: Strategy,
    message: Option<String>,
    close_source_branch: Option<bool>,
}

impl MergeRequest {
    /// Reads the body of a merge; an empty one asks for nothing special.
    pub(crate) fn read(body: &Map<String, Value>) -> Result<Self, ApiError> {
        let mut check = Validation::new(body);
        check.known(&["type", "message", "close_source_branch", "merge_strategy"]);
        let message = check.text("message", usize::MAX).map(str::to_owned);
        if message
            .as_ref()
            .is_some_and(|message| message.len() > LONGEST_MESSAGE)
        {
            check.complain("message", "The message is larger than 128 KiB.");
        }
        let close_source_branch = check.boolean("close_source_branch");
        let name = check.text("merge_strategy", usize::MAX);
        let strategy = name.map_or(Some(Strategy::MergeCommit), Strategy::parse);
        if strategy.is_none() {
            check.complain("merge_strategy", "Not a strategy of this repository.");
        }
        check.finish()?;
        Ok(Self {
            strategy: strategy.unwrap_or(Strategy::MergeCommit),
            message,
            close_source_branch,
        })
    }
}

/// Where both sides stood when the merge was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heads {
    pub(crate) source: Option<String>,
    pub(crate) destination: Option<String>,
}

impl Heads {
    /// Where both sides of a pull request stand.
    pub(crate) fn of(pull_request: &PullRequest) -> Self {
        Self {
            source: pull_request.source.commit.clone(),
            destination: pull_request.destination.commit.clone(),
        }
    }
}

/// A merge that goes on after its request was answered.
#[derive(Clone, Debug)]
pub(crate) struct MergeTask {
    pub(crate) id: String,
    /// The uuid of the repository.
    pub(crate) repository: String,
    pub(crate) pull_request: u64,
    pub(crate) request: MergeRequest,
    pub(crate) expected: Heads,
    /// The account that asked.
    pub(crate) user: Arc<User>,
    /// How often it will still be reported as pending.
    pub(crate) pending: u32,
    /// How it ended: null for success, otherwise status and message.
    pub(crate) result: Option<Result<(), (u16, String)>>,
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
    push_event::around(mock, repository, Some(user), || {
        let pull_request = pull_requests::one(mock, repository, id)?
            .filter(|found| found.state == PullRequestState::Open)
            .ok_or_else(|| ApiError::bad_request("This pull request is already closed."))?;
        if Heads::of(&pull_request) != *expected {
            return Err(moved());
        }
        let from = pull_requests::source_repository(mock, repository, &pull_request);
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
        let close = request
            .close_source_branch
            .unwrap_or(pull_request.close_source_branch);
        if close && from.uuid == repository.uuid {
            repository
                .git
                .delete_ref(RefKind::Branch, &pull_request.source.branch, source)?;
        }
        // Closed before anybody compares refs: otherwise the push would be taken
        // for a merge by hand.
        let now = mock.clock.timestamp();
        pull_requests::change(mock, repository, id, |kept| {
            kept.source.commit = Some(source.clone());
            kept.destination.commit = Some(destination.clone());
            kept.merge_commit = Some(merged);
            kept.close_source_branch = close;
            kept.close(PullRequestState::Merged, Some(user), now);
        });
        Ok(())
    })?;
    let merged = pull_requests::one(mock, repository, id)?
        .ok_or_else(|| ApiError::not_found("This pull request does not exist."))?;
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
