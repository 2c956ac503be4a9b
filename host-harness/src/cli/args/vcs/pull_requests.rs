//! Operations on pull requests and their comments.

use clap::Subcommand;
use vcs_provider_interface::records::{MergeStrategy, PullRequestState};

/// Operations on pull requests and their comments.
#[derive(Subcommand, Debug)]
pub enum PullRequestOperation {
    /// Look up a pull request
    PullRequest {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// The number.
        id: u64,
    },
    /// List pull requests, newest first
    PullRequests {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// Only in this state: open, merged, declined or superseded. May be
        /// repeated; any state if it is left out.
        #[arg(long = "state", value_name = "STATE")]
        states: Vec<PullRequestState>,
        /// Only from this branch.
        #[arg(long, value_name = "NAME")]
        source_branch: Option<String>,
        /// Only into this branch.
        #[arg(long, value_name = "NAME")]
        destination_branch: Option<String>,
        /// Stop after this many.
        #[arg(long, value_name = "COUNT")]
        limit: Option<u64>,
    },
    /// List the pull requests that hold a commit
    SearchPullRequest {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// The full hash.
        hash: String,
        /// Only in this state. May be repeated; any state if it is left out.
        #[arg(long = "state", value_name = "STATE")]
        states: Vec<PullRequestState>,
    },
    /// Create a pull request
    PullRequestCreate {
        /// The destination repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// The title.
        #[arg(long, value_name = "TEXT")]
        title: String,
        /// The source branch.
        #[arg(long, value_name = "NAME")]
        source_branch: String,
        /// The source repository, if it is a fork.
        #[arg(long, value_name = "WS/SLUG")]
        source_repo: Option<String>,
        /// The destination branch; the main branch if it is left out.
        #[arg(long, value_name = "NAME")]
        destination_branch: Option<String>,
        /// The text.
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// The id of a reviewer. May be repeated.
        #[arg(long = "reviewer", value_name = "ID")]
        reviewers: Vec<String>,
        /// Whether the source branch goes when it is merged.
        #[arg(long, value_name = "BOOL")]
        close_source_branch: Option<bool>,
        /// Whether it begins as a draft.
        #[arg(long, value_name = "BOOL")]
        draft: Option<bool>,
    },
    /// Change a pull request and keep what is not named
    PullRequestUpdate {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// The number.
        id: u64,
        /// The new title.
        #[arg(long, value_name = "TEXT")]
        title: Option<String>,
        /// The new text.
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// The new destination branch.
        #[arg(long, value_name = "NAME")]
        destination_branch: Option<String>,
        /// The id of a reviewer instead of those there are. May be repeated.
        #[arg(long = "reviewer", value_name = "ID")]
        reviewers: Option<Vec<String>>,
        /// Remove all reviewers.
        #[arg(long, conflicts_with = "reviewers")]
        no_reviewers: bool,
    },
    /// Merge a pull request and wait until it is done
    PullRequestMerge {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// The number.
        id: u64,
        /// How: default, merge-commit, squash, fast-forward, …
        #[arg(long, value_name = "STRATEGY", default_value = "default")]
        strategy: MergeStrategy,
        /// The message of the merge commit.
        #[arg(long, value_name = "TEXT")]
        message: Option<String>,
        /// Whether the source branch goes.
        #[arg(long, value_name = "BOOL")]
        close_source_branch: Option<bool>,
        /// Merge only if the source is still at this commit.
        #[arg(long, value_name = "HASH")]
        expected_head: Option<String>,
    },
    /// Decline a pull request
    PullRequestDecline {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// The number.
        id: u64,
    },
    /// Approve a pull request
    PullRequestApprove {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// The number.
        id: u64,
    },
    /// Take an approval back
    PullRequestUnapprove {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// The number.
        id: u64,
    },
    /// List the comments of a pull request, oldest first
    PullRequestComments {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// The number of the pull request.
        id: u64,
        /// Stop after this many.
        #[arg(long, value_name = "COUNT")]
        limit: Option<u64>,
    },
    /// Comment on a pull request
    PullRequestCommentCreate {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// The number of the pull request.
        id: u64,
        /// The text in the service's markup.
        #[arg(long, value_name = "TEXT")]
        text: String,
        /// The file that the comment stands at.
        #[arg(long, value_name = "PATH")]
        path: Option<String>,
        /// The line in the new version, from 1.
        #[arg(long, value_name = "NUMBER", requires = "path")]
        line: Option<u64>,
        /// The line in the old version, from 1.
        #[arg(long, value_name = "NUMBER", requires = "path")]
        old_line: Option<u64>,
        /// The id of the comment that it replies to.
        #[arg(long, value_name = "ID")]
        parent: Option<String>,
    },
    /// Change the text of a comment
    PullRequestCommentUpdate {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// The number of the pull request.
        id: u64,
        /// The id of the comment.
        comment: String,
        /// The text in the service's markup.
        #[arg(long, value_name = "TEXT")]
        text: String,
    },
    /// Delete a comment
    PullRequestCommentDelete {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// The number of the pull request.
        id: u64,
        /// The id of the comment.
        comment: String,
    },
}
