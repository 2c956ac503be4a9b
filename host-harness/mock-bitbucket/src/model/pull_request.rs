//! Pull requests and merges as the service keeps them.

use std::sync::Arc;
use std::time::Duration;

use crate::model::user::User;

/// The state of a pull request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullRequestState {
    /// It can be merged.
    Open,
    /// It was merged.
    Merged,
    /// It was declined.
    Declined,
    /// Another pull request has taken its place.
    Superseded,
}

impl PullRequestState {
    /// The name the API uses.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Merged => "MERGED",
            Self::Declined => "DECLINED",
            Self::Superseded => "SUPERSEDED",
        }
    }

    /// The state of this name, in any case.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Merged, Self::Declined, Self::Superseded]
            .into_iter()
            .find(|state| state.name().eq_ignore_ascii_case(text))
    }
}

/// Something a pull request can lose for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingRef {
    /// The account of the author was deleted.
    Author,
    /// The source's commit cannot be told any more.
    SourceCommit,
    /// The fork was deleted.
    SourceRepository,
    /// The destination's commit cannot be told any more.
    DestinationCommit,
}

/// The source or the destination of a pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Side {
    /// The repository's uuid; absent when it was deleted.
    pub(crate) repository: Option<String>,
    pub(crate) branch: String,
    /// The full hash that was seen last.
    pub(crate) commit: Option<String>,
    /// The commit stays as it is, whatever the branch does.
    pub(crate) frozen: bool,
}

/// What somebody did about a pull request.
#[derive(Clone, Debug)]
pub(crate) struct Participant {
    /// The account's uuid.
    pub(crate) user: String,
    pub(crate) verdict: Option<Verdict>,
    /// Absent for a reviewer who has not said anything yet.
    pub(crate) participated_on: Option<String>,
}

/// What a reviewer thinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Approved,
    ChangesRequested,
}

/// Where in the diff a comment stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Inline {
    pub(crate) path: String,
    pub(crate) from: Option<u64>,
    pub(crate) to: Option<u64>,
}

/// A comment of a pull request.
#[derive(Clone, Debug)]
pub(crate) struct Comment {
    pub(crate) id: u64,
    /// The account's uuid.
    pub(crate) user: String,
    pub(crate) text: String,
    pub(crate) inline: Option<Inline>,
    pub(crate) parent: Option<u64>,
    pub(crate) deleted: bool,
    /// Who resolved the thread, and when.
    pub(crate) resolution: Option<(String, String)>,
    pub(crate) created_on: String,
    pub(crate) updated_on: String,
}

/// A pull request. Accounts are kept by uuid, so that they can be renamed.
#[derive(Clone, Debug)]
pub(crate) struct PullRequest {
    pub(crate) id: u64,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) state: PullRequestState,
    pub(crate) draft: bool,
    pub(crate) author: Option<String>,
    pub(crate) source: Side,
    pub(crate) destination: Side,
    pub(crate) close_source_branch: bool,
    pub(crate) reviewers: Vec<String>,
    pub(crate) participants: Vec<Participant>,
    pub(crate) comments: Vec<Comment>,
    pub(crate) merge_commit: Option<String>,
    pub(crate) closed_by: Option<String>,
    pub(crate) reason: String,
    pub(crate) created_on: String,
    pub(crate) updated_on: String,
}

impl PullRequest {
    /// The record of what an account did; made if there is none.
    pub(crate) fn participant(&mut self, user: &str) -> &mut Participant {
        let position = self
            .participants
            .iter()
            .position(|participant| participant.user == user)
            .unwrap_or_else(|| {
                self.participants.push(Participant {
                    user: user.to_owned(),
                    verdict: None,
                    participated_on: None,
                });
                self.participants.len() - 1
            });
        &mut self.participants[position]
    }

    /// Ends the pull request.
    pub(crate) fn close(&mut self, state: PullRequestState, by: Option<&User>, now: String) {
        self.state = state;
        self.closed_by = by.map(|user| user.uuid.clone());
        self.source.frozen = true;
        self.destination.frozen = true;
        self.updated_on = now;
    }

    /// The comments that still stand.
    pub(crate) fn living_comments(&self) -> usize {
        self.comments
            .iter()
            .filter(|comment| !comment.deleted)
            .count()
    }
}

/// How commits get from the source to the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// A merge commit, also where the destination has nothing of its own.
    MergeCommit,
    /// One commit with everything, after those of the destination.
    Squash,
    /// The source's commits themselves; the destination may have none of its own.
    FastForward,
    /// One commit with everything; the destination may have none of its own.
    SquashFastForward,
    /// The source's commits, made anew after those of the destination.
    RebaseFastForward,
    /// The same, and a merge commit after them.
    RebaseMerge,
}

impl Strategy {
    /// The service's names, the default first.
    pub(crate) const NAMES: [&str; 6] = [
        "merge_commit",
        "squash",
        "fast_forward",
        "squash_fast_forward",
        "rebase_fast_forward",
        "rebase_merge",
    ];

    /// The strategy of this name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "merge_commit" => Some(Self::MergeCommit),
            "squash" => Some(Self::Squash),
            "fast_forward" => Some(Self::FastForward),
            "squash_fast_forward" => Some(Self::SquashFastForward),
            "rebase_fast_forward" => Some(Self::RebaseFastForward),
            "rebase_merge" => Some(Self::RebaseMerge),
            _ => None,
        }
    }
}

/// What a caller asks of a merge.
#[derive(Clone, Debug)]
pub(crate) struct MergeRequest {
    pub(crate) strategy: Strategy,
    pub(crate) message: Option<String>,
    pub(crate) close_source_branch: Option<bool>,
}

/// Where both sides stood when the merge was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heads {
    pub(crate) source: Option<String>,
    pub(crate) destination: Option<String>,
}

impl Heads {
    /// Where both sides of a pull request stand.
    pub(crate) fn of(pull_request: &PullRequest) -> Self {
        Self {
            source: pull_request.source.commit.clone(),
            destination: pull_request.destination.commit.clone(),
        }
    }
}

/// A merge that goes on after its request got its response.
#[derive(Clone, Debug)]
pub(crate) struct MergeTask {
    pub(crate) id: String,
    /// The uuid of the repository.
    pub(crate) repository: String,
    pub(crate) pull_request: u64,
    pub(crate) request: MergeRequest,
    pub(crate) expected: Heads,
    /// The account that asked.
    pub(crate) user: Arc<User>,
    /// When it is carried out, on the mock's clock.
    pub(crate) due: Duration,
    /// How often it will at least be reported as pending.
    pub(crate) pending: u32,
    /// How it ended: null for success, otherwise status and message.
    pub(crate) result: Option<Result<(), (u16, String)>>,
}
