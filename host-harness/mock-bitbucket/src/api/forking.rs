//! Forks: real clones of repositories, in directories of the mock's own.

use std::sync::Arc;

use crate::git::repository::{GitError, GitRepository};
use crate::model::errors::ApiError;
use crate::model::mock::Mock;
use crate::model::repository::Repository;
use crate::model::state::Found;
use crate::model::user::stable_uuid;
use crate::sync::lock;

/// Clones a repository as `workspace/slug`, which must be free.
pub(crate) fn fork(
    mock: &Mock,
    repository: &Repository,
    workspace: &str,
    slug: &str,
    is_private: bool,
) -> Result<Arc<Repository>, ApiError> {
    let taken = !matches!(
        lock(&mock.state).find_repository(workspace, slug),
        Found::Nowhere
    );
    if taken {
        return Err(ApiError::bad_request(
            "A repository with this name exists already.",
        ));
    }
    let directory = tempfile::Builder::new()
        .prefix("mock-bitbucket-fork-")
        .tempdir()
        .map_err(GitError::Start)?;
    let path = directory.path().to_string_lossy().into_owned();
    let from = repository.git.git_dir().to_string_lossy().into_owned();
    repository.git.git(
        &["clone", "--quiet", "--bare", "--no-hardlinks", &from, &path],
        &[],
    )?;
    let git = GitRepository::open(directory.path())?;
    let mut state = lock(&mock.state);
    state.directories.push(directory);
    state.add_workspace(workspace, true);
    Ok(state.put_repository(Repository {
        uuid: stable_uuid(&format!(
            "repository:{}/{}",
            workspace.to_lowercase(),
            slug.to_lowercase()
        )),
        workspace: workspace.to_owned(),
        slug: slug.to_owned(),
        name: slug.to_owned(),
        description: repository.description.clone(),
        is_private,
        created_on: mock.clock.timestamp(),
        updated_on: mock.clock.timestamp(),
        parent: Some(repository.uuid.clone()),
        main_branch: repository.main_branch.clone(),
        git: Arc::new(git),
    }))
}
