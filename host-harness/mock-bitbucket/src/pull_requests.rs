//! Pull requests as the service keeps them, and where their branches stand.
//!
//! An open pull request follows its branches: their commits are read from git
//! whenever it is looked at. A closed one keeps the commits it was closed with.

use std::collections::HashMap;
use std::sync::Arc;

use super::git_compare::JoinedGit;
use super::git_repository::{GitError, RefKind};
use super::locked;
use super::service::Mock;
use super::state::{Repository, User};

/// The state of a pull request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullRequestState {
    /// It can be merged.
    Open,
    /// It was merged.
    Merged,
    /// It was declined.
    Declined,
    /// Another pull request has taken its place.
    Superseded,
}

impl PullRequestState {
    /// The name the API uses.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Merged => "MERGED",
            Self::Declined => "DECLINED",
            Self::Superseded => "SUPERSEDED",
        }
    }

    /// The state of this name, in any case.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Merged, Self::Declined, Self::Superseded]
            .into_iter()
            .find(|state| state.name().eq_ignore_ascii_case(text))
    }
}

/// Something a pull request can lose for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The account of the author was deleted.
    Author,
    /// The source's commit cannot be told any more.
    SourceCommit,
    /// The fork was deleted.
    SourceRepository,
    /// The destination's commit cannot be told any more.
    DestinationCommit,
}

/// The source or the destination of a pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Side {
    /// The repository's uuid; absent when it was deleted.
    pub(crate) repository: Option<String>,
    pub(crate) branch: String,
    /// The full hash that was seen last.
    pub(crate) commit: Option<String>,
    /// The commit stays as it is, whatever the branch does.
    pub(crate) frozen: bool,
}

/// What somebody did about a pull request.
#[derive(Clone, Debug)]
pub(crate) struct Participant {
    /// The account's uuid.
    pub(crate) user: String,
    pub(crate) verdict: Option<Verdict>,
    /// Absent for a reviewer who has not said anything yet.
    pub(crate) participated_on: Option<String>,
}

/// What a reviewer thinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Approved,
    ChangesRequested,
}

/// Where in the diff a comment stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Inline {
    pub(crate) path: String,
    pub(crate) from: Option<u64>,
    pub(crate) to: Option<u64>,
}

/// A comment of a pull request.
#[derive(Clone, Debug)]
pub(crate) struct Comment {
    pub(crate) id: u64,
    /// The account's uuid.
    pub(crate) user: String,
    pub(crate) text: String,
    pub(crate) inline: Option<Inline>,
    pub(crate) parent: Option<u64>,
    pub(crate) deleted: bool,
    /// Who resolved the thread, and when.
    pub(crate) resolution: Option<(String, String)>,
    pub(crate) created_on: String,
    pub(crate) updated_on: String,
}

/// A pull request. Accounts are kept by uuid, so that they can be renamed.
#[derive(Clone, Debug)]
pub(crate) struct PullRequest {
    pub(crate) id: u64,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) state: PullRequestState,
    pub(crate) draft: bool,
    pub(crate) author: Option<String>,
    pub(crate) source: Side,
    pub(crate) destination: Side,
    pub(crate) close_source_branch: bool,
    pub(crate) reviewers: Vec<String>,
    pub(crate) participants: Vec<Participant>,
    pub(crate) comments: Vec<Comment>,
    pub(crate) merge_commit: Option<String>,
    pub(crate) closed_by: Option<String>,
    pub(crate) reason: String,
    pub(crate) created_on: String,
    pub(crate) updated_on: String,
}

impl PullRequest {
    /// The record of what an account did; made if there is none.
    pub(crate) fn participant(&mut self, user: &str) -> &mut Participant {
        let position = self
            .participants
            .iter()
            .position(|participant| participant.user == user)
            .unwrap_or_else(|| {
                self.participants.push(Participant {
                    user: user.to_owned(),
                    verdict: None,
                    participated_on: None,
                });
                self.participants.len() - 1
            });
        &mut self.participants[position]
    }

    /// Ends the pull request.
    pub(crate) fn close(&mut self, state: PullRequestState, by: Option<&User>, now: String) {
        self.state = state;
        self.closed_by = by.map(|user| user.uuid.clone());
        self.source.frozen = true;
        self.destination.frozen = true;
        self.updated_on = now;
    }

    /// The comments that still stand.
    pub(crate) fn living_comments(&self) -> usize {
        self.comments
            .iter()
            .filter(|comment| !comment.deleted)
            .count()
    }
}

/// Where branches stand, read once per repository however many pull requests
/// are looked at.
#[derive(Default)]
pub(crate) struct BranchHeads {
    by_repository: HashMap<String, HashMap<String, String>>,
}

impl BranchHeads {
    /// Brings the commits of an open pull request up to date.
    pub(crate) fn follow(
        &mut self,
        mock: &Mock,
        pull_request: &mut PullRequest,
    ) -> Result<(), GitError> {
        for side in [&mut pull_request.source, &mut pull_request.destination] {
            let repository = side
                .repository
                .as_deref()
                .and_then(|uuid| locked(&mock.state).repository_by_uuid(uuid));
            let Some(repository) = repository else {
                side.repository = None;
                continue;
            };
            if !side.frozen
                && let Some(hash) = self.heads(&repository)?.get(&side.branch)
            {
                side.commit = Some(hash.clone());
            }
        }
        Ok(())
    }

    fn heads(&mut self, repository: &Repository) -> Result<&HashMap<String, String>, GitError> {
        if !self.by_repository.contains_key(&repository.uuid) {
            let heads = repository
                .git
                .refs(RefKind::Branch)?
                .iter()
                .map(|branch| (branch.name.clone(), branch.commit.clone()))
                .collect();
            self.by_repository.insert(repository.uuid.clone(), heads);
        }
        Ok(&self.by_repository[&repository.uuid])
    }
}

/// All pull requests of a repository, brought up to date, by rising number.
pub(crate) fn all(mock: &Mock, repository: &Repository) -> Result<Vec<PullRequest>, GitError> {
    let mut pull_requests = locked(&mock.state)
        .pull_requests
        .get(&repository.uuid)
        .cloned()
        .unwrap_or_default();
    let mut heads = BranchHeads::default();
    for pull_request in &mut pull_requests {
        heads.follow(mock, pull_request)?;
    }
    Ok(pull_requests)
}

/// One pull request, brought up to date.
pub(crate) fn one(
    mock: &Mock,
    repository: &Repository,
    id: u64,
) -> Result<Option<PullRequest>, GitError> {
    let mut found = locked(&mock.state)
        .pull_requests
        .get(&repository.uuid)
        .and_then(|all| all.iter().find(|pull_request| pull_request.id == id))
        .cloned();
    if let Some(pull_request) = &mut found {
        let mut heads = BranchHeads::default();
        heads.follow(mock, pull_request)?;
    }
    Ok(found)
}

/// Keeps a pull request in place of the one with the same number.
pub(crate) fn keep(mock: &Mock, repository: &Repository, pull_request: &PullRequest) {
    let mut state = locked(&mock.state);
    let all = state
        .pull_requests
        .entry(repository.uuid.clone())
        .or_default();
    match all.iter_mut().find(|kept| kept.id == pull_request.id) {
        Some(kept) => *kept = pull_request.clone(),
        None => all.push(pull_request.clone()),
    }
}

/// Changes a pull request that is kept, under the lock of the state.
pub(crate) fn change<T>(
    mock: &Mock,
    repository: &Repository,
    id: u64,
    change: impl FnOnce(&mut PullRequest) -> T,
) -> Option<T> {
    locked(&mock.state)
        .pull_requests
        .get_mut(&repository.uuid)?
        .iter_mut()
        .find(|pull_request| pull_request.id == id)
        .map(change)
}

/// The repository a pull request comes from; the given one when it is gone.
pub(crate) fn source_repository(
    mock: &Mock,
    repository: &Arc<Repository>,
    pull_request: &PullRequest,
) -> Arc<Repository> {
    pull_request
        .source
        .repository
        .as_deref()
        .and_then(|uuid| locked(&mock.state).repository_by_uuid(uuid))
        .unwrap_or_else(|| Arc::clone(repository))
}

/// The commits a pull request brings, newest first.
pub(crate) fn commits(
    mock: &Mock,
    repository: &Arc<Repository>,
    pull_request: &PullRequest,
) -> Result<Vec<String>, GitError> {
    let Some(source) = &pull_request.source.commit else {
        return Ok(Vec::new());
    };
    let from = source_repository(mock, repository, pull_request);
    let joined = JoinedGit::new(&repository.git, &from.git);
    match joined.walk(source, pull_request.destination.commit.as_deref()) {
        // The objects are gone: with them the list.
        Err(GitError::Failed { .. }) => Ok(Vec::new()),
        other => other,
    }
}
