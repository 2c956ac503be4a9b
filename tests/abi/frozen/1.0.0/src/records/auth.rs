//! Credentials, grants and the consent flow.

use super::Extra;
use crate::open_enum::open_enum;
use crate::secret::{Secret, serialize_presence};
use crate::value::record;

open_enum! {
    /// How a client proves who it is.
    pub enum CredentialKind {
        /// Without a credential.
        ANONYMOUS = 0 => "Anonymous",
        /// What the server's configuration says.
        CONFIGURED = 1 => "Configured",
        /// A grant from the consent flow, kept in the host's grant store.
        GRANT = 2 => "Grant",
        /// A user name (or e-mail address) and a token.
        BASIC = 3 => "Basic",
        /// An access token of a repository, project or workspace.
        ACCESS_TOKEN = 4 => "AccessToken",
        /// The configured OAuth client itself, without a user.
        CLIENT_CREDENTIALS = 5 => "ClientCredentials",
    }
}

record! {
    /// Which credential a client works with.
    pub struct Credential / CredentialAbi {
        /// The kind, which says which of the other fields count.
        pub kind: CredentialKind,
        /// For a grant: its id in the host's grant store.
        pub grant_id: Option<String>,
        /// For basic: the user name or e-mail address.
        pub username: Option<String>,
        /// For basic and access tokens: the token.
        #[serde(serialize_with = "serialize_presence", skip_deserializing, default)]
        pub secret: Option<Secret>,
        /// Further facts.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub extra: Extra,
    }

    /// A pair of tokens as the host's grant store keeps it.
    pub struct Grant / GrantAbi {
        /// The token for calls.
        #[serde(serialize_with = "serialize_presence", skip_deserializing, default)]
        pub access_token: Option<Secret>,
        /// The token that fetches the next pair.
        #[serde(serialize_with = "serialize_presence", skip_deserializing, default)]
        pub refresh_token: Option<Secret>,
        /// When the access token ends.
        pub expires_at_ms: Option<i64>,
        /// The scopes that the service named.
        pub scopes: Vec<String>,
        /// Counts the rotations; the store refuses to replace a pair by one of
        /// the same or a lower number.
        pub version: u64,
        /// Why the grant can no longer be used, once the service refused it for good.
        pub dead: Option<String>,
        /// Further facts.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub extra: Extra,
    }

    /// What the consent flow starts with.
    pub struct AuthorizeRequest / AuthorizeRequestAbi {
        /// Where the service sends the user back to; must be what the consumer
        /// has registered.
        pub redirect_uri: Option<String>,
    }

    /// Where to send the user.
    pub struct AuthorizeRedirect / AuthorizeRedirectAbi {
        /// The service's consent page with all parameters.
        pub url: String,
        /// The value that must come back: at least 128 random bits. The host
        /// keeps it, binds it to who asked, and accepts it once.
        #[serde(serialize_with = "serialize_presence", skip_deserializing, default)]
        pub state: Option<Secret>,
    }

    /// What the service sent back after consent.
    pub struct AuthorizeTokenRequest / AuthorizeTokenRequestAbi {
        /// The single-use code.
        #[serde(serialize_with = "serialize_presence", skip_deserializing, default)]
        pub code: Option<Secret>,
        /// The same address as in the redirect.
        pub redirect_uri: Option<String>,
    }
}

impl Credential {
    fn of_kind(kind: CredentialKind) -> Self {
        Self {
            kind,
            grant_id: None,
            username: None,
            secret: None,
            extra: Vec::new(),
        }
    }

    /// No credential.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::of_kind(CredentialKind::ANONYMOUS)
    }

    /// The credential of the server's configuration.
    #[must_use]
    pub fn configured() -> Self {
        Self::of_kind(CredentialKind::CONFIGURED)
    }

    /// The OAuth client itself.
    #[must_use]
    pub fn client_credentials() -> Self {
        Self::of_kind(CredentialKind::CLIENT_CREDENTIALS)
    }

    /// The grant of this id in the host's grant store.
    #[must_use]
    pub fn grant(id: impl Into<String>) -> Self {
        Self {
            grant_id: Some(id.into()),
            ..Self::of_kind(CredentialKind::GRANT)
        }
    }

    /// A user name and a token.
    #[must_use]
    pub fn basic(username: impl Into<String>, secret: Secret) -> Self {
        Self {
            username: Some(username.into()),
            secret: Some(secret),
            ..Self::of_kind(CredentialKind::BASIC)
        }
    }

    /// An access token.
    #[must_use]
    pub fn access_token(secret: Secret) -> Self {
        Self {
            secret: Some(secret),
            ..Self::of_kind(CredentialKind::ACCESS_TOKEN)
        }
    }
}
