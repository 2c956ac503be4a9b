//! Credentials that do not change while they are used: API tokens, access
//! tokens, none.

use crate::http::{Authorization, Authorizer, CredentialType, Renewal};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use vcs_provider_interface::prelude::*;

/// How the tokens of each kind begin (Bitbucket Cloud, documented by Atlassian).
const API_TOKEN_PREFIX: &str = "ATAT";
const ACCESS_TOKEN_PREFIX: &str = "ATCT";
const APP_PASSWORD_PREFIX: &str = "ATBB";

const APP_PASSWORD_ADVICE: &str = "this is an app password, and Bitbucket Cloud accepts none \
     since 2026-07-28; create an API token with scopes (account settings, Security) and give it \
     with the account's e-mail address, or an access token of the repository, project or workspace";

/// A credential that stays as it is.
pub(crate) struct FixedCredential {
    credential_type: CredentialType,
    authorization: Authorization,
}

impl FixedCredential {
    pub(crate) fn anonymous() -> Self {
        Self::new(CredentialType::Anonymous, None, None)
    }

    /// An API token of the account with this e-mail address.
    pub(crate) fn api_token(email: &str, token: &Secret) -> Self {
        let header = basic(email, token);
        Self::new(CredentialType::ApiToken, Some(header), Some(token.clone()))
    }

    /// An access token of a repository, project or workspace.
    pub(crate) fn access_token(token: &Secret) -> Self {
        let header = Secret::new(format!("Bearer {}", token.expose()));
        Self::new(
            CredentialType::AccessToken,
            Some(header),
            Some(token.clone()),
        )
    }

    /// The OAuth consumer itself, at the token endpoint.
    pub(crate) fn oauth_consumer(client_id: &str, client_secret: &Secret) -> Self {
        Self::new(
            CredentialType::OAuth,
            Some(basic(client_id, client_secret)),
            Some(client_secret.clone()),
        )
    }

    fn new(credential_type: CredentialType, header: Option<Secret>, token: Option<Secret>) -> Self {
        Self {
            credential_type,
            authorization: Authorization {
                header,
                token,
                expires_at_ms: None,
                generation: 0,
            },
        }
    }
}

fn basic(username: &str, password: &Secret) -> Secret {
    let pair = Secret::new(format!("{username}:{}", password.expose()));
    Secret::new(format!("Basic {}", STANDARD.encode(pair.expose())))
}

impl Authorizer for FixedCredential {
    fn credential_type(&self) -> CredentialType {
        self.credential_type
    }

    fn authorization(&self, _context: &dyn CallContext) -> Result<Authorization> {
        Ok(self.authorization.clone())
    }

    fn renew(&self, _context: &dyn CallContext, _rejected: &Authorization) -> Result<Renewal> {
        Ok(Renewal::NotPossible)
    }
}

/// Checks what is said to be an API token with its e-mail address.
///
/// # Errors
/// The reason, without the token.
pub(crate) fn checked_api_token(email: &str, token: &Secret) -> std::result::Result<(), String> {
    check_token(token)?;
    if token.expose().starts_with(ACCESS_TOKEN_PREFIX) {
        return Err(
            "this is an access token (ATCT…) and not an API token; it stands alone, \
                    without an e-mail address"
                .to_owned(),
        );
    }
    checked_email(email)
}

/// Checks what is said to be the e-mail address of an account. A name would be
/// taken by nobody: API tokens go with the address, and with nothing else.
///
/// # Errors
/// The reason.
pub(crate) fn checked_email(email: &str) -> std::result::Result<(), String> {
    let is_odd =
        |character: char| character.is_whitespace() || character.is_control() || character == ':';
    let is_address = email
        .split_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
    if is_address && !email.contains(is_odd) {
        return Ok(());
    }
    if email.is_empty() {
        return Err("an API token needs the e-mail address of its account".to_owned());
    }
    Err(format!(
        "`{}` is not an e-mail address; an API token goes with the one of its account (account \
         settings, E-mail aliases), not with the user name",
        email
            .chars()
            .filter(|character| !character.is_control())
            .take(100)
            .collect::<String>()
    ))
}

/// Checks what is said to be an access token.
///
/// # Errors
/// The reason, without the token.
pub(crate) fn checked_access_token(token: &Secret) -> std::result::Result<(), String> {
    check_token(token)?;
    if token.expose().starts_with(API_TOKEN_PREFIX) {
        return Err(
            "this is an API token (ATAT…) and not an access token; it goes together with \
                    the e-mail address of its account"
                .to_owned(),
        );
    }
    Ok(())
}

fn check_token(token: &Secret) -> std::result::Result<(), String> {
    let text = token.expose();
    if text.is_empty() {
        return Err("the token is empty".to_owned());
    }
    if text.starts_with(APP_PASSWORD_PREFIX) {
        return Err(APP_PASSWORD_ADVICE.to_owned());
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("the token holds a space, a line end or a letter that no token has".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use vcs_provider_interface::context::HostCallContext;

    #[test]
    fn each_kind_has_its_header_and_its_git_user() {
        let context = HostCallContext::new("test");
        let header = |credential: &FixedCredential| {
            credential
                .authorization(&context)
                .expect("an authorization")
                .header
                .map(|header| header.expose().to_owned())
        };
        let api = FixedCredential::api_token("me@example.com", &Secret::from("ATATx"));
        assert_eq!(
            header(&api).as_deref(),
            Some("Basic bWVAZXhhbXBsZS5jb206QVRBVHg=")
        );
        assert_eq!(
            api.credential_type().git_user(),
            Some("x-bitbucket-api-token-auth")
        );
        let access = FixedCredential::access_token(&Secret::from("ATCTx"));
        assert_eq!(header(&access).as_deref(), Some("Bearer ATCTx"));
        assert_eq!(access.credential_type().git_user(), Some("x-token-auth"));
        assert_eq!(header(&FixedCredential::anonymous()), None);
    }

    /// Situation `app-passwords`.
    #[test]
    fn tokens_in_the_wrong_place_get_advice_and_are_not_repeated() {
        let app = Secret::from("ATBBabcdef");
        for message in [
            checked_api_token("me@example.com", &app),
            checked_access_token(&app),
        ] {
            let message = message.expect_err("an app password is rejected");
            assert!(message.contains("create an API token"), "{message}");
            assert!(!message.contains("abcdef"));
        }
        assert!(checked_access_token(&Secret::from("ATATabc")).is_err());
        assert!(checked_api_token("me@example.com", &Secret::from("ATCTabc")).is_err());
        assert!(checked_api_token("", &Secret::from("ATATabc")).is_err());
        for name in [
            "gardener",
            "@example.com",
            "me@",
            "me@a@b",
            "me @example.com",
            "a:b@c",
        ] {
            let why = checked_api_token(name, &Secret::from("ATATabc")).expect_err(name);
            assert!(why.contains("e-mail"), "{why}");
        }
        assert!(checked_access_token(&Secret::from("ATCT abc")).is_err());
        assert!(checked_api_token("me@example.com", &Secret::from("ATATabc")).is_ok());
        assert!(checked_access_token(&Secret::from("ATCTabc")).is_ok());
    }
}
