//! Credentials: what exists, what it may do, and until when.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::model::ids::Ids;
use crate::model::permissions::{CredentialKind, Permission, implied};
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
    use crate::model::permissions::{REF_CREATE, REPOSITORY, REPOSITORY_WRITE};

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
