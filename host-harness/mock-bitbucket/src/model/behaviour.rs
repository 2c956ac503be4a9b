//! How the mock responds where the real service does not always respond alike.

use std::time::Duration;

/// What becomes of `commit/{commit}/pullrequests`, which needs an app that may be
/// missing from a repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CommitLinks {
    /// The app is there: 200 and the list.
    #[default]
    Installed,
    /// The app is missing: 404.
    Missing,
    /// The app has just been installed: 202 and an empty list.
    Indexing,
}

/// What becomes of a download of an archive with a Bearer token from a private
/// repository, which the real service does not promise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ArchiveBearer {
    /// 404, as for a repository that is not there.
    #[default]
    NotFound,
    /// 403.
    Forbidden,
    /// The archive.
    Accepted,
}

/// Where the mock follows one of several ways the real service is known to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behaviour {
    /// Whether the list of a commit's pull requests can be had.
    pub commit_links: CommitLinks,
    /// Whether an archive can be had with a Bearer token.
    pub archive_bearer: ArchiveBearer,
    /// Every merge becomes a task, also when the caller did not ask for one.
    pub merges_take_long: bool,
    /// How long a merge that became a task takes, on the mock's clock. It goes on
    /// whether or not anybody asks about it; zero: it is done before the task gets its
    /// response.
    pub merge_duration: Duration,
    /// How often a merge task is reported as pending at least, however soon it was
    /// done.
    pub merge_polls: u32,
    /// Even pages of a numbered list are cut from the list in opposite order, unless
    /// the caller sorts it: items come twice and others not at all.
    pub unstable_order: bool,
    /// Lists come without `size` and `page`.
    pub bare_envelopes: bool,
    /// Deliveries name nobody: the actor is anonymous and has no uuid.
    pub anonymous_actors: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            commit_links: CommitLinks::default(),
            archive_bearer: ArchiveBearer::default(),
            merges_take_long: false,
            merge_duration: Duration::ZERO,
            merge_polls: 1,
            unstable_order: false,
            bare_envelopes: false,
            anonymous_actors: false,
        }
    }
}
