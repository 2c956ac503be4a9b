//! What the mocked service holds: users, workspaces, repositories and what
//! hangs on them. Git data is not here: it stays in the repositories on disk.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tempfile::TempDir;

use serde_json::Value;

use crate::model::behaviour::Behaviour;
use crate::model::pull_request::{MergeTask, PullRequest};
use crate::model::records::{BuildStatus, DefaultReviewer, Download, Hook, Report};
use crate::model::repository::{Repository, Workspace, same_slug};
use crate::model::user::{User, stable_uuid};

/// Where a lookup by path segments ended.
pub(crate) enum Found {
    /// The repository lives there.
    Here(Arc<Repository>),
    /// It was renamed or moved; this is what it is now.
    Moved(Arc<Repository>),
    /// Nothing lives there.
    Nowhere,
}

/// Everything that changes while the mock serves.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) users: Vec<Arc<User>>,
    pub(crate) workspaces: Vec<Workspace>,
    repositories: Vec<Arc<Repository>>,
    /// Former `workspace/slug` in lower case, and the uuid behind it.
    renames: HashMap<String, String>,
    /// Uuids of repositories that are listed but respond with 403 everywhere.
    pub(crate) forbidden: HashSet<String>,
    /// By uuid of the repository.
    pub(crate) hooks: HashMap<String, Vec<Hook>>,
    /// By uuid of the repository they are made to, in order of their numbers.
    pub(crate) pull_requests: HashMap<String, Vec<PullRequest>>,
    /// What the activity of pull requests tells of updates: by repository, the
    /// number and the update, oldest first.
    pub(crate) pull_request_updates: HashMap<String, Vec<(u64, Value)>>,
    /// The number of the newest comment anywhere.
    pub(crate) last_comment: u64,
    pub(crate) merge_tasks: Vec<MergeTask>,
    pub(crate) behaviour: Behaviour,
    /// By uuid of the repository.
    pub(crate) downloads: HashMap<String, Vec<Download>>,
    /// By uuid of the repository and hash of the commit.
    pub(crate) reports: HashMap<(String, String), Vec<Report>>,
    /// By uuid of the repository.
    pub(crate) default_reviewers: HashMap<String, Vec<DefaultReviewer>>,
    /// Where forks live; removed from disk with the mock.
    pub(crate) directories: Vec<TempDir>,
    /// By kind and by the uuid of what they hang on; see `documents`.
    pub(crate) documents: HashMap<(&'static str, String), Vec<Value>>,
    /// By uuid of the repository and hash of the commit.
    pub(crate) statuses: HashMap<(String, String), Vec<BuildStatus>>,
}

impl State {
    /// Adds a workspace unless it is there already.
    pub(crate) fn add_workspace(&mut self, slug: &str, administrator: bool) {
        if self.workspace(slug).is_none() {
            self.workspaces.push(Workspace {
                uuid: stable_uuid(&format!("workspace:{}", slug.to_lowercase())),
                slug: slug.to_owned(),
                name: slug.to_owned(),
                administrator,
            });
        }
    }

    /// A workspace by slug (in any case) or `{uuid}`.
    pub(crate) fn workspace(&self, id: &str) -> Option<&Workspace> {
        self.workspaces
            .iter()
            .find(|workspace| workspace.uuid == id || same_slug(&workspace.slug, id))
    }

    /// All repositories.
    pub(crate) fn repositories(&self) -> &[Arc<Repository>] {
        &self.repositories
    }

    /// Adds a repository, or replaces the one with the same uuid.
    pub(crate) fn put_repository(&mut self, repository: Repository) -> Arc<Repository> {
        let repository = Arc::new(repository);
        match self
            .repositories
            .iter_mut()
            .find(|existing| existing.uuid == repository.uuid)
        {
            Some(existing) => *existing = Arc::clone(&repository),
            None => self.repositories.push(Arc::clone(&repository)),
        }
        repository
    }

    /// Removes a repository and what hangs on it.
    pub(crate) fn remove_repository(&mut self, uuid: &str) {
        self.repositories.retain(|existing| existing.uuid != uuid);
        self.hooks.remove(uuid);
        self.pull_requests.remove(uuid);
        self.pull_request_updates.remove(uuid);
        self.downloads.remove(uuid);
        self.default_reviewers.remove(uuid);
        self.documents.retain(|(_, home), _| home != uuid);
        self.reports.retain(|(repository, _), _| repository != uuid);
        self.statuses
            .retain(|(repository, _), _| repository != uuid);
    }

    /// Gives a repository another address; the former one redirects.
    pub(crate) fn rename_repository(&mut self, uuid: &str, workspace: &str, slug: &str) {
        let Some(current) = self.repository_by_uuid(uuid) else {
            return;
        };
        self.renames
            .insert(current.full_name().to_lowercase(), uuid.to_owned());
        let mut renamed = (*current).clone();
        workspace.clone_into(&mut renamed.workspace);
        slug.clone_into(&mut renamed.slug);
        slug.clone_into(&mut renamed.name);
        self.put_repository(renamed);
    }

    /// A repository by uuid with braces.
    pub(crate) fn repository_by_uuid(&self, uuid: &str) -> Option<Arc<Repository>> {
        self.repositories
            .iter()
            .find(|repository| repository.uuid == uuid)
            .map(Arc::clone)
    }

    /// A repository by the two segments of a path, each a slug or a `{uuid}`.
    pub(crate) fn find_repository(&self, workspace: &str, slug: &str) -> Found {
        let workspace_slug = self
            .workspace(workspace)
            .map_or(workspace, |workspace| workspace.slug.as_str());
        // `{}` stands for "whatever workspace": the repository goes by its uuid then.
        let found = self.repositories.iter().find(|repository| {
            if workspace == "{}" {
                return repository.uuid == slug;
            }
            same_slug(&repository.workspace, workspace_slug)
                && (repository.uuid == slug || same_slug(&repository.slug, slug))
        });
        if let Some(repository) = found {
            return Found::Here(Arc::clone(repository));
        }
        let former = format!("{workspace_slug}/{slug}").to_lowercase();
        self.renames
            .get(&former)
            .and_then(|uuid| self.repository_by_uuid(uuid))
            .map_or(Found::Nowhere, Found::Moved)
    }

    /// The account with this e-mail address.
    pub(crate) fn user_by_email(&self, email: &str) -> Option<Arc<User>> {
        self.users
            .iter()
            .find(|user| user.email.eq_ignore_ascii_case(email))
            .map(Arc::clone)
    }
}
