//! Commits, ranges of commits and the files they change.

use super::{Author, Timestamp};
use crate::abi::record;
use crate::open_enum::open_enum;

open_enum! {
    /// What happened to a file between two commits.
    pub enum FileChange {
        /// It is new.
        ADDED = 0 => "added",
        /// Its contents or mode changed.
        MODIFIED = 1 => "modified",
        /// It is gone.
        REMOVED = 2 => "removed",
        /// It has another path.
        RENAMED = 3 => "renamed",
    }
}

open_enum! {
    /// What the service says of a commit's signature.
    pub enum SignatureState {
        /// It has none.
        UNSIGNED = 0 => "unsigned",
        /// It is right, and the key belongs to the author or committer.
        VALID = 1 => "valid",
        /// It is wrong.
        INVALID = 2 => "invalid",
        /// There is one, and the service cannot tell: an unknown or expired key.
        UNVERIFIED = 3 => "unverified",
    }
}

record! {
    /// A request about one commit.
    pub struct CommitRequest / CommitRequestAbi {
        /// The full name of the repository.
        pub repo: String,
        /// The hash; a short one is expanded by the service.
        pub hash: String,
    }

    /// Which commits to list, newest first.
    pub struct CommitsRequest / CommitsRequestAbi {
        /// The full name of the repository.
        pub repo: String,
        /// The branch; `None` means the main branch.
        pub branch: Option<String>,
        /// Leave out this commit and all before it.
        pub since: Option<String>,
        /// Begin at this commit instead of the branch's last one.
        pub until: Option<String>,
        /// Stop after this many.
        pub limit: Option<u64>,
    }

    /// Which range of commits to list, newest first: those that `head` has and
    /// `base` has not.
    pub struct CommitsBetweenRefsRequest / CommitsBetweenRefsRequestAbi {
        /// The full name of the repository.
        pub repo: String,
        /// A branch, tag or hash.
        pub base: String,
        /// A branch, tag or hash.
        pub head: String,
        /// Stop after this many.
        pub limit: Option<u64>,
    }

    /// A commit.
    pub struct Commit / CommitAbi {
        /// The full hash.
        pub id: String,
        /// When it was written, by its author's clock.
        #[serde(rename = "authorTimestamp")]
        pub author_timestamp: Option<Timestamp>,
        /// Who wrote it.
        pub author: Author,
        /// Who put it into the repository, where the service says.
        pub committer: Option<Author>,
        /// When it was put into the repository, by the committer's clock.
        pub committed_at: Option<Timestamp>,
        /// The whole message.
        pub message: String,
        /// The web page.
        pub url: String,
        /// The hashes of its parents, in order.
        pub parents: Vec<String>,
        /// What the service says of its signature; `None` where it says nothing.
        pub signature: Option<SignatureState>,
    }

    /// Which changed files to list: what `head` changed since it left `base`.
    pub struct ChangedFilesRequest / ChangedFilesRequestAbi {
        /// The full name of the repository.
        pub repo: String,
        /// A branch, tag or hash.
        pub base: String,
        /// A branch, tag or hash.
        pub head: String,
        /// Stop after this many.
        pub limit: Option<u64>,
    }

    /// A changed file.
    pub struct ChangedFile / ChangedFileAbi {
        /// The path now; the former path of a removed file.
        pub path: String,
        /// The former path of a renamed file.
        pub old_path: Option<String>,
        /// What happened to it.
        pub change: FileChange,
        /// Lines added; `None` for binary files.
        pub lines_added: Option<u64>,
        /// Lines removed; `None` for binary files.
        pub lines_removed: Option<u64>,
    }
}
