//! Who is calling: reads `Authorization` and judges it as Bitbucket does.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use serde_json::json;

use crate::model::errors::ApiError;
use crate::model::mock::Mock;
use crate::model::permissions::{CredentialKind, Permission};
use crate::model::redact::read_bearer;
use crate::model::repository::{Repository, same_slug};
use crate::model::tokens::{Credential, Visibility};
use crate::sync::lock;

/// The credential a request came with, checked.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) credential: Arc<Credential>,
}

impl Caller {
    /// Whether this caller sees the repository.
    pub(crate) fn can_see(&self, repository: &Repository) -> bool {
        match &self.credential.visibility {
            Visibility::Everything => true,
            Visibility::Nothing => false,
            Visibility::Repository(id) => {
                *id == repository.uuid || same_slug(id, &repository.full_name())
            }
            Visibility::Workspace(slug) => same_slug(slug, &repository.workspace),
        }
    }

    /// Rejects with 403, naming both sides, unless the scopes are there.
    pub(crate) fn require(&self, permission: &Permission) -> Result<(), ApiError> {
        if self.credential.allows(permission) {
            return Ok(());
        }
        let required = permission.for_kind(self.credential.kind);
        Err(ApiError::with_error(
            403,
            json!({
                "message": "This credential lacks one or more of the scopes that the request needs.",
                "detail": { "required": required, "granted": self.credential.scopes },
            }),
        ))
    }
}

/// The user name and password of a Basic header.
pub(crate) fn read_basic(value: &str) -> Option<(String, String)> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// The caller of an API request: `None` without a credential, an error with a
/// wrong one.
pub(crate) fn authenticate(mock: &Mock, headers: &HeaderMap) -> Result<Option<Caller>, ApiError> {
    let Some(value) = headers.get("authorization") else {
        return Ok(None);
    };
    let value = value.to_str().map_err(|_| ApiError::invalid_token())?;
    let credential = if let Some(token) = read_bearer(value) {
        find(mock, token)?.filter(|credential| credential.kind != CredentialKind::ApiToken)
    } else if let Some((user, password)) = read_basic(value) {
        find(mock, &password)?.filter(|credential| {
            credential.kind == CredentialKind::ApiToken
                && credential.user.email.eq_ignore_ascii_case(&user)
        })
    } else {
        None
    };
    match credential {
        Some(credential) => Ok(Some(Caller { credential })),
        None => Err(ApiError::invalid_token()),
    }
}

/// The caller of a git request: always Basic, with the user name of the
/// credential's kind.
pub(crate) fn authenticate_git(mock: &Mock, headers: &HeaderMap) -> Option<Caller> {
    let value = headers.get("authorization")?.to_str().ok()?;
    let (user, password) = read_basic(value)?;
    let credential = find(mock, &password).ok()??;
    (credential.git_user() == user).then_some(Caller { credential })
}

/// The living credential with this secret. An OAuth token that has run out has
/// a message of its own.
fn find(mock: &Mock, secret: &str) -> Result<Option<Arc<Credential>>, ApiError> {
    let Some(credential) = lock(&mock.tokens).find(secret) else {
        return Ok(None);
    };
    let expired = credential
        .expires_at
        .is_some_and(|end| end <= mock.clock.now());
    if !expired {
        return Ok(Some(credential));
    }
    if credential.kind == CredentialKind::OAuth {
        return Err(ApiError::new(
            401,
            "Access token expired. Use your refresh token to obtain a new access token.",
        ));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_may_hold_colons() {
        let header = format!("Basic {}", STANDARD.encode("me@example.com:a:b"));
        assert_eq!(
            read_basic(&header),
            Some(("me@example.com".to_owned(), "a:b".to_owned()))
        );
    }
}
