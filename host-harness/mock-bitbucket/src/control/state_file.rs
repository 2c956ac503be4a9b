//! What a mock holds, as a document: read at the start, written on request.
//!
//! ```json
//! {
//!   "users": [{"display_name": "Robin", "email": "robin@example.com"}],
//!   "workspaces": [{"slug": "team", "administrator": true}],
//!   "repositories": [
//!     {"full_name": "team/app", "path": "/srv/app.git", "is_private": false},
//!     {"full_name": "team/new", "commits": [
//!       {"branch": "main", "message": "first", "files": {"README.md": "hello\n"}}]}
//!   ],
//!   "tokens": [{"kind": "api_token", "token": "chosen-by-hand", "scopes": ["read:repository:bitbucket"],
//!               "email": "robin@example.com", "repository": "team/app", "expires_in": 3600}],
//!   "hooks": [{"repository": "team/app", "url": "http://127.0.0.1:9/", "events": ["repo:push"], "secret": "s"}],
//!   "pull_requests": [{"repository": "team/app", "title": "One", "source": "topic", "destination": "main"}]
//! }
//! ```
//!
//! A repository without `path` is made empty, in a directory that goes away with the
//! mock. A dump has the same form, without secrets and without the content of
//! repositories.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::routes::hook_events::is_event_of_repositories;
use crate::control::error::MockError;
use crate::control::handle::MockBitbucket;
use crate::git::commit_files::NewCommit;
use crate::git::repository::GitRepository;
use crate::model::permissions::CredentialKind;
use crate::model::pull_request::PullRequestState;
use crate::model::records::Hook;
use crate::model::tokens::{Secret, TokenRequest, Visibility};
use crate::sync::lock;

/// A whole mock, or the part of one that is to be added.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct StateFile {
    /// Accounts besides the first, which every mock has.
    pub users: Vec<UserEntry>,
    /// Workspaces; those of repositories need not be named.
    pub workspaces: Vec<WorkspaceEntry>,
    /// Repositories.
    pub repositories: Vec<RepositoryEntry>,
    /// Credentials besides those that every mock has.
    pub tokens: Vec<TokenEntry>,
    /// Webhooks.
    pub hooks: Vec<HookEntry>,
    /// Pull requests, in the order of their numbers.
    pub pull_requests: Vec<PullRequestEntry>,
}

/// An account.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct UserEntry {
    /// The name that is shown.
    pub display_name: String,
    /// The e-mail address; commits by it belong to the account.
    pub email: String,
}

/// A workspace.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceEntry {
    /// The slug.
    pub slug: String,
    /// Whether the first account administers it; true if absent.
    #[serde(default = "yes")]
    pub administrator: bool,
}

/// A repository.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RepositoryEntry {
    /// `workspace/slug`.
    pub full_name: String,
    /// Where it is on disk; without it, a fresh one is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// Whether only credentials see it; true if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_private: Option<bool>,
    /// The main branch; HEAD decides if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub main_branch: Option<String>,
    /// Commits to be made, in this order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commits: Vec<CommitEntry>,
}

/// A commit on a branch.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct CommitEntry {
    /// The branch, which is made if need be: from where HEAD is.
    pub branch: String,
    /// The message.
    pub message: String,
    /// Paths with their new content; null removes.
    pub files: BTreeMap<String, Option<String>>,
    /// `Name <email>`; the first account if absent.
    pub author: Option<String>,
}

/// A credential.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenEntry {
    /// `api_token`, `repository_access_token` or `workspace_access_token`.
    pub kind: String,
    /// The secret; a fresh one is made if absent. Never dumped.
    #[serde(skip_serializing)]
    pub token: Option<String>,
    /// The scopes; all of its kind if absent.
    pub scopes: Option<Vec<String>>,
    /// The account; the first if absent.
    pub email: Option<String>,
    /// Sees only this repository, `workspace/slug`.
    pub repository: Option<String>,
    /// Sees only the repositories of this workspace.
    pub workspace: Option<String>,
    /// Seconds until it ends, on the mock's clock.
    pub expires_in: Option<u64>,
}

/// A webhook.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct HookEntry {
    /// `workspace/slug`.
    pub repository: String,
    /// Where deliveries go.
    pub url: String,
    /// The events it subscribes to.
    pub events: Vec<String>,
    /// Signs deliveries. Never dumped.
    #[serde(skip_serializing)]
    pub secret: Option<String>,
    /// What it is for.
    pub description: String,
}

/// A pull request between two branches of a repository.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PullRequestEntry {
    /// `workspace/slug`.
    pub repository: String,
    /// The title.
    pub title: String,
    /// The source branch.
    pub source: String,
    /// The destination branch.
    pub destination: String,
    /// `OPEN`, `MERGED`, `DECLINED` or `SUPERSEDED`; open if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

fn yes() -> bool {
    true
}

impl MockBitbucket {
    /// Adds everything that a document holds.
    ///
    /// # Errors
    ///
    /// At the first entry that cannot be added; those before it stay.
    pub fn load_state(&self, state: &StateFile) -> Result<(), MockError> {
        for user in &state.users {
            self.add_user(&user.display_name, &user.email);
        }
        for workspace in &state.workspaces {
            self.add_workspace(&workspace.slug, workspace.administrator);
        }
        for repository in &state.repositories {
            self.load_repository(repository)?;
        }
        for token in &state.tokens {
            self.load_token(token)?;
        }
        for hook in &state.hooks {
            self.load_hook(hook)?;
        }
        for entry in &state.pull_requests {
            let id = self.open_pull_request(
                &entry.repository,
                &entry.title,
                &entry.source,
                &entry.destination,
            )?;
            if let Some(text) = &entry.state {
                let state = PullRequestState::parse(text)
                    .ok_or_else(|| MockError::Missing(format!("pull request state {text}")))?;
                self.set_pull_request_state(&entry.repository, id, state)?;
            }
        }
        Ok(())
    }

    fn load_repository(&self, entry: &RepositoryEntry) -> Result<(), MockError> {
        match &entry.path {
            Some(path) => drop(self.add_repository(&entry.full_name, path)?),
            None => self.make_repository(&entry.full_name)?,
        }
        if let Some(private) = entry.is_private {
            self.set_private(&entry.full_name, private)?;
        }
        if let Some(branch) = &entry.main_branch {
            self.set_main_branch(&entry.full_name, branch)?;
        }
        for commit in &entry.commits {
            self.commit(&entry.full_name, commit)?;
        }
        Ok(())
    }

    /// Makes an empty repository that goes away with the mock.
    ///
    /// # Errors
    ///
    /// When the name is not `workspace/slug` or git fails.
    pub fn make_repository(&self, full_name: &str) -> Result<(), MockError> {
        let directory = tempfile::Builder::new()
            .prefix("mock-bitbucket-repository-")
            .tempdir()
            .map_err(MockError::Start)?;
        GitRepository::create(directory.path()).map_err(|source| MockError::Repository {
            path: directory.path().to_path_buf(),
            source,
        })?;
        self.add_repository(full_name, directory.path())?;
        lock(&self.service().state).directories.push(directory);
        Ok(())
    }

    /// Adds a commit to a branch, without a delivery. Returns its hash.
    ///
    /// # Errors
    ///
    /// When the repository is not there, a name is not one, or git fails.
    pub fn commit(&self, full_name: &str, entry: &CommitEntry) -> Result<String, MockError> {
        let repository = self.repository(full_name)?;
        let first = {
            let state = lock(&self.service().state);
            state
                .users
                .first()
                .map(|user| format!("{} <{}>", user.display_name, user.email))
        };
        let author = entry.author.clone().or(first).unwrap_or_default();
        let made = repository.git.commit_files(&NewCommit {
            branch: &entry.branch,
            message: &entry.message,
            author: &author,
            seconds: self.service().clock.now().as_secs(),
            files: &entry.files,
        });
        made.map_err(|source| MockError::Repository {
            path: repository.git.git_dir().to_path_buf(),
            source,
        })
    }

    /// Creates the credential of an entry.
    ///
    /// # Errors
    ///
    /// When the kind, the account or the repository is not there.
    pub fn load_token(&self, entry: &TokenEntry) -> Result<Secret, MockError> {
        let kind = match entry.kind.as_str() {
            "api_token" => CredentialKind::ApiToken,
            "repository_access_token" => CredentialKind::RepositoryAccessToken,
            "workspace_access_token" => CredentialKind::WorkspaceAccessToken,
            other => {
                return Err(MockError::Missing(format!(
                    "kind of credential \"{other}\""
                )));
            }
        };
        let mut request = TokenRequest::new(kind);
        if let Some(scopes) = &entry.scopes {
            request = request.scopes(scopes.iter().cloned());
        }
        if let Some(email) = &entry.email {
            request = request.account(email);
        }
        if let Some(seconds) = entry.expires_in {
            request = request.expires_in(Duration::from_secs(seconds));
        }
        if let Some(repository) = &entry.repository {
            request = request.visibility(Visibility::Repository(repository.clone()));
        } else if let Some(workspace) = &entry.workspace {
            request = request.visibility(Visibility::Workspace(workspace.clone()));
        }
        self.create_token_as(&request, entry.token.clone().map(Secret::new))
    }

    fn load_hook(&self, entry: &HookEntry) -> Result<(), MockError> {
        let repository = self.repository(&entry.repository)?;
        if let Some(unknown) = entry
            .events
            .iter()
            .find(|event| !is_event_of_repositories(event))
        {
            return Err(MockError::Missing(format!("event {unknown}")));
        }
        let mock = self.service();
        let hook = Hook {
            uuid: mock.ids.braced(),
            description: entry.description.clone(),
            url: entry.url.clone(),
            active: true,
            skip_cert_verification: false,
            events: entry.events.clone(),
            secret: entry.secret.clone().map(Secret::new),
            created_at: mock.clock.timestamp_nanos(),
        };
        let mut state = lock(&mock.state);
        let hooks = state.hooks.entry(repository.uuid.clone());
        hooks.or_default().push(hook);
        Ok(())
    }

    /// What the mock holds now, without secrets and without what is in repositories.
    #[must_use]
    pub fn dump_state(&self) -> StateFile {
        let mock = self.service();
        let tokens: Vec<_> = lock(&mock.tokens).all().to_vec();
        let now = mock.clock.now();
        let state = lock(&mock.state);
        let mut dump = StateFile {
            users: state
                .users
                .iter()
                .skip(1)
                .map(|user| UserEntry {
                    display_name: user.display_name.clone(),
                    email: user.email.clone(),
                })
                .collect(),
            workspaces: state
                .workspaces
                .iter()
                .map(|workspace| WorkspaceEntry {
                    slug: workspace.slug.clone(),
                    administrator: workspace.administrator,
                })
                .collect(),
            ..StateFile::default()
        };
        for repository in state.repositories() {
            let full_name = repository.full_name();
            dump.repositories.push(RepositoryEntry {
                full_name: full_name.clone(),
                path: Some(repository.git.git_dir().to_path_buf()),
                is_private: Some(repository.is_private),
                main_branch: repository.main_branch.clone(),
                commits: Vec::new(),
            });
            for hook in state.hooks.get(&repository.uuid).into_iter().flatten() {
                dump.hooks.push(HookEntry {
                    repository: full_name.clone(),
                    url: hook.url.clone(),
                    events: hook.events.clone(),
                    secret: None,
                    description: hook.description.clone(),
                });
            }
            for found in state
                .pull_requests
                .get(&repository.uuid)
                .into_iter()
                .flatten()
            {
                dump.pull_requests.push(PullRequestEntry {
                    repository: full_name.clone(),
                    title: found.title.clone(),
                    source: found.source.branch.clone(),
                    destination: found.destination.branch.clone(),
                    state: Some(found.state.name().to_owned()),
                });
            }
        }
        for credential in tokens {
            let kind = match credential.kind {
                CredentialKind::ApiToken => "api_token",
                CredentialKind::RepositoryAccessToken => "repository_access_token",
                CredentialKind::WorkspaceAccessToken => "workspace_access_token",
                CredentialKind::OAuth => continue,
            };
            let repository = match &credential.visibility {
                Visibility::Repository(uuid) => state.repository_by_uuid(uuid),
                _ => None,
            };
            dump.tokens.push(TokenEntry {
                kind: kind.to_owned(),
                token: None,
                scopes: Some(credential.scopes.clone()),
                email: Some(credential.user.email.clone()),
                repository: repository.map(|repository| repository.full_name()),
                workspace: match &credential.visibility {
                    Visibility::Workspace(slug) => Some(slug.clone()),
                    _ => None,
                },
                expires_in: credential
                    .expires_at
                    .map(|end| end.saturating_sub(now).as_secs()),
            });
        }
        dump
    }
}
