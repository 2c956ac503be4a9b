//! Credentials, grants and the consent flow.

use super::{Secrets, Timestamp};
use crate::abi::record;
use crate::open_enum::open_enum;
use crate::secret::{Secret, serialize_presence};

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
        #[serde(serialize_with = "serialize_presence", skip_deserializing)]
        pub secret: Option<Secret>,
        /// Further secrets, such as the key of an app.
        #[serde(skip_serializing_if = "Secrets::is_empty")]
        pub secrets: Secrets,
    }

    /// A pair of tokens as the host's grant store keeps it.
    pub struct Grant / GrantAbi {
        /// The token for calls.
        #[serde(serialize_with = "serialize_presence", skip_deserializing)]
        pub access_token: Option<Secret>,
        /// The token that fetches the next pair.
        #[serde(serialize_with = "serialize_presence", skip_deserializing)]
        pub refresh_token: Option<Secret>,
        /// When the access token ends.
        pub expires_at_ms: Option<Timestamp>,
        /// The scopes that the service named.
        pub scopes: Vec<String>,
        /// Counts the rotations; the store refuses to replace a pair by one of
        /// the same or a lower number.
        pub version: u64,
        /// Why the grant can no longer be used, once the service refused it for good.
        pub dead: Option<String>,
        /// Further secrets.
        #[serde(skip_serializing_if = "Secrets::is_empty")]
        pub secrets: Secrets,
    }

    /// What the consent flow starts with.
    pub struct AuthorizeRequest / AuthorizeRequestAbi {
        /// Where the service sends the user back to; must be what the consumer
        /// has registered.
        pub redirect_uri: Option<String>,
        /// The scopes to ask for, in the service's words; empty means what the
        /// provider needs.
        pub scopes: Vec<String>,
    }

    /// Where to send the user.
    pub struct AuthorizeRedirect / AuthorizeRedirectAbi {
        /// The service's consent page with all parameters.
        pub url: String,
        /// The value that must come back: at least 128 random bits. The host
        /// keeps it, binds it to who asked, and accepts it once.
        #[serde(serialize_with = "serialize_presence", skip_deserializing)]
        pub state: Option<Secret>,
        /// The PKCE verifier, where the service knows PKCE. The host keeps it
        /// with the state and hands it back with the code.
        #[serde(serialize_with = "serialize_presence", skip_deserializing)]
        pub code_verifier: Option<Secret>,
    }

    /// What the service sent back after consent, with what the host kept.
    pub struct AuthorizeTokenRequest / AuthorizeTokenRequestAbi {
        /// The single-use code.
        #[serde(serialize_with = "serialize_presence", skip_deserializing)]
        pub code: Option<Secret>,
        /// The same address as in the redirect.
        pub redirect_uri: Option<String>,
        /// The state that came back; the host has compared it already.
        #[serde(serialize_with = "serialize_presence", skip_deserializing)]
        pub state: Option<Secret>,
        /// The PKCE verifier that the redirect came with.
        #[serde(serialize_with = "serialize_presence", skip_deserializing)]
        pub code_verifier: Option<Secret>,
        /// The `iss` that came back (RFC 9207): who made the code. A provider
        /// that knows its service's issuer rejects another.
        pub issuer: Option<String>,
    }
}

impl Credential {
    fn of_kind(kind: CredentialKind) -> Self {
        Self {
            kind,
            ..Self::default()
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
