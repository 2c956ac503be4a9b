//! What endpoints ask of credentials, and what each kind of credential can have.

/// The kind of a credential: it decides the authentication scheme, the user
/// name for git, and which endpoints reject it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// An API token with scopes: Basic with the account's e-mail address.
    ApiToken,
    /// An access token of one repository: Bearer.
    RepositoryAccessToken,
    /// An access token of a workspace: Bearer.
    WorkspaceAccessToken,
    /// A token from the OAuth token endpoint: Bearer.
    OAuth,
}

impl CredentialKind {
    /// The name in the header `X-Credential-Type`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ApiToken => "api_token",
            Self::RepositoryAccessToken => "repo_access_token",
            Self::WorkspaceAccessToken => "workspace_access_token",
            Self::OAuth => "oauth2",
        }
    }
}

/// What an endpoint asks for, in both spellings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Permission {
    /// Scopes of OAuth consumers and access tokens.
    pub(crate) oauth: &'static [&'static str],
    /// Scopes of API tokens.
    pub(crate) api_token: &'static [&'static str],
}

impl Permission {
    const fn new(oauth: &'static [&'static str], api_token: &'static [&'static str]) -> Self {
        Self { oauth, api_token }
    }

    /// The scopes a credential of this kind has to have.
    pub(crate) fn for_kind(&self, kind: CredentialKind) -> &'static [&'static str] {
        match kind {
            CredentialKind::ApiToken => self.api_token,
            _ => self.oauth,
        }
    }
}

pub(crate) const ACCOUNT: Permission = Permission::new(&["account"], &["read:user:bitbucket"]);
/// Reading accounts of others.
pub(crate) const ANY_ACCOUNT: Permission = Permission::new(&[], &["read:user:bitbucket"]);
pub(crate) const OWN_WORKSPACES: Permission =
    Permission::new(&["account"], &["read:workspace:bitbucket"]);
pub(crate) const OWN_REPOSITORIES: Permission =
    Permission::new(&["account", "repository"], &["read:repository:bitbucket"]);
pub(crate) const WORKSPACE: Permission = Permission::new(&[], &["read:workspace:bitbucket"]);
pub(crate) const REPOSITORY: Permission =
    Permission::new(&["repository"], &["read:repository:bitbucket"]);
pub(crate) const REPOSITORY_WRITE: Permission =
    Permission::new(&["repository:write"], &["write:repository:bitbucket"]);
/// Creating a ref: API tokens need to read as well, since nothing is implied.
pub(crate) const REF_CREATE: Permission = Permission::new(
    &["repository:write"],
    &["write:repository:bitbucket", "read:repository:bitbucket"],
);
pub(crate) const PULL_REQUEST: Permission =
    Permission::new(&["pullrequest"], &["read:pullrequest:bitbucket"]);
pub(crate) const PULL_REQUEST_WRITE: Permission = Permission::new(
    &["pullrequest:write"],
    &["read:pullrequest:bitbucket", "write:pullrequest:bitbucket"],
);
/// Taking a verdict back.
pub(crate) const PULL_REQUEST_WITHDRAW: Permission =
    Permission::new(&["pullrequest:write"], &["write:pullrequest:bitbucket"]);
pub(crate) const REPOSITORY_ADMIN: Permission =
    Permission::new(&["repository:admin"], &["admin:repository:bitbucket"]);
pub(crate) const REPOSITORY_DELETE: Permission =
    Permission::new(&["repository:delete"], &["delete:repository:bitbucket"]);
pub(crate) const COMMIT_APPROVE: Permission = Permission::new(
    &["repository:write"],
    &["read:repository:bitbucket", "write:repository:bitbucket"],
);
pub(crate) const DEPLOY_KEY: Permission = Permission::new(
    &["repository", "repository:admin"],
    &["admin:repository:bitbucket"],
);
pub(crate) const DEPLOY_KEY_WRITE: Permission = Permission::new(
    &["repository", "repository:admin"],
    &["admin:repository:bitbucket", "write:ssh-key:bitbucket"],
);
pub(crate) const DEPLOY_KEY_DELETE: Permission = Permission::new(
    &["repository", "repository:admin"],
    &["admin:repository:bitbucket", "delete:ssh-key:bitbucket"],
);
pub(crate) const MEMBERS: Permission = Permission::new(&["account"], &["read:workspace:bitbucket"]);
pub(crate) const ALL_PERMISSIONS: Permission =
    Permission::new(&["account"], &["read:repository:bitbucket"]);
pub(crate) const PROJECT: Permission = Permission::new(&["project"], &["read:project:bitbucket"]);
pub(crate) const PROJECT_ADMIN: Permission =
    Permission::new(&["project:admin"], &["admin:project:bitbucket"]);
pub(crate) const PIPELINE: Permission =
    Permission::new(&["pipeline"], &["read:pipeline:bitbucket"]);
pub(crate) const PIPELINE_START: Permission = Permission::new(
    &["pipeline"],
    &["read:pipeline:bitbucket", "write:pipeline:bitbucket"],
);
pub(crate) const PIPELINE_WRITE: Permission =
    Permission::new(&["pipeline:write"], &["write:pipeline:bitbucket"]);
pub(crate) const PIPELINE_VARIABLE: Permission =
    Permission::new(&["pipeline:variable"], &["admin:pipeline:bitbucket"]);
pub(crate) const ISSUE: Permission = Permission::new(&["issue"], &["read:issue:bitbucket"]);
pub(crate) const ISSUE_WRITE: Permission = Permission::new(
    &["issue:write"],
    &["read:issue:bitbucket", "write:issue:bitbucket"],
);
pub(crate) const WEBHOOK: Permission = Permission::new(&["webhook"], &["read:webhook:bitbucket"]);
pub(crate) const WEBHOOK_WRITE: Permission = Permission::new(
    &["webhook"],
    &["read:webhook:bitbucket", "write:webhook:bitbucket"],
);
pub(crate) const WEBHOOK_DELETE: Permission =
    Permission::new(&["webhook"], &["delete:webhook:bitbucket"]);

/// Every scope a full credential of this kind has.
pub(crate) fn all_scopes(kind: CredentialKind) -> Vec<String> {
    let scopes: &[&str] = match kind {
        CredentialKind::ApiToken => &[
            "read:user:bitbucket",
            "read:workspace:bitbucket",
            "read:project:bitbucket",
            "read:repository:bitbucket",
            "write:repository:bitbucket",
            "admin:repository:bitbucket",
            "read:pullrequest:bitbucket",
            "write:pullrequest:bitbucket",
            "read:webhook:bitbucket",
            "write:webhook:bitbucket",
            "delete:webhook:bitbucket",
            "read:permission:bitbucket",
            "delete:repository:bitbucket",
            "write:ssh-key:bitbucket",
            "delete:ssh-key:bitbucket",
            "read:project:bitbucket",
            "admin:project:bitbucket",
            "read:pipeline:bitbucket",
            "write:pipeline:bitbucket",
            "admin:pipeline:bitbucket",
            "read:issue:bitbucket",
            "write:issue:bitbucket",
        ],
        CredentialKind::RepositoryAccessToken => &[
            "repository",
            "repository:write",
            "repository:admin",
            "pullrequest",
            "pullrequest:write",
            "webhook",
            "repository:delete",
            "pipeline",
            "pipeline:write",
            "pipeline:variable",
        ],
        CredentialKind::WorkspaceAccessToken => &[
            "project",
            "repository",
            "repository:write",
            "repository:admin",
            "pullrequest",
            "pullrequest:write",
            "webhook",
            "account",
            "repository:delete",
            "project:admin",
            "pipeline",
            "pipeline:write",
            "pipeline:variable",
        ],
        CredentialKind::OAuth => &[
            "account",
            "email",
            "repository",
            "repository:write",
            "repository:admin",
            "pullrequest",
            "pullrequest:write",
            "webhook",
            "repository:delete",
            "project",
            "project:admin",
            "pipeline",
            "pipeline:write",
            "pipeline:variable",
            "issue",
            "issue:write",
        ],
    };
    scopes.iter().map(|scope| (*scope).to_owned()).collect()
}

/// Scopes that an OAuth scope brings along. API-token scopes bring none.
pub(crate) fn implied(scope: &str) -> &'static [&'static str] {
    match scope {
        "project" | "repository:write" | "pullrequest" => &["repository"],
        "pullrequest:write" => &["pullrequest", "repository:write", "repository"],
        "account" => &["email"],
        "account:write" => &["account", "email"],
        "pipeline:write" => &["pipeline"],
        "issue:write" => &["issue"],
        "pipeline:variable" => &["pipeline:write", "pipeline"],
        _ => &[],
    }
}
