//! What a credential is and sees, and what the server promises.

use super::{Author, Extra};
use crate::value::record;

record! {
    /// What `check_connection` is asked.
    pub struct ConnectionRequest / ConnectionRequestAbi {
        /// A repository to try the credential on, for credentials that cannot
        /// list anything.
        pub repo: Option<String>,
    }

    /// What `check_connection` found.
    pub struct Connection / ConnectionAbi {
        /// Whose credential it is; `None` where the service does not say.
        pub account: Option<Author>,
        /// The kind of credential in the service's words, such as `API token`.
        pub credential: String,
        /// The scopes that the credential has, where the service says.
        pub scopes_granted: Vec<String>,
        /// The scopes that this provider needs and the credential lacks, where known.
        pub scopes_missing: Vec<String>,
        /// How many workspaces it sees; `None` where it may not ask.
        pub workspaces: Option<u64>,
        /// How many repositories it sees in those workspaces; `None` where it may not ask.
        pub repositories: Option<u64>,
        /// How much the service still lets through.
        pub rate_limit: RateLimit,
        /// What an administrator should know, such as "the credential sees nothing".
        pub warnings: Vec<String>,
        /// Further facts.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub extra: Extra,
    }

    /// The state of the rate gate of a credential.
    pub struct RateLimit / RateLimitAbi {
        /// Requests allowed in the service's window.
        pub limit: Option<u64>,
        /// The service's name of what is counted.
        pub resource: Option<String>,
        /// Whether the service warned that the end is near.
        pub near_limit: bool,
        /// Milliseconds until the service counts anew, where it said so.
        pub reset_ms: Option<u64>,
        /// Milliseconds for which calls are held back now; zero if they are not.
        pub held_back_ms: u64,
        /// Requests sent with this credential since the client was made.
        pub requests_sent: u64,
    }

    /// What a server is asked about its settings.
    pub struct ServerInfoRequest / ServerInfoRequestAbi {
        /// Further wishes; there are none yet.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub extra: Extra,
    }

    /// What a server says of its webhooks.
    pub struct WebhooksInfo / WebhooksInfoAbi {
        /// Whether the provider has webhooks at all.
        pub supported: bool,
        /// Whether the administrator switched them off.
        pub disabled: bool,
        /// Whether the administrator reserves their creation to himself.
        pub creation_disabled: bool,
        /// Replaces scheme, host and path prefix of hook addresses.
        pub proxy: Option<String>,
        /// The events of a hook that names none.
        pub default_events: Vec<String>,
        /// Every event that the service knows.
        pub events: Vec<String>,
        /// Whether deliveries are signed.
        pub signed: bool,
    }

    /// What a server says of polling.
    pub struct PollingInfo / PollingInfoAbi {
        /// Whether `poll_events` works.
        pub supported: bool,
        /// Whether the administrator switched it off.
        pub disabled: bool,
        /// The shortest sensible time between two polls of one repository, in seconds.
        pub min_interval_seconds: u64,
    }
}
