//! How a request proves who sends it.
//!
//! The HTTP layer asks an [`Authorizer`] for the header of each request and
//! tells it when a response was 401. What a credential is and how it is renewed
//! stands behind this trait; the HTTP layer knows neither.

use vcs_provider_interface::prelude::*;

/// The kinds of credential that Bitbucket Cloud knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CredentialType {
    Anonymous,
    /// An account's API token with scopes: `ATAT…`.
    ApiToken,
    /// An access token of a repository, project or workspace: `ATCT…`.
    AccessToken,
    /// An access token of an OAuth consumer.
    OAuth,
}

impl CredentialType {
    /// The name for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "none",
            Self::ApiToken => "API token",
            Self::AccessToken => "access token",
            Self::OAuth => "OAuth",
        }
    }

    /// The user name that goes with the token in Git over HTTPS.
    pub(crate) fn git_user(self) -> Option<&'static str> {
        match self {
            Self::Anonymous => None,
            Self::ApiToken => Some("x-bitbucket-api-token-auth"),
            Self::AccessToken | Self::OAuth => Some("x-token-auth"),
        }
    }
}

/// What one request carries.
#[derive(Clone)]
pub(crate) struct Authorization {
    /// The value of the `Authorization` header; `None` for anonymous requests.
    pub(crate) header: Option<Secret>,
    /// The token in it: the password for Git, and what is taken out of texts.
    pub(crate) token: Option<Secret>,
    /// When the token ends, in milliseconds since 1970, where known.
    pub(crate) expires_at_ms: Option<i64>,
    /// Tells this token from those before and after it, so that of several
    /// calls that were rejected with it only one renews it.
    pub(crate) generation: u64,
}

/// Whether a rejected request can be sent once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// There is a new token: ask for it and repeat once.
    Renewed,
    /// There is none: the rejection stands.
    NotPossible,
}

/// Yields the authorization of requests. Shared by all calls of a credential,
/// from several threads at once.
pub(crate) trait Authorizer: Send + Sync {
    /// The kind of credential.
    fn credential_type(&self) -> CredentialType;

    /// What the next request is to carry. May fetch a token first.
    ///
    /// # Errors
    /// `Unauthenticated` if there is no usable token any more; those of a
    /// request where one is fetched.
    fn authorization(&self, context: &dyn CallContext) -> Result<Authorization>;

    /// Told that a request with this authorization got a 401.
    ///
    /// # Errors
    /// As for [`Authorizer::authorization`].
    fn renew(&self, context: &dyn CallContext, rejected: &Authorization) -> Result<Renewal>;
}
