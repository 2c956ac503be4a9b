//! Webhooks of a repository and what they deliver.

use super::{Event, Timestamp};
use crate::abi::record;
use crate::secret::{Secret, serialize_presence};
use crate::value::Bytes;

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
        /// The engine's address for deliveries. When a hook is reconciled without a
        /// known id, the one of this address is meant, or of one that ends in the
        /// same unguessable segment. Where a proxy is configured for webhooks, the
        /// provider puts it in, here and in every other request about a hook.
        pub url: String,
        /// The service's event keys; empty means the provider's default.
        pub events: Vec<String>,
        /// Whether it delivers nothing for now.
        pub disable: bool,
        /// The signing key; `None` leaves a present one unchanged and makes a
        /// new hook unsigned.
        #[serde(serialize_with = "serialize_presence", skip_deserializing)]
        pub secret: Option<Secret>,
        /// Whether the service may deliver to a server whose certificate is not
        /// valid; `None` leaves it as it is.
        pub insecure_ssl: Option<bool>,
    }

    /// Which hooks to list: all of a repository.
    pub struct HooksRequest / HooksRequestAbi {
        /// The full name of the repository.
        pub repo: String,
        /// Stop after this many.
        pub limit: Option<u64>,
    }

    /// Which hook to look up: the one of this id or, without one, of this address.
    pub struct GetHookRequest / GetHookRequestAbi {
        /// The full name of the repository.
        pub repo: String,
        /// The hook's id, if it is known.
        pub id: Option<String>,
        /// The engine's address; a trailing slash does not count.
        pub url: String,
    }

    /// A hook to delete, by id or by address; with both, all hooks of the id or
    /// of addresses that are the same hook's. Deleting what is gone succeeds.
    pub struct DeleteHookRequest / DeleteHookRequestAbi {
        /// The full name of the repository.
        pub repo: String,
        /// The hook's id.
        pub id: Option<String>,
        /// The engine's address.
        pub url: Option<String>,
    }

    /// A hook. Under the key `action` of its `extra` stands what
    /// `reconcile_hook` did: `created`, `updated`, `unchanged`.
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
        /// Whether the service delivers to a server whose certificate is not
        /// valid, where known.
        pub insecure_ssl: Option<bool>,
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
        #[serde(serialize_with = "serialize_presence", skip_deserializing)]
        pub secret: Option<Secret>,
        /// The signing key before the present one, while the hook's key is being
        /// changed: a delivery that is right under either is accepted.
        #[serde(serialize_with = "serialize_presence", skip_deserializing)]
        pub previous_secret: Option<Secret>,
        /// When it arrived, by the engine's clock: what the age of a delivery is
        /// counted to. `None` means now.
        pub received_at: Option<Timestamp>,
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
        /// When the service sent it, where the delivery says.
        pub sent_at: Option<Timestamp>,
        /// Whether a signature was checked and was right.
        pub verified: bool,
        /// Whether it was right under the previous secret only: the service does
        /// not have the present one yet.
        pub previous_secret_used: bool,
        /// The events, one per change; empty for unknown keys and for
        /// deliveries without a change, which are no error.
        pub events: Vec<Event>,
    }
}
