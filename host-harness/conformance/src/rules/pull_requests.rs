//! Rules about pull requests and their comments. A declined or merged pull
//! request cannot be deleted and stays in the writable repository; what is
//! merged into is a branch of the rule's own.

use super::super::context::{CleanUp, TestContext};
use super::super::rule::Rule;
use super::super::verdict::{Expect, Failure, Verdict, ensure};
use super::refs::made_branch;
use vcs_provider_interface::error::{ErrorKind, Result};
use vcs_provider_interface::records::*;
use vcs_provider_interface::sink::collect;

const NEEDS: &[&str] = &[
    "pull_request_create",
    "pull_request_decline",
    "pull_request",
    "create_branch",
    "delete_branch",
    "commits",
];

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "pull-request.create-existing",
        title: "a second pull request of the same branches answers AlreadyExists",
        asserts: "The open one keeps its title; no second one is made.",
        needs: NEEDS,
        check: existing_pull_request_stays,
    },
    Rule {
        id: "pull-request.life",
        title: "a pull request is found, listed, changed and declined",
        asserts: "The new one is open and listed among the open ones; a new title leaves the text \
                  as it was; declined, it is closed, not merged, listed among the declined ones \
                  and no longer among the open ones.",
        needs: &[
            "pull_request_create",
            "pull_request_decline",
            "pull_request_update",
            "pull_request",
            "pull_requests",
            "create_branch",
            "delete_branch",
            "commits",
        ],
        check: pull_request_lives,
    },
    Rule {
        id: "pull-request.merge",
        title: "a pull request is merged, but not if its source moved",
        asserts: "With another commit expected than its source has, it answers Conflict and stays \
                  open. Merged, it is closed and merged, and the destination stands at the merge \
                  commit that it names.",
        needs: &[
            "pull_request_create",
            "pull_request_merge",
            "pull_request_decline",
            "pull_request",
            "branch",
            "create_branch",
            "delete_branch",
            "commits",
        ],
        check: pull_request_is_merged,
    },
    Rule {
        id: "pull-request.found-by-commit",
        title: "a pull request is found by its commit",
        asserts: "search_pull_request with the newest commit of an open pull request finds it \
                  among the open ones and not among the merged ones.",
        needs: &[
            "search_pull_request",
            "pull_request_create",
            "pull_request_decline",
            "create_branch",
            "delete_branch",
            "commits",
        ],
        check: pull_request_is_found_by_commit,
    },
    Rule {
        id: "pull-request.approve-twice",
        title: "approving twice succeeds, and so does taking the approval back twice",
        asserts: "Each of the four calls succeeds.",
        needs: &[
            "pull_request_create",
            "pull_request_decline",
            "pull_request_approve",
            "pull_request_unapprove",
            "pull_request",
            "create_branch",
            "delete_branch",
            "commits",
        ],
        check: approval_is_idempotent,
    },
    Rule {
        id: "comment.delete-twice",
        title: "a comment is written, changed and deleted twice",
        asserts: "It is listed with its text, then with its new text, then no longer or as \
                  deleted; the second deletion succeeds.",
        needs: &[
            "pull_request_create",
            "pull_request_decline",
            "pull_request_comment_create",
            "pull_request_comment_update",
            "pull_request_comment_delete",
            "pull_request_comments",
            "pull_request",
            "create_branch",
            "delete_branch",
            "commits",
        ],
        check: comment_is_deleted_twice,
    },
];

/// A pull request from a new branch at the newest commit into a new branch at
/// an older one.
struct Opened {
    wish: CreatePullRequestRequest,
    made: PullRequest,
    /// The commit of its source.
    head: String,
    /// The commit of its destination.
    base: String,
}

impl Opened {
    fn repo(&self) -> String {
        self.wish.repo.clone()
    }

    fn request(&self) -> PullRequestRequest {
        PullRequestRequest {
            repo: self.repo(),
            id: self.made.id,
            ..Default::default()
        }
    }
}

fn open<'a>(
    test: &'a TestContext<'_>,
    clean_up: &mut CleanUp<'a>,
    what: &str,
) -> std::result::Result<Opened, Failure> {
    let repo = test.writable()?;
    let commits = collect(|sink| {
        let request = CommitsRequest {
            repo: repo.clone(),
            limit: Some(5),
            ..Default::default()
        };
        test.client.commits(&test.context(), request, sink)
    })
    .or_skip("the commits of the writable repository")?;
    let (Some(head), Some(base)) = (
        commits.first(),
        commits.first().and_then(|head| head.parents.first()),
    ) else {
        return Err(Failure::skipped(
            "the writable repository has fewer than two commits",
        ));
    };
    let source = test.unique(&format!("{what}-source"));
    let destination = test.unique(&format!("{what}-destination"));
    made_branch(test, clean_up, &repo, &source, &head.id)?;
    made_branch(test, clean_up, &repo, &destination, base)?;
    let wish = CreatePullRequestRequest {
        repo: repo.clone(),
        title: format!("conformance: {what}"),
        description: Some("opened by the conformance kit".to_owned()),
        source_branch: source,
        destination_branch: Some(destination),
        ..Default::default()
    };
    let made = test
        .client
        .pull_request_create(&test.context(), wish.clone())
        .works("pull_request_create")?;
    let request = PullRequestRequest {
        repo,
        id: made.id,
        ..Default::default()
    };
    clean_up.later(move || {
        let _ = test.client.pull_request_decline(&test.context(), request);
    });
    Ok(Opened {
        wish,
        made,
        head: head.id.clone(),
        base: base.clone(),
    })
}

fn listed(test: &TestContext<'_>, opened: &Opened, state: PullRequestState) -> Result<bool> {
    let pull_requests = collect(|sink| {
        let request = PullRequestsRequest {
            repo: opened.repo(),
            states: vec![state],
            source_branch: Some(opened.wish.source_branch.clone()),
            ..Default::default()
        };
        test.client.pull_requests(&test.context(), request, sink)
    })?;
    Ok(pull_requests
        .iter()
        .any(|pull_request| pull_request.id == opened.made.id))
}

/// `pull-request.create-existing`
pub fn existing_pull_request_stays(test: &TestContext<'_>) -> Verdict {
    let mut clean_up = CleanUp::default();
    let opened = open(test, &mut clean_up, "existing")?;
    let again = CreatePullRequestRequest {
        title: "conformance: another title".to_owned(),
        ..opened.wish.clone()
    };
    let second = test.client.pull_request_create(&test.context(), again);
    if let Ok(second) = &second {
        let request = PullRequestRequest {
            repo: opened.repo(),
            id: second.id,
            ..Default::default()
        };
        clean_up.later(move || {
            let _ = test.client.pull_request_decline(&test.context(), request);
        });
    }
    second.fails_with(
        "a second pull request of the same branches",
        &[ErrorKind::ALREADY_EXISTS],
    )?;
    let after = test
        .client
        .pull_request(&test.context(), opened.request())
        .works("the first one after that")?;
    ensure(after.title == opened.wish.title, || {
        format!(
            "the title of the first one changed from {:?} to {:?}",
            opened.wish.title, after.title
        )
    })
}

/// `pull-request.life`
pub fn pull_request_lives(test: &TestContext<'_>) -> Verdict {
    let mut clean_up = CleanUp::default();
    let opened = open(test, &mut clean_up, "life")?;
    let wanted = |what: &str, found: &PullRequest, state: PullRequestState, title: &str| {
        let closed = state != PullRequestState::OPEN;
        ensure(
            found.state == state
                && found.closed == closed
                && !found.merged
                && found.title == title
                && found.description == "opened by the conformance kit"
                && found.head.branch.display_id == opened.wish.source_branch
                && Some(&found.base.branch.display_id) == opened.wish.destination_branch.as_ref(),
            || format!("{what} should be {state} with the title {title:?}: {found:?}"),
        )
    };
    let title = opened.wish.title.as_str();
    wanted("the new one", &opened.made, PullRequestState::OPEN, title)?;
    let found = test
        .client
        .pull_request(&test.context(), opened.request())
        .works("pull_request")?;
    wanted("the one looked up", &found, PullRequestState::OPEN, title)?;
    ensure(
        listed(test, &opened, PullRequestState::OPEN).works("pull_requests that are open")?,
        || "the new one is not listed among the open ones".to_owned(),
    )?;
    let title = "conformance: life, renamed";
    let update = UpdatePullRequestRequest {
        repo: opened.repo(),
        id: opened.made.id,
        title: Some(title.to_owned()),
        ..Default::default()
    };
    let updated = test
        .client
        .pull_request_update(&test.context(), update)
        .works("pull_request_update")?;
    wanted("the renamed one", &updated, PullRequestState::OPEN, title)?;
    let declined = test
        .client
        .pull_request_decline(&test.context(), opened.request())
        .works("pull_request_decline")?;
    wanted(
        "the declined one",
        &declined,
        PullRequestState::DECLINED,
        title,
    )?;
    let open =
        listed(test, &opened, PullRequestState::OPEN).works("pull_requests that are open")?;
    let closed = listed(test, &opened, PullRequestState::DECLINED)
        .works("pull_requests that are declined")?;
    ensure(!open && closed, || {
        format!("declined, it is listed as open: {open}, as declined: {closed}")
    })
}

/// `pull-request.merge`
pub fn pull_request_is_merged(test: &TestContext<'_>) -> Verdict {
    let mut clean_up = CleanUp::default();
    let opened = open(test, &mut clean_up, "merged")?;
    let merge = |expected_head: &str| {
        let request = MergePullRequestRequest {
            repo: opened.repo(),
            id: opened.made.id,
            expected_head: Some(expected_head.to_owned()),
            ..Default::default()
        };
        test.client.pull_request_merge(&test.context(), request)
    };
    let destination = opened.made.base.branch.display_id.clone();
    merge(&opened.base).fails_with(
        "merging with another commit expected than the source has",
        &[ErrorKind::CONFLICT],
    )?;
    merge(&opened.head).works("pull_request_merge")?;
    let after = test
        .client
        .pull_request(&test.context(), opened.request())
        .works("pull_request after the merge")?;
    ensure(
        after.state == PullRequestState::MERGED && after.merged && after.closed,
        || format!("merged, it should be closed and merged: {after:?}"),
    )?;
    let request = BranchRequest {
        repo: opened.repo(),
        name: Some(destination),
        ..Default::default()
    };
    let branch = test
        .client
        .branch(&test.context(), request)
        .works("the destination after the merge")?;
    ensure(
        after.merge_commit.as_ref() == Some(&branch.latest_commit),
        || {
            format!(
                "the merge commit is {:?}, the destination stands at {}",
                after.merge_commit, branch.latest_commit
            )
        },
    )
}

/// `pull-request.found-by-commit`
pub fn pull_request_is_found_by_commit(test: &TestContext<'_>) -> Verdict {
    let mut clean_up = CleanUp::default();
    let opened = open(test, &mut clean_up, "found")?;
    for (state, expected) in [
        (PullRequestState::OPEN, true),
        (PullRequestState::MERGED, false),
    ] {
        let found = collect(|sink| {
            let request = SearchPullRequestRequest {
                repo: opened.repo(),
                commit: opened.head.clone(),
                states: vec![state],
                ..Default::default()
            };
            test.client
                .search_pull_request(&test.context(), request, sink)
        })
        .works("search_pull_request")?;
        let is_found = found.iter().any(|found| found.id == opened.made.id);
        ensure(is_found == expected, || {
            format!("an open pull request, searched among the {state} ones, is found: {is_found}")
        })?;
    }
    Ok(())
}

/// `pull-request.approve-twice`
pub fn approval_is_idempotent(test: &TestContext<'_>) -> Verdict {
    let mut clean_up = CleanUp::default();
    let opened = open(test, &mut clean_up, "approved")?;
    for which in ["the first", "the second"] {
        test.client
            .pull_request_approve(&test.context(), opened.request())
            .works(&format!("{which} approval"))?;
    }
    for which in ["the first", "the second"] {
        test.client
            .pull_request_unapprove(&test.context(), opened.request())
            .works(&format!("{which} time taking it back"))?;
    }
    Ok(())
}

/// `comment.delete-twice`
pub fn comment_is_deleted_twice(test: &TestContext<'_>) -> Verdict {
    let mut clean_up = CleanUp::default();
    let opened = open(test, &mut clean_up, "comment")?;
    let text_of = |id: &str| -> std::result::Result<Option<String>, Failure> {
        let comments = collect(|sink| {
            let request = CommentsRequest {
                repo: opened.repo(),
                pull_request: opened.made.id,
                limit: None,
                ..Default::default()
            };
            test.client
                .pull_request_comments(&test.context(), request, sink)
        })
        .works("pull_request_comments")?;
        Ok(comments
            .into_iter()
            .find(|comment| comment.id == id && !comment.deleted)
            .map(|comment| comment.text))
    };
    let create = CreateCommentRequest {
        repo: opened.repo(),
        pull_request: opened.made.id,
        text: "conformance: **first** & \"second\" – ü".to_owned(),
        ..Default::default()
    };
    let made = test
        .client
        .pull_request_comment_create(&test.context(), create.clone())
        .works("pull_request_comment_create")?;
    let listed = text_of(&made.id)?;
    ensure(listed.as_ref() == Some(&create.text), || {
        format!("written: {:?}, listed: {listed:?}", create.text)
    })?;
    let update = UpdateCommentRequest {
        repo: opened.repo(),
        pull_request: opened.made.id,
        id: made.id.clone(),
        text: "conformance: changed".to_owned(),
        ..Default::default()
    };
    test.client
        .pull_request_comment_update(&test.context(), update.clone())
        .works("pull_request_comment_update")?;
    let listed = text_of(&made.id)?;
    ensure(listed.as_ref() == Some(&update.text), || {
        format!("changed to: {:?}, listed: {listed:?}", update.text)
    })?;
    let delete = DeleteCommentRequest {
        repo: opened.repo(),
        pull_request: opened.made.id,
        id: made.id.clone(),
        ..Default::default()
    };
    test.client
        .pull_request_comment_delete(&test.context(), delete.clone())
        .works("the first deletion")?;
    let listed = text_of(&made.id)?;
    ensure(listed.is_none(), || {
        format!("deleted, still listed: {listed:?}")
    })?;
    test.client
        .pull_request_comment_delete(&test.context(), delete)
        .works("the second deletion")
        .map(drop)
}
