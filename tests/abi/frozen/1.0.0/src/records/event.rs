//! What happened in a repository, from deliveries and from polling alike.

use super::{Author, Comment, Commit, PullRequest, Status, Timestamp};
use crate::abi::record;
use crate::open_enum::open_enum;

open_enum! {
    /// What happened.
    pub enum EventKind {
        /// A branch or tag is new; see the event's `change`.
        REF_CREATED = 1 => "ref_created",
        /// A branch or tag points elsewhere.
        REF_UPDATED = 2 => "ref_updated",
        /// A branch or tag is gone.
        REF_DELETED = 3 => "ref_deleted",
        /// A pull request was opened.
        PULL_REQUEST_CREATED = 10 => "pull_request_created",
        /// A pull request changed; `commit_changed` says whether its commit did.
        PULL_REQUEST_UPDATED = 11 => "pull_request_updated",
        /// Somebody approved.
        PULL_REQUEST_APPROVED = 12 => "pull_request_approved",
        /// Somebody took an approval back.
        PULL_REQUEST_UNAPPROVED = 13 => "pull_request_unapproved",
        /// Somebody asked for changes.
        PULL_REQUEST_CHANGES_REQUESTED = 14 => "pull_request_changes_requested",
        /// Somebody took the wish for changes back.
        PULL_REQUEST_CHANGES_REQUEST_REMOVED = 15 => "pull_request_changes_request_removed",
        /// It was merged.
        PULL_REQUEST_MERGED = 16 => "pull_request_merged",
        /// It was declined.
        PULL_REQUEST_DECLINED = 17 => "pull_request_declined",
        /// Somebody commented on a pull request.
        PULL_REQUEST_COMMENT_CREATED = 20 => "pull_request_comment_created",
        /// A comment's text changed.
        PULL_REQUEST_COMMENT_UPDATED = 21 => "pull_request_comment_updated",
        /// A comment was deleted.
        PULL_REQUEST_COMMENT_DELETED = 22 => "pull_request_comment_deleted",
        /// A discussion was resolved.
        PULL_REQUEST_COMMENT_RESOLVED = 23 => "pull_request_comment_resolved",
        /// A discussion was reopened.
        PULL_REQUEST_COMMENT_REOPENED = 24 => "pull_request_comment_reopened",
        /// Somebody commented on a commit.
        COMMIT_COMMENT_CREATED = 30 => "commit_comment_created",
        /// A commit got a build status.
        COMMIT_STATUS_CREATED = 31 => "commit_status_created",
        /// A commit's build status changed.
        COMMIT_STATUS_UPDATED = 32 => "commit_status_updated",
        /// A repository is new.
        REPOSITORY_CREATED = 40 => "repository_created",
        /// A repository was renamed or its settings changed.
        REPOSITORY_UPDATED = 41 => "repository_updated",
        /// A repository has another owner.
        REPOSITORY_MOVED = 42 => "repository_moved",
        /// A repository is gone.
        REPOSITORY_DELETED = 43 => "repository_deleted",
        /// Somebody forked a repository.
        REPOSITORY_FORKED = 44 => "repository_forked",
        /// A repository's import ended.
        REPOSITORY_IMPORTED = 45 => "repository_imported",
    }
}

open_enum! {
    /// What kind of ref.
    pub enum RefKind {
        /// A branch.
        BRANCH = 0 => "branch",
        /// A tag.
        TAG = 1 => "tag",
    }
}

record! {
    /// A repository as an event names it.
    pub struct EventRepository / EventRepositoryAbi {
        /// The service's unchangeable id.
        pub id: String,
        /// The full name at the time of the event.
        pub fullname: String,
        /// The name for people.
        pub name: String,
        /// The web page.
        pub url: String,
        /// The main branch, where the service says.
        pub default_branch: Option<String>,
        /// The full name before a renaming or a move.
        pub old_fullname: Option<String>,
    }

    /// How a ref changed.
    pub struct RefChange / RefChangeAbi {
        /// Branch or tag.
        pub kind: RefKind,
        /// The bare name.
        pub name: String,
        /// The hash before; `None` if the ref is new.
        pub old_hash: Option<String>,
        /// The hash now; `None` if the ref is gone.
        pub new_hash: Option<String>,
        /// Whether the old commit is no ancestor of the new one. Then the
        /// commits are no line from old to new. `None` where the service does
        /// not say.
        pub forced: Option<bool>,
        /// Whether `commits` is not all of them; `None` where the service does
        /// not say.
        pub truncated: Option<bool>,
        /// How many new commits there are, where the service says.
        pub total_commits: Option<u64>,
        /// The new commits as far as they were delivered, newest first.
        pub commits: Vec<Commit>,
        /// The message of an annotated tag.
        pub tag_message: Option<String>,
    }

    /// Something that happened.
    pub struct Event / EventAbi {
        /// What.
        pub kind: EventKind,
        /// The service's id of the event, where it has one: the same in a
        /// delivery and in a poll.
        pub id: Option<String>,
        /// The service's own key, such as `repo:push`.
        pub key: String,
        /// Where; `None` for events above a repository.
        pub repo: Option<EventRepository>,
        /// Who; `None` where the service does not say.
        pub actor: Option<Author>,
        /// When, where the service says.
        pub date: Option<Timestamp>,
        /// For the `REF_…` kinds: the change.
        pub change: Option<RefChange>,
        /// For the `PULL_REQUEST_…` kinds: the pull request as it is now.
        pub pull_request: Option<PullRequest>,
        /// For `PULL_REQUEST_UPDATED`: whether its source commit changed;
        /// `None` where the service does not tell.
        pub commit_changed: Option<bool>,
        /// For the comment kinds: the comment.
        pub comment: Option<Comment>,
        /// For the status kinds: the status.
        pub status: Option<Status>,
    }

    /// An event to complete: commits that the delivery left out are fetched,
    /// shortened hashes are expanded.
    pub struct CompleteEventRequest / CompleteEventRequestAbi {
        /// The event as it was parsed.
        pub event: Event,
    }
}
