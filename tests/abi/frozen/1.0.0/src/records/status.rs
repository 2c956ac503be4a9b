//! Build statuses of a commit.

use super::Timestamp;
use crate::abi::record;
use crate::open_enum::open_enum;

open_enum! {
    /// The state of a build in the engine's words.
    pub enum BuildState {
        /// Not begun.
        WAITING = 0 => "Waiting",
        /// Its conditions are looked at.
        CHECKING = 1 => "Checking",
        /// It runs.
        BUILDING = 2 => "Building",
        /// It ended well.
        SUCCESS = 3 => "Success",
        /// It ended badly.
        FAIL = 4 => "Fail",
        /// It was stopped.
        STOPPED = 5 => "Stopped",
        /// It was cancelled.
        CANCELLED = 6 => "Cancelled",
        /// It was left out.
        SKIPPED = 7 => "Skipped",
        /// It is switched off.
        DISABLED = 8 => "Disabled",
        /// It never ran and will not.
        NEVER_BUILT = 9 => "NeverBuilt",
    }
}

record! {
    /// A build status to set. The same `key` on the same commit replaces.
    pub struct StatusRequest / StatusRequestAbi {
        /// The full name of the repository that holds the commit.
        pub repo: String,
        /// The full hash.
        pub commit: String,
        /// What tells this build from others of the commit. A key that is too
        /// long for the service is shortened, always in the same way.
        pub key: String,
        /// The name for people; empty means the key.
        pub name: String,
        /// The state.
        pub state: BuildState,
        /// Where to look: absolute, with a public host.
        pub url: String,
        /// A sentence for people.
        pub description: String,
        /// The bare name of a pull request's source branch, to tie the status to it.
        pub ref_name: Option<String>,
        /// The number of the pull request, whose source repository takes the
        /// status if the commit is not in `repo`.
        pub pull_request: Option<u64>,
        /// Keeps `url` back, whatever the server's configuration says.
        pub hide_url: bool,
    }

    /// Which statuses to list.
    pub struct StatusesRequest / StatusesRequestAbi {
        /// The full name of the repository.
        pub repo: String,
        /// The full hash.
        pub commit: String,
        /// Stop after this many.
        pub limit: Option<u64>,
    }

    /// A build status as the service has it.
    pub struct Status / StatusAbi {
        /// What tells it from others of the commit, as the service keeps it.
        pub key: String,
        /// The name for people.
        pub name: String,
        /// The nearest state of the engine.
        pub state: BuildState,
        /// The service's own word for the state.
        pub service_state: String,
        /// Where to look.
        pub url: String,
        /// A sentence for people.
        pub description: String,
        /// The branch it is tied to.
        pub ref_name: Option<String>,
        /// The commit.
        pub commit: String,
        /// When it was first set.
        pub created_at: Option<Timestamp>,
        /// When it was last set.
        pub updated_at: Option<Timestamp>,
    }
}
