//! Pull requests and their comments.

use super::{Author, Branch, Timestamp};
use crate::abi::record;
use crate::open_enum::open_enum;

open_enum! {
    /// The state of a pull request. All but `OPEN` are closed.
    pub enum PullRequestState {
        /// It can be merged.
        OPEN = 0 => "open",
        /// It was merged.
        MERGED = 1 => "merged",
        /// It was refused.
        DECLINED = 2 => "declined",
        /// Another took its place.
        SUPERSEDED = 3 => "superseded",
    }
}

open_enum! {
    /// How a merge is made.
    pub enum MergeStrategy {
        /// What the repository prefers.
        DEFAULT = 0 => "default",
        /// A merge commit.
        MERGE_COMMIT = 1 => "merge-commit",
        /// One commit with all changes.
        SQUASH = 2 => "squash",
        /// Only moving the branch.
        FAST_FORWARD = 3 => "fast-forward",
        /// One commit, only if the branch could be moved.
        SQUASH_FAST_FORWARD = 4 => "squash-fast-forward",
        /// The commits anew on top of the destination.
        REBASE_FAST_FORWARD = 5 => "rebase-fast-forward",
        /// The commits anew, then a merge commit.
        REBASE_MERGE = 6 => "rebase-merge",
    }
}

record! {
    /// A request about one pull request.
    pub struct PullRequestRequest / PullRequestRequestAbi {
        /// The full name of the destination repository.
        pub repo: String,
        /// The number.
        pub id: u64,
    }

    /// Which pull requests to list.
    pub struct PullRequestsRequest / PullRequestsRequestAbi {
        /// The full name of the destination repository.
        pub repo: String,
        /// In any of these states; empty means in any state.
        pub states: Vec<PullRequestState>,
        /// Only those from this source branch.
        pub source_branch: Option<String>,
        /// Only those into this destination branch.
        pub destination_branch: Option<String>,
        /// Stop after this many.
        pub limit: Option<u64>,
    }

    /// Which pull requests to search: those that hold this commit.
    pub struct SearchPullRequestRequest / SearchPullRequestRequestAbi {
        /// The full name of the repository.
        pub repo: String,
        /// The full hash.
        pub commit: String,
        /// In any of these states; empty means in any state.
        pub states: Vec<PullRequestState>,
        /// Stop after this many.
        pub limit: Option<u64>,
    }

    /// One side of a pull request.
    pub struct PullRequestEnd / PullRequestEndAbi {
        /// The full name of the repository; `None` if it was deleted.
        pub repo: Option<String>,
        /// The branch; its `latest_commit` is the side's commit, in full where
        /// it could be expanded, otherwise as short as the service gave it,
        /// and empty where the service gave none.
        pub branch: Branch,
        /// The clone address over HTTPS, empty if unknown.
        pub clone_url: String,
    }

    /// A pull request.
    pub struct PullRequest / PullRequestAbi {
        /// The number.
        pub id: u64,
        /// The web page.
        pub url: String,
        /// The title.
        pub title: String,
        /// The text.
        pub description: String,
        /// Who opened it; `None` if the account was deleted.
        pub user: Option<Author>,
        /// The source: what is to be merged.
        pub head: PullRequestEnd,
        /// The destination: into what.
        pub base: PullRequestEnd,
        /// The state.
        pub state: PullRequestState,
        /// Whether it was merged.
        pub merged: bool,
        /// Whether it is merged, declined or superseded.
        pub closed: bool,
        /// The hash of the merge commit, once merged.
        pub merge_commit: Option<String>,
        /// Who merged it, where the service says.
        pub merged_by: Option<Author>,
        /// Whether it is a draft, where known.
        pub draft: Option<bool>,
        /// Who is asked to review it; empty in lists of services that leave it out.
        pub reviewers: Vec<Author>,
        /// Its labels; empty where the service has none.
        pub labels: Vec<String>,
        /// The ref of the destination repository that holds the source's commit,
        /// such as `refs/merge-requests/7/head`, where the service makes one.
        pub fetch_ref: Option<String>,
        /// The ref of the destination repository that holds the result of a
        /// merge, where the service makes one.
        pub merge_ref: Option<String>,
        /// When it was opened.
        pub created: Option<Timestamp>,
        /// When it last changed.
        pub updated: Option<Timestamp>,
    }

    /// A pull request to create. An open one of the same source and
    /// destination is never overwritten: the call answers `AlreadyExists`.
    pub struct CreatePullRequestRequest / CreatePullRequestRequestAbi {
        /// The full name of the destination repository.
        pub repo: String,
        /// The title.
        pub title: String,
        /// The text.
        pub description: Option<String>,
        /// The source branch.
        pub source_branch: String,
        /// The full name of the source repository, if it is a fork.
        pub source_repo: Option<String>,
        /// The destination branch; `None` means the main branch.
        pub destination_branch: Option<String>,
        /// The ids of the reviewers.
        pub reviewers: Vec<String>,
        /// Whether the source branch goes when it is merged.
        pub close_source_branch: Option<bool>,
        /// Whether it begins as a draft.
        pub draft: Option<bool>,
        /// Its labels, where the service has some.
        pub labels: Vec<String>,
    }

    /// What to change of a pull request; `None` leaves a field as it is.
    pub struct UpdatePullRequestRequest / UpdatePullRequestRequestAbi {
        /// The full name of the destination repository.
        pub repo: String,
        /// The number.
        pub id: u64,
        /// The new title.
        pub title: Option<String>,
        /// The new text.
        pub description: Option<String>,
        /// The new destination branch.
        pub destination_branch: Option<String>,
        /// The new reviewers, by id; `None` keeps them.
        pub reviewers: Option<Vec<String>>,
        /// The new labels; `None` keeps them.
        pub labels: Option<Vec<String>>,
        /// Whether it is a draft; `None` keeps it.
        pub draft: Option<bool>,
    }

    /// A merge.
    pub struct MergePullRequestRequest / MergePullRequestRequestAbi {
        /// The full name of the destination repository.
        pub repo: String,
        /// The number.
        pub id: u64,
        /// How.
        pub strategy: MergeStrategy,
        /// The message of the merge commit; `None` leaves it to the service.
        pub message: Option<String>,
        /// Whether the source branch goes; `None` leaves it to the pull request.
        pub close_source_branch: Option<bool>,
        /// Merge only if the source is still at this commit.
        pub expected_head: Option<String>,
    }

    /// Which comments to list.
    pub struct CommentsRequest / CommentsRequestAbi {
        /// The full name of the destination repository.
        pub repo: String,
        /// The number of the pull request.
        pub pull_request: u64,
        /// Stop after this many.
        pub limit: Option<u64>,
    }

    /// Where an inline comment stands.
    pub struct CommentPosition / CommentPositionAbi {
        /// The file.
        pub path: String,
        /// The line in the old version, from 1.
        pub from: Option<u64>,
        /// The line in the new version, from 1.
        pub to: Option<u64>,
    }

    /// A comment to create. A text that is too long for the service is cut at
    /// a character boundary with a note.
    pub struct CreateCommentRequest / CreateCommentRequestAbi {
        /// The full name of the destination repository.
        pub repo: String,
        /// The number of the pull request.
        pub pull_request: u64,
        /// The text in the service's markup.
        pub text: String,
        /// Where it stands; `None` for the pull request as a whole.
        pub position: Option<CommentPosition>,
        /// The id of the comment it answers.
        pub parent: Option<String>,
    }

    /// A new text for a comment.
    pub struct UpdateCommentRequest / UpdateCommentRequestAbi {
        /// The full name of the destination repository.
        pub repo: String,
        /// The number of the pull request.
        pub pull_request: u64,
        /// The id of the comment.
        pub id: String,
        /// The text in the service's markup.
        pub text: String,
    }

    /// A comment to delete. Deleting what is gone succeeds.
    pub struct DeleteCommentRequest / DeleteCommentRequestAbi {
        /// The full name of the destination repository.
        pub repo: String,
        /// The number of the pull request.
        pub pull_request: u64,
        /// The id of the comment.
        pub id: String,
    }

    /// A comment.
    pub struct Comment / CommentAbi {
        /// The service's id. It tells the comment from the others of its pull
        /// request; not every service has numbers here.
        pub id: String,
        /// The text; empty once deleted.
        pub text: String,
        /// Who wrote it; `None` if the account was deleted.
        pub author: Option<Author>,
        /// Whether it was deleted.
        pub deleted: bool,
        /// Whether its discussion was resolved, where known.
        pub resolved: Option<bool>,
        /// Where it stands; `None` for the pull request as a whole.
        pub position: Option<CommentPosition>,
        /// The id of the comment it answers.
        pub parent: Option<String>,
        /// The web page.
        pub url: String,
        /// When it was written.
        pub created: Option<Timestamp>,
        /// When it last changed.
        pub updated: Option<Timestamp>,
    }
}
