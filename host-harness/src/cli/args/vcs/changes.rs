//! Operations on commits and changed files.

use clap::Subcommand;

/// Operations on commits and changed files.
#[derive(Subcommand, Debug)]
pub enum ChangeOperation {
    /// Look up a commit
    Commit {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// The hash, whole or shortened.
        hash: String,
    },
    /// List the commits of a branch, newest first
    Commits {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// The branch; the main branch if it is left out.
        #[arg(long, value_name = "NAME")]
        branch: Option<String>,
        /// Leave out this commit and all before it.
        #[arg(long, value_name = "HASH")]
        since: Option<String>,
        /// Begin at this commit instead of the branch's last one.
        #[arg(long, value_name = "HASH")]
        until: Option<String>,
        /// Stop after this many.
        #[arg(long, value_name = "COUNT")]
        limit: Option<u64>,
    },
    /// List the commits that HEAD has and BASE has not, newest first
    CommitsBetweenRefs {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// A branch, tag or hash.
        base: String,
        /// A branch, tag or hash.
        head: String,
        /// Stop after this many.
        #[arg(long, value_name = "COUNT")]
        limit: Option<u64>,
    },
    /// List the files that HEAD changed since it left BASE
    ChangedFiles {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// A branch, tag or hash.
        base: String,
        /// A branch, tag or hash.
        head: String,
        /// Stop after this many.
        #[arg(long, value_name = "COUNT")]
        limit: Option<u64>,
    },
}
