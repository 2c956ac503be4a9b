//! Finding out what happened without deliveries.

use super::{Event, EventKind, Timestamp};
use crate::abi::record;

record! {
    /// What to poll.
    pub struct PollEventsRequest / PollEventsRequestAbi {
        /// The full name of the repository.
        pub repo: String,
        /// Where the last poll ended; `None` begins now, without events.
        pub cursor: Option<String>,
        /// Only these kinds; empty means all that polling can find.
        pub kinds: Vec<EventKind>,
    }

    /// What a poll found.
    pub struct PolledEvents / PolledEventsAbi {
        /// What happened since the cursor, oldest first where the order is known.
        pub events: Vec<Event>,
        /// Where the next poll begins. Opaque: only the provider reads it.
        pub cursor: String,
        /// How many requests the poll took.
        pub requests: u64,
    }

    /// In which of many repositories something happened.
    ///
    /// A poller of a thousand repositories asks this first, in a few requests,
    /// and calls `poll_events` only for those that are named.
    pub struct PollRepositoriesRequest / PollRepositoriesRequestAbi {
        /// The workspace: everything below it that the credential sees.
        pub workspace: String,
        /// Only these, by full name; empty means all of the workspace.
        pub repos: Vec<String>,
        /// Where the last call ended; `None` begins now and names none.
        pub cursor: Option<String>,
    }

    /// In which repositories something happened.
    pub struct PolledRepositories / PolledRepositoriesAbi {
        /// Those in which something may have happened since the cursor. Never
        /// fewer than there are: a provider that cannot tell names the repository.
        pub changed: Vec<ChangedRepository>,
        /// Which kinds of events show here. For others each repository has to
        /// be polled by itself.
        pub kinds: Vec<EventKind>,
        /// Of the repositories asked for, by full name, those that the service
        /// did not show: gone, renamed, or out of the credential's sight.
        pub not_seen: Vec<String>,
        /// Where the next call begins. Opaque: only the provider reads it.
        pub cursor: String,
        /// How many requests the call took.
        pub requests: u64,
    }

    /// A repository in which something may have happened.
    pub struct ChangedRepository / ChangedRepositoryAbi {
        /// The service's unchangeable id.
        pub id: String,
        /// The full name.
        pub fullname: String,
        /// When, where the service says.
        pub changed_at: Option<Timestamp>,
    }
}
