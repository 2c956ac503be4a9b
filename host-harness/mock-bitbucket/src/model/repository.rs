//! Workspaces and repositories. Git data is not here: it stays on disk.

use std::sync::Arc;

use crate::git::repository::GitRepository;

/// A workspace.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    pub(crate) uuid: String,
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) administrator: bool,
}

/// A repository. Replaced as a whole when something about it changes.
#[derive(Clone)]
pub(crate) struct Repository {
    pub(crate) uuid: String,
    pub(crate) workspace: String,
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) is_private: bool,
    pub(crate) created_on: String,
    pub(crate) updated_on: String,
    /// The uuid of the repository this one was forked from.
    pub(crate) parent: Option<String>,
    /// Set by hand; otherwise HEAD decides.
    pub(crate) main_branch: Option<String>,
    pub(crate) git: Arc<GitRepository>,
}

impl Repository {
    /// `workspace/slug`.
    pub(crate) fn full_name(&self) -> String {
        format!("{}/{}", self.workspace, self.slug)
    }
}

/// Slugs are compared without regard to case.
pub(crate) fn same_slug(left: &str, right: &str) -> bool {
    left.to_lowercase() == right.to_lowercase()
}
