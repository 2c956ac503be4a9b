//! Credentials: what exists, what it may do, and until when.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::model::ids::Ids;
use crate::model::user::User;

/// A secret text. Its `Debug` form never shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one place that has to send it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

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

/// Which repositories a credential can see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Every repository.
    Everything,
    /// None: lists are empty and single repositories not found, all without an
    /// error, as with an under-scoped credential on the real service.
    Nothing,
    /// One repository, by `workspace/slug` at the time of creation.
    Repository(String),
    /// The repositories of one workspace, by slug.
    Workspace(String),
}

/// What a test asks of a new credential.
#[derive(Clone, Debug)]
pub struct TokenRequest {
    pub(crate) kind: CredentialKind,
    pub(crate) scopes: Option<Vec<String>>,
    pub(crate) lifetime: Option<Duration>,
    pub(crate) visibility: Visibility,
    pub(crate) email: Option<String>,
}

impl TokenRequest {
    /// A credential of this kind with every scope of its kind, no end, that sees everything.
    #[must_use]
    pub fn new(kind: CredentialKind) -> Self {
        Self {
            kind,
            scopes: None,
            lifetime: None,
            visibility: Visibility::Everything,
            email: None,
        }
    }

    /// An access token of one repository, `workspace/slug`, that sees that
    /// repository only.
    #[must_use]
    pub fn for_repository(full_name: impl Into<String>) -> Self {
        Self::new(CredentialKind::RepositoryAccessToken)
            .visibility(Visibility::Repository(full_name.into()))
    }

    /// Grants these scopes only: `read:repository:bitbucket` and its like for
    /// API tokens, `repository` and its like for the other kinds.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Ends the credential after this time on the mock's clock.
    #[must_use]
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Restricts what the credential sees.
    #[must_use]
    pub fn visibility(mut self, visibility: Visibility) -> Self {
        self.visibility = visibility;
        self
    }

    /// The account, by e-mail address; without it the mock's first user.
    #[must_use]
    pub fn account(mut self, email: impl Into<String>) -> Self {
        self.email = Some(email.into());
        self
    }
}

/// A credential as the mock keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Credential {
    pub(crate) kind: CredentialKind,
    pub(crate) secret: Secret,
    pub(crate) scopes: Vec<String>,
    /// Time since 1970 on the mock's clock.
    pub(crate) expires_at: Option<Duration>,
    pub(crate) visibility: Visibility,
    pub(crate) user: Arc<User>,
}

impl Credential {
    /// Whether every scope of at least one spelling of `needed` is granted.
    pub(crate) fn allows(&self, needed: &Permission) -> bool {
        needed
            .for_kind(self.kind)
            .iter()
            .all(|scope| self.has_scope(scope))
    }

    /// Whether one scope is granted, by itself or by one that implies it.
    pub(crate) fn has_scope(&self, scope: &str) -> bool {
        self.scopes
            .iter()
            .any(|granted| granted == scope || implied(granted).contains(&scope))
    }

    /// The user name that git over HTTPS has to send with this credential.
    pub(crate) fn git_user(&self) -> &'static str {
        match self.kind {
            CredentialKind::ApiToken => "x-bitbucket-api-token-auth",
            _ => "x-token-auth",
        }
    }
}

/// Scopes that an OAuth scope brings along. API-token scopes bring none.
fn implied(scope: &str) -> &'static [&'static str] {
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

/// What an endpoint asks for, in both spellings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Permission {
    /// Scopes of OAuth consumers and access tokens.
    pub(crate) oauth: &'static [&'static str],
    /// Scopes of API tokens.
    pub(crate) api_token: &'static [&'static str],
}

impl Permission {
    /// The scopes a credential of this kind has to have.
    pub(crate) fn for_kind(&self, kind: CredentialKind) -> &'static [&'static str] {
        match kind {
            CredentialKind::ApiToken => self.api_token,
            _ => self.oauth,
        }
    }
}

pub(crate) const ACCOUNT: Permission = Permission {
    oauth: &["account"],
    api_token: &["read:user:bitbucket"],
};
/// Reading accounts of others.
pub(crate) const ANY_ACCOUNT: Permission = Permission {
    oauth: &[],
    api_token: &["read:user:bitbucket"],
};
pub(crate) const OWN_WORKSPACES: Permission = Permission {
    oauth: &["account"],
    api_token: &["read:workspace:bitbucket"],
};
pub(crate) const OWN_REPOSITORIES: Permission = Permission {
    oauth: &["account", "repository"],
    api_token: &["read:repository:bitbucket"],
};
pub(crate) const WORKSPACE: Permission = Permission {
    oauth: &[],
    api_token: &["read:workspace:bitbucket"],
};
pub(crate) const REPOSITORY: Permission = Permission {
    oauth: &["repository"],
    api_token: &["read:repository:bitbucket"],
};
pub(crate) const REPOSITORY_WRITE: Permission = Permission {
    oauth: &["repository:write"],
    api_token: &["write:repository:bitbucket"],
};
/// Creating a ref: API tokens need to read as well, since nothing is implied.
pub(crate) const REF_CREATE: Permission = Permission {
    oauth: &["repository:write"],
    api_token: &["write:repository:bitbucket", "read:repository:bitbucket"],
};
pub(crate) const PULL_REQUEST: Permission = Permission {
    oauth: &["pullrequest"],
    api_token: &["read:pullrequest:bitbucket"],
};
pub(crate) const PULL_REQUEST_WRITE: Permission = Permission {
    oauth: &["pullrequest:write"],
    api_token: &["read:pullrequest:bitbucket", "write:pullrequest:bitbucket"],
};
/// Taking a verdict back.
pub(crate) const PULL_REQUEST_WITHDRAW: Permission = Permission {
    oauth: &["pullrequest:write"],
    api_token: &["write:pullrequest:bitbucket"],
};
pub(crate) const REPOSITORY_ADMIN: Permission = Permission {
    oauth: &["repository:admin"],
    api_token: &["admin:repository:bitbucket"],
};
pub(crate) const REPOSITORY_DELETE: Permission = Permission {
    oauth: &["repository:delete"],
    api_token: &["delete:repository:bitbucket"],
};
pub(crate) const COMMIT_APPROVE: Permission = Permission {
    oauth: &["repository:write"],
    api_token: &["read:repository:bitbucket", "write:repository:bitbucket"],
};
pub(crate) const DEPLOY_KEY: Permission = Permission {
    oauth: &["repository", "repository:admin"],
    api_token: &["admin:repository:bitbucket"],
};
pub(crate) const DEPLOY_KEY_WRITE: Permission = Permission {
    oauth: &["repository", "repository:admin"],
    api_token: &["admin:repository:bitbucket", "write:ssh-key:bitbucket"],
};
pub(crate) const DEPLOY_KEY_DELETE: Permission = Permission {
    oauth: &["repository", "repository:admin"],
    api_token: &["admin:repository:bitbucket", "delete:ssh-key:bitbucket"],
};
pub(crate) const MEMBERS: Permission = Permission {
    oauth: &["account"],
    api_token: &["read:workspace:bitbucket"],
};
pub(crate) const ALL_PERMISSIONS: Permission = Permission {
    oauth: &["account"],
    api_token: &["read:repository:bitbucket"],
};
pub(crate) const PROJECT: Permission = Permission {
    oauth: &["project"],
    api_token: &["read:project:bitbucket"],
};
pub(crate) const PROJECT_ADMIN: Permission = Permission {
    oauth: &["project:admin"],
    api_token: &["admin:project:bitbucket"],
};
pub(crate) const PIPELINE: Permission = Permission {
    oauth: &["pipeline"],
    api_token: &["read:pipeline:bitbucket"],
};
pub(crate) const PIPELINE_START: Permission = Permission {
    oauth: &["pipeline"],
    api_token: &["read:pipeline:bitbucket", "write:pipeline:bitbucket"],
};
pub(crate) const PIPELINE_WRITE: Permission = Permission {
    oauth: &["pipeline:write"],
    api_token: &["write:pipeline:bitbucket"],
};
pub(crate) const PIPELINE_VARIABLE: Permission = Permission {
    oauth: &["pipeline:variable"],
    api_token: &["admin:pipeline:bitbucket"],
};
pub(crate) const ISSUE: Permission = Permission {
    oauth: &["issue"],
    api_token: &["read:issue:bitbucket"],
};
pub(crate) const ISSUE_WRITE: Permission = Permission {
    oauth: &["issue:write"],
    api_token: &["read:issue:bitbucket", "write:issue:bitbucket"],
};
pub(crate) const WEBHOOK: Permission = Permission {
    oauth: &["webhook"],
    api_token: &["read:webhook:bitbucket"],
};
pub(crate) const WEBHOOK_WRITE: Permission = Permission {
    oauth: &["webhook"],
    api_token: &["read:webhook:bitbucket", "write:webhook:bitbucket"],
};
pub(crate) const WEBHOOK_DELETE: Permission = Permission {
    oauth: &["webhook"],
    api_token: &["delete:webhook:bitbucket"],
};

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

/// All credentials there are.
#[derive(Default)]
pub(crate) struct TokenStore {
    pub(crate) ids: Arc<Ids>,
    credentials: Vec<Arc<Credential>>,
    /// Everything that was ever secret, also after it was revoked: what must
    /// not appear in a recording.
    secrets: Vec<String>,
    made: u64,
}

impl TokenStore {
    /// Keeps a credential.
    pub(crate) fn add(&mut self, credential: Credential) -> Arc<Credential> {
        self.register_secret(credential.secret.expose());
        let credential = Arc::new(credential);
        self.credentials.push(Arc::clone(&credential));
        credential
    }

    /// All credentials that live.
    pub(crate) fn all(&self) -> &[Arc<Credential>] {
        &self.credentials
    }

    /// Adds a text to those that a recording must not show.
    pub(crate) fn register_secret(&mut self, secret: &str) {
        if !secret.is_empty() {
            self.secrets.push(secret.to_owned());
        }
    }

    /// Every text that a recording must not show.
    pub(crate) fn secrets(&self) -> &[String] {
        &self.secrets
    }

    /// The credential with this secret, whatever its state.
    pub(crate) fn find(&self, secret: &str) -> Option<Arc<Credential>> {
        self.credentials
            .iter()
            .find(|credential| credential.secret.expose() == secret)
            .map(Arc::clone)
    }

    /// Forgets a credential; from now on it is invalid. Whether it was there.
    pub(crate) fn revoke(&mut self, secret: &str) -> bool {
        let before = self.credentials.len();
        self.credentials
            .retain(|credential| credential.secret.expose() != secret);
        before != self.credentials.len()
    }

    /// A new secret in the form of its kind.
    pub(crate) fn new_secret(&mut self, kind: CredentialKind) -> Secret {
        self.made += 1;
        let random = format!("{}{}", self.ids.uuid().simple(), self.ids.uuid().simple());
        Secret::new(match kind {
            CredentialKind::ApiToken => format!("ATATT3xFfGF0{random}={:08X}", self.made),
            CredentialKind::RepositoryAccessToken | CredentialKind::WorkspaceAccessToken => {
                format!("ATCTT3xFfGN0{random}={:08X}", self.made)
            }
            // Real OAuth tokens are this long; a client that cuts them off is found out.
            CredentialKind::OAuth => format!("{}{:08X}", random.repeat(40), self.made),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(kind: CredentialKind, scopes: &[&str]) -> Credential {
        Credential {
            kind,
            secret: Secret::new("s"),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            expires_at: None,
            visibility: Visibility::Everything,
            user: Arc::new(User::sample("Ada", "ada@example.com")),
        }
    }

    #[test]
    fn oauth_scopes_imply_lesser_ones_but_admin_implies_nothing() {
        let writer = credential(CredentialKind::OAuth, &["pullrequest:write"]);
        assert!(writer.allows(&REPOSITORY_WRITE));
        let admin = credential(CredentialKind::OAuth, &["repository:admin"]);
        assert!(!admin.allows(&REPOSITORY));
    }

    #[test]
    fn api_token_scopes_imply_nothing() {
        let writer = credential(CredentialKind::ApiToken, &["write:repository:bitbucket"]);
        assert!(writer.allows(&REPOSITORY_WRITE));
        assert!(!writer.allows(&REPOSITORY));
        assert!(!writer.allows(&REF_CREATE));
    }

    #[test]
    fn a_secret_does_not_print_itself() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(***)");
    }
}
