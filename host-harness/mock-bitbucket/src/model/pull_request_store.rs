//! The pull requests that are kept, and where their branches stand.
//!
//! An open pull request follows its branches: their commits are read from git
//! whenever it is looked at. A closed one keeps the commits it was closed with.

use std::collections::HashMap;
use std::sync::Arc;

use crate::git::compare::JoinedGit;
use crate::git::objects::RefKind;
use crate::git::repository::GitError;
use crate::model::mock::Mock;
use crate::model::pull_request::PullRequest;
use crate::model::repository::Repository;
use crate::sync::lock;

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
                .and_then(|uuid| lock(&mock.state).repository_by_uuid(uuid));
            let Some(repository) = repository else {
                side.repository = None;
                continue;
            };
            if side.frozen {
                continue;
            }
            if let Some(hash) = self.heads(&repository)?.get(&side.branch) {
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
    let mut pull_requests = lock(&mock.state)
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
    let mut found = lock(&mock.state)
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
    let mut state = lock(&mock.state);
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
    lock(&mock.state)
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
        .and_then(|uuid| lock(&mock.state).repository_by_uuid(uuid))
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
