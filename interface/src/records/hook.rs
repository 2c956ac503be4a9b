//! Webhooks of a repository and what they deliver.

use super::{Event, Extra};
use crate::secret::{Secret, serialize_presence};
use crate::value::{Bytes, record};

record! {
    /// A hook as it should be: for creating, updating and reconciling.
    pub struct HookRequest / HookRequestAbi {
        /// The full name of the repository.
        pub repo: String,
        /// The hook's id, for an update; when it is reconciled, the id that the
        /// caller knows it by, if it knows one.
        pub id: Option<String>,
        /// The name for people. A last word in brackets marks whose hook it is
        /// when it is reconciled, such as `[0123456789ab]`.
        pub name: String,
        /// Where deliveries go. When a hook is reconciled without a known id,
        /// the one of this address is meant, or of one that ends in the same
        /// unguessable segment.
        pub url: String,
        /// The service's event keys; empty means the provider's default.
        pub events: Vec<String>,
        /// Whether it delivers nothing for now.
        pub disable: bool,
        /// The signing key; `None` leaves a present one unchanged and makes a
        /// new hook unsigned.
        #[serde(serialize_with = "serialize_presence", skip_deserializing, default)]
        pub secret: Option<Secret>,
    }

    /// Which hook to look up: the one of this address.
    pub struct GetHookRequest / GetHookRequestAbi {
        /// The full name of the repository.
        pub repo: String,
        /// The address; a trailing slash does not count.
        pub url: String,
    }

    /// A hook to delete, by id or by address; with both, all hooks of the id or
    /// of addresses that are the same hook's. Deleting what is gone succeeds.
    pub struct DeleteHookRequest / DeleteHookRequestAbi {
        /// The full name of the repository.
        pub repo: String,
        /// The hook's id.
        pub id: Option<String>,
        /// The address.
        pub url: Option<String>,
    }

    /// A hook.
    pub struct Hook / HookAbi {
        /// The service's id.
        pub id: String,
        /// The name for people.
        pub name: String,
        /// Where deliveries go.
        pub url: String,
        /// The service's event keys.
        pub events: Vec<String>,
        /// Whether it delivers nothing for now.
        pub disable: bool,
        /// Whether deliveries are signed, where known.
        pub secret_set: Option<bool>,
        /// What `reconcile_hook` did, such as `created`, `updated`, `unchanged`,
        /// stands under the key `action`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub extra: Extra,
    }

    /// A delivery as it arrived.
    pub struct WebhookRequest / WebhookRequestAbi {
        /// The headers, names in any case.
        pub headers: Vec<(String, String)>,
        /// The body exactly as it arrived: the signature is over these bytes.
        #[serde(skip)]
        pub body: Bytes,
        /// The hook's signing key. With it, a delivery without the right
        /// signature is refused; `None` accepts unsigned deliveries.
        #[serde(serialize_with = "serialize_presence", skip_deserializing, default)]
        pub secret: Option<Secret>,
    }

    /// What a delivery says.
    pub struct Delivery / DeliveryAbi {
        /// The service's key of the event, such as `repo:push`.
        pub event_key: String,
        /// The service's id of the delivery: the same on every retry.
        pub id: Option<String>,
        /// The service's id of the hook. Not a secret.
        pub hook_id: Option<String>,
        /// Which try this is, from 1.
        pub attempt: Option<u64>,
        /// Whether a signature was checked and was right.
        pub verified: bool,
        /// The events, one per change; empty for unknown keys and for
        /// deliveries without a change, which are no error.
        pub events: Vec<Event>,
    }
}
