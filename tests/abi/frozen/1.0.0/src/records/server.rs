//! What a configured server says of itself.

use super::WebhookProof;
use crate::abi::record;

record! {
    /// What a server is asked about itself.
    pub struct ServerInfoRequest / ServerInfoRequestAbi {
    }

    /// What a server says of itself when it comes into service. Nothing is sent
    /// to find it out.
    pub struct ServerInfo / ServerInfoAbi {
        /// What an administrator should read in the log at start, one sentence
        /// each, such as what a key with a misleading name does.
        pub notices: Vec<String>,
        /// The address of the website, where there is one.
        pub web_url: Option<String>,
        /// The address of the API, without a user and a password.
        pub api_url: Option<String>,
    }

    /// What a server is asked about webhooks.
    pub struct WebhooksInfoRequest / WebhooksInfoRequestAbi {
        /// An address of the engine for which the answer's `hook_url` is wanted.
        pub hook_url: Option<String>,
    }

    /// What a server says of its webhooks.
    pub struct WebhooksInfo / WebhooksInfoAbi {
        /// Whether the provider has webhooks at all.
        pub supported: bool,
        /// Whether the administrator switched them off.
        pub disabled: bool,
        /// Whether the administrator reserves their creation to himself.
        pub creation_disabled: bool,
        /// The address to enter at the service for the one that was asked for:
        /// where a proxy is configured, it is another. A provider puts it into
        /// every request about a hook by itself; this is for hooks made by hand.
        pub hook_url: Option<String>,
        /// The events of a hook that names none.
        pub default_events: Vec<String>,
        /// Every event that the service knows.
        pub events: Vec<String>,
        /// How deliveries are proved.
        pub proof: WebhookProof,
        /// The name of the service's icon, such as `bitbucket`.
        pub icon: String,
    }

    /// What a server says of polling.
    pub struct PollingInfo / PollingInfoAbi {
        /// Whether `poll_events` works.
        pub supported: bool,
        /// Whether the administrator switched it off.
        pub disabled: bool,
        /// The shortest sensible time between two polls of one repository, in seconds.
        pub min_interval_seconds: u64,
        /// The shortest sensible time between two calls of `poll_repositories`,
        /// in seconds; `None` where the provider does not have it.
        pub repositories_interval_seconds: Option<u64>,
    }
}
