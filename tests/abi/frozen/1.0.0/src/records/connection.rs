//! What a credential is and sees, and what the server promises.

use super::{Author, Secrets, Timestamp};
use crate::abi::record;

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
    }

    /// The state of the rate gate of a credential.
    pub struct RateLimit / RateLimitAbi {
        /// Requests allowed in the service's window.
        pub limit: Option<u64>,
        /// Requests left in the window, where the service says.
        pub remaining: Option<u64>,
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

    /// What is known of a credential's rate budget at the service, as several
    /// engines share it.
    pub struct RateState / RateStateAbi {
        /// Nothing is sent before this time.
        pub held_until: Option<Timestamp>,
        /// Requests allowed in the service's window.
        pub limit: Option<u64>,
        /// Requests left in the window.
        pub remaining: Option<u64>,
        /// When the service counts anew.
        pub resets_at: Option<Timestamp>,
    }

    /// How the service is reached: for programs that work beside the provider,
    /// such as git, so that they go the same way.
    pub struct NetworkSettings / NetworkSettingsAbi {
        /// The proxy, as `scheme://host:port`; `None` means none is configured,
        /// and that of the environment counts. Its user and password stand in
        /// `secrets` under [`PROXY_USER`](super::secret_names::PROXY_USER).
        pub proxy: Option<String>,
        /// The hosts that are reached without the proxy.
        pub no_proxy: Vec<String>,
        /// The certificates of the authorities that are trusted, in PEM form, in
        /// place of the system's; `None` means the system's.
        pub ca_certificates: Option<String>,
        /// The file that they come from, on the machine of the provider.
        pub ca_file: Option<String>,
        /// Further secrets.
        #[serde(skip_serializing_if = "Secrets::is_empty")]
        pub secrets: Secrets,
    }
}
