//! What the OAuth 2.0 server keeps: codes, refresh tokens, and how long each
//! of them lives. It knows no HTTP; `routes::oauth` does.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::model::ids::Ids;
use crate::model::user::User;

/// Which field of a token response names the scopes. Bitbucket Cloud has used both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeField {
    /// `scope`, as of today.
    Scope,
    /// `scopes`, as it was.
    Scopes,
    /// Neither.
    Absent,
}

/// How the OAuth server behaves. All times pass on the mock's clock.
#[derive(Clone, Debug)]
pub struct OAuthPolicy {
    /// How long an access token lives; responses tell it as `expires_in`.
    pub access_lifetime: Duration,
    /// How long a code can be exchanged.
    pub code_lifetime: Duration,
    /// How long a refresh token still works after its first use.
    pub rotated_lifetime: Duration,
    /// How long a refresh token lives that nobody uses.
    pub unused_lifetime: Duration,
    /// How long the client is turned away after it came with a dead token.
    pub lock_out: Duration,
    /// Characters of an access token.
    pub access_token_length: usize,
    /// Where a token response tells the scopes.
    pub scope_field: ScopeField,
    /// The scopes of the consumer, and so of every token; `None`: all of them.
    pub scopes: Option<Vec<String>>,
}

impl Default for OAuthPolicy {
    fn default() -> Self {
        Self {
            access_lifetime: Duration::from_secs(7200),
            code_lifetime: Duration::from_secs(60),
            rotated_lifetime: Duration::from_secs(600),
            unused_lifetime: Duration::from_secs(90 * 24 * 3600),
            lock_out: Duration::from_secs(1),
            access_token_length: 3000,
            scope_field: ScopeField::Scope,
            scopes: None,
        }
    }
}

/// How often the token endpoint was asked for what, successful or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OAuthCounts {
    /// Requests with `grant_type=authorization_code`.
    pub code_exchanges: u64,
    /// Requests with `grant_type=refresh_token`.
    pub refreshes: u64,
    /// Those of them that got a new pair.
    pub refreshed: u64,
    /// Requests with `grant_type=client_credentials`.
    pub client_credentials: u64,
}

/// Why the token endpoint rejects, by the names of RFC 6749.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// `invalid_grant`: the code or token was never there, or does not fit.
    InvalidGrant(&'static str),
    /// `unauthorized_client`: a dead refresh token, or a client locked out.
    UnauthorizedClient(&'static str),
}

/// Somebody's consent.
#[derive(Clone, Debug)]
struct Code {
    user: Arc<User>,
    redirect_uri: Option<String>,
    ends: Duration,
    used: bool,
}

#[derive(Clone, Debug)]
struct RefreshToken {
    user: Arc<User>,
    ends: Duration,
    rotated: bool,
}

/// A refresh token that was just made, and whom it is for.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) user: Arc<User>,
    pub(crate) refresh_token: String,
}

/// The memory of the OAuth server.
#[derive(Default)]
pub(crate) struct OAuthServer {
    pub(crate) policy: OAuthPolicy,
    pub(crate) counts: OAuthCounts,
    pub(crate) ids: Arc<Ids>,
    codes: HashMap<String, Code>,
    refresh_tokens: HashMap<String, RefreshToken>,
    /// Access tokens that were given out.
    access_tokens: Vec<String>,
    locked_until: Duration,
}

impl OAuthServer {
    /// Makes a code for a person who allowed access.
    pub(crate) fn issue_code(
        &mut self,
        user: Arc<User>,
        redirect_uri: Option<String>,
        now: Duration,
    ) -> String {
        let code = self.ids.text(18);
        self.codes.insert(
            code.clone(),
            Code {
                user,
                redirect_uri,
                ends: now + self.policy.code_lifetime,
                used: false,
            },
        );
        code
    }

    /// Turns a code into a grant, once.
    pub(crate) fn exchange(
        &mut self,
        code: &str,
        redirect_uri: Option<&str>,
        now: Duration,
    ) -> Result<Grant, Rejection> {
        self.check_lock(now)?;
        let found = self
            .codes
            .get_mut(code)
            .filter(|found| !found.used && now < found.ends)
            .ok_or(Rejection::InvalidGrant("The specified code is not valid."))?;
        if redirect_uri.is_some_and(|given| found.redirect_uri.as_deref() != Some(given)) {
            return Err(Rejection::InvalidGrant(
                "The redirect_uri is not the one the code was asked for with.",
            ));
        }
        found.used = true;
        let user = Arc::clone(&found.user);
        Ok(self.grant(user, now))
    }

    /// Turns a refresh token into a new one. The old one goes on for a while.
    pub(crate) fn refresh(&mut self, token: &str, now: Duration) -> Result<Grant, Rejection> {
        self.check_lock(now)?;
        let rotated_lifetime = self.policy.rotated_lifetime;
        let found = self
            .refresh_tokens
            .get_mut(token)
            .ok_or(Rejection::InvalidGrant(
                "The specified refresh token is not known.",
            ))?;
        if now >= found.ends {
            self.locked_until = now + self.policy.lock_out;
            return Err(Rejection::UnauthorizedClient(
                "The specified refresh token is no longer valid.",
            ));
        }
        if !found.rotated {
            found.rotated = true;
            found.ends = found.ends.min(now + rotated_lifetime);
        }
        let user = Arc::clone(&found.user);
        self.counts.refreshed += 1;
        Ok(self.grant(user, now))
    }

    /// Rejects while the client is locked out.
    pub(crate) fn check_lock(&self, now: Duration) -> Result<(), Rejection> {
        if now < self.locked_until {
            return Err(Rejection::UnauthorizedClient(
                "This client has used an invalid token; try again in a moment.",
            ));
        }
        Ok(())
    }

    /// Caches an access token for [`revoke_all`](Self::revoke_all).
    pub(crate) fn note_access_token(&mut self, token: &str) {
        self.access_tokens.push(token.to_owned());
    }

    /// Ends every grant, as when a person takes the consent back. Returns the
    /// access tokens that have to go as well.
    pub(crate) fn revoke_all(&mut self) -> Vec<String> {
        self.codes.clear();
        for token in self.refresh_tokens.values_mut() {
            token.ends = Duration::ZERO;
        }
        std::mem::take(&mut self.access_tokens)
    }

    fn grant(&mut self, user: Arc<User>, now: Duration) -> Grant {
        let refresh_token = self.ids.text(20);
        self.refresh_tokens.insert(
            refresh_token.clone(),
            RefreshToken {
                user: Arc::clone(&user),
                ends: now + self.policy.unused_lifetime,
                rotated: false,
            },
        );
        Grant {
            user,
            refresh_token,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1000);

    fn server_with_grant() -> (OAuthServer, String) {
        let mut server = OAuthServer::default();
        let user = Arc::new(User::sample("Ada", "ada@example.com"));
        let code = server.issue_code(user, None, START);
        let grant = server.exchange(&code, None, START);
        let token = grant.map(|grant| grant.refresh_token).unwrap_or_default();
        (server, token)
    }

    #[test]
    fn a_code_works_once() {
        let mut server = OAuthServer::default();
        let user = Arc::new(User::sample("Ada", "ada@example.com"));
        let code = server.issue_code(user, Some("https://ci/cb".into()), START);
        assert!(matches!(
            server.exchange(&code, Some("https://ci/other"), START),
            Err(Rejection::InvalidGrant(_))
        ));
        assert!(server.exchange(&code, Some("https://ci/cb"), START).is_ok());
        assert!(matches!(
            server.exchange(&code, Some("https://ci/cb"), START),
            Err(Rejection::InvalidGrant(_))
        ));
    }

    #[test]
    fn a_code_does_not_live_long() {
        let mut server = OAuthServer::default();
        let user = Arc::new(User::sample("Ada", "ada@example.com"));
        let code = server.issue_code(user, None, START);
        let late = START + server.policy.code_lifetime;
        assert!(server.exchange(&code, None, late).is_err());
    }

    #[test]
    fn a_rotated_refresh_token_works_for_ten_minutes_and_then_locks_the_client_out() {
        let (mut server, old) = server_with_grant();
        let new = server.refresh(&old, START).map(|grant| grant.refresh_token);
        let almost = START + Duration::from_secs(599);
        assert!(server.refresh(&old, almost).is_ok(), "the old one goes on");
        let late = START + Duration::from_secs(600);
        assert!(matches!(
            server.refresh(&old, late),
            Err(Rejection::UnauthorizedClient(_))
        ));
        let new = new.unwrap_or_default();
        assert!(
            matches!(
                server.refresh(&new, late),
                Err(Rejection::UnauthorizedClient(_))
            ),
            "locked out, even with a good token"
        );
        let later = late + server.policy.lock_out;
        assert!(server.refresh(&new, later).is_ok());
    }

    #[test]
    fn a_refresh_token_that_nobody_uses_ends_after_three_months() {
        let (mut server, token) = server_with_grant();
        let later = START + Duration::from_secs(90 * 24 * 3600);
        assert!(matches!(
            server.refresh(&token, later),
            Err(Rejection::UnauthorizedClient(_))
        ));
    }

    #[test]
    fn a_token_never_given_out_is_an_invalid_grant() {
        let (mut server, _) = server_with_grant();
        assert!(matches!(
            server.refresh("nonsense", START),
            Err(Rejection::InvalidGrant(_))
        ));
    }
}
