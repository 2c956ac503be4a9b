//! Pull requests and their comments.

use super::repo;
use integration_tests::bitbucket::{Bitbucket, REPO, context};
use mock_bitbucket::{Behaviour, CommitLinks, FaultPlan, MissingRef};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect;

fn one(id: u64) -> PullRequestRequest {
    PullRequestRequest {
        repo: repo(),
        id,
        ..Default::default()
    }
}

fn opened(bitbucket: &Bitbucket, title: &str) -> u64 {
    bitbucket
        .mock
        .open_pull_request(REPO, title, "feature/one", "main")
        .expect("a pull request")
}

fn creation() -> CreatePullRequestRequest {
    CreatePullRequestRequest {
        repo: repo(),
        title: "One more".to_owned(),
        description: Some("Why: because.".to_owned()),
        source_branch: "feature/one".to_owned(),
        ..CreatePullRequestRequest::default()
    }
}

fn faults(bitbucket: &Bitbucket, plan: &str) {
    for rule in FaultPlan::from_json(plan).expect("a plan").rules {
        bitbucket.mock.add_fault(rule);
    }
}

#[test]
fn e10_a_pull_request_has_full_hashes() {
    let bitbucket = Bitbucket::small();
    let id = opened(&bitbucket, "Add one");
    let found = bitbucket
        .client()
        .pull_request(&context(), one(id))
        .unwrap();
    assert_eq!(
        found.head.branch.latest_commit,
        bitbucket.git.hash("feature/one")
    );
    assert_eq!(found.base.branch.latest_commit, bitbucket.git.hash("main"));
    assert_eq!(found.head.branch.id, "refs/heads/feature/one");
    assert_eq!(found.head.repo.as_deref(), Some(REPO));
    assert!(
        found
            .extra
            .contains(&("fork".to_owned(), "false".to_owned()))
    );
    assert_eq!(
        (found.state, found.closed, found.merged),
        (PullRequestState::OPEN, false, false)
    );
}

#[test]
fn e11_a_pull_request_that_lost_everything_is_kept() {
    let bitbucket = Bitbucket::small();
    let id = opened(&bitbucket, "Old");
    for loss in [
        MissingRef::Author,
        MissingRef::SourceCommit,
        MissingRef::DestinationCommit,
        MissingRef::SourceRepository,
    ] {
        bitbucket.mock.make_missing(REPO, id, loss).unwrap();
    }
    let found = bitbucket
        .client()
        .pull_request(&context(), one(id))
        .unwrap();
    assert_eq!((found.user, found.head.repo), (None, None));
    assert_eq!(found.head.branch.latest_commit, "");
    let request = PullRequestsRequest {
        repo: repo(),
        ..Default::default()
    };
    let all = collect(|sink| bitbucket.client().pull_requests(&context(), request, sink)).unwrap();
    assert_eq!(all.len(), 1);
}

#[test]
fn e33_a_list_asks_for_each_state_and_filters_by_branch() {
    let bitbucket = Bitbucket::small();
    let client = bitbucket.client();
    for _ in 0..3 {
        opened(&bitbucket, "Again");
    }
    client.pull_request_decline(&context(), one(1)).unwrap();
    let ids = |states: Vec<PullRequestState>, source: Option<&str>| {
        let request = PullRequestsRequest {
            repo: repo(),
            states,
            source_branch: source.map(str::to_owned),
            ..Default::default()
        };
        let found = collect(|sink| client.pull_requests(&context(), request, sink)).unwrap();
        let mut ids: Vec<u64> = found.iter().map(|found| found.id).collect();
        ids.sort_unstable();
        ids
    };
    let (open, declined) = (PullRequestState::OPEN, PullRequestState::DECLINED);
    assert_eq!(ids(vec![], None), [1, 2, 3]);
    assert_eq!(ids(vec![open], None), [2, 3]);
    assert_eq!(ids(vec![declined, PullRequestState::MERGED], None), [1]);
    assert_eq!(ids(vec![declined], Some("feature/one")), [1]);
    assert_eq!(ids(vec![], Some("other")), [0u64; 0]);
}

#[test]
fn a_pull_request_is_created_once_and_a_second_one_is_refused() {
    let bitbucket = Bitbucket::small();
    let client = bitbucket.client();
    let created = client.pull_request_create(&context(), creation()).unwrap();
    assert_eq!(created.title, "One more");
    assert_eq!(created.base.branch.display_id, "main");
    assert_eq!(
        created.head.branch.latest_commit,
        bitbucket.git.hash("feature/one")
    );

    let mut second = creation();
    second.title = "Would overwrite".to_owned();
    let refused = client.pull_request_create(&context(), second).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::ALREADY_EXISTS);
    assert!(
        refused
            .extra
            .contains(&("pull_request".to_owned(), created.id.to_string()))
    );
    let kept = client.pull_request(&context(), one(created.id)).unwrap();
    assert_eq!(kept.title, "One more");
}

#[test]
fn e37_a_creation_whose_answer_was_lost_is_looked_for() {
    let bitbucket = Bitbucket::small();
    faults(
        &bitbucket,
        r#"{"rules":[{"method":"POST","path":"*/pullrequests","times":1,"then":{"reset":true}}]}"#,
    );
    let created = bitbucket
        .client()
        .pull_request_create(&context(), creation())
        .unwrap();
    assert_eq!(created.id, 1);
    let sent = bitbucket.api_requests();
    let posts = sent
        .iter()
        .filter(|request| request.starts_with("POST"))
        .count();
    assert_eq!(posts, 1, "{sent:#?}");
}

#[test]
fn e43_a_change_keeps_the_reviewers() {
    let bitbucket = Bitbucket::small();
    let client = bitbucket.client();
    bitbucket.mock.add_user("Rita", "rita@example.com");
    let rita = bitbucket
        .mock
        .user_uuid("rita@example.com")
        .expect("an account");
    let mut creation = creation();
    creation.reviewers = vec![rita];
    let created = client.pull_request_create(&context(), creation).unwrap();
    assert_eq!(created.reviewers.len(), 1);
    let change = UpdatePullRequestRequest {
        repo: repo(),
        id: created.id,
        description: Some("New words".to_owned()),
        ..Default::default()
    };
    let changed = client.pull_request_update(&context(), change).unwrap();
    assert_eq!(changed.description, "New words");
    assert_eq!(changed.title, created.title);
    assert_eq!(changed.reviewers, created.reviewers);
}

#[test]
fn a_merge_is_waited_for_and_done_twice_is_a_success() {
    let bitbucket = Bitbucket::small();
    bitbucket.mock.set_behaviour(Behaviour {
        merge_polls: 3,
        ..Behaviour::default()
    });
    let id = opened(&bitbucket, "Add one");
    let request = MergePullRequestRequest {
        repo: repo(),
        id,
        message: Some("Merge one".to_owned()),
        expected_head: Some(bitbucket.git.hash("feature/one")),
        ..Default::default()
    };
    let merged = bitbucket
        .client()
        .pull_request_merge(&context(), request.clone())
        .unwrap();
    assert!(merged.merged && merged.closed);
    assert_eq!(
        merged.merge_commit.as_deref(),
        Some(bitbucket.git.hash("main").as_str())
    );
    let again = bitbucket
        .client()
        .pull_request_merge(&context(), request)
        .unwrap();
    assert_eq!(again.merge_commit, merged.merge_commit);
}

/// The response to the merge is lost on its way; the merge itself takes so long.
fn a_lost_merge(takes: Duration) -> (Bitbucket, MergePullRequestRequest) {
    let bitbucket = Bitbucket::small();
    bitbucket.mock.set_behaviour(Behaviour {
        merge_duration: takes,
        merge_polls: 0,
        ..Behaviour::default()
    });
    let id = opened(&bitbucket, "Add one");
    faults(
        &bitbucket,
        r#"{"rules":[{"method":"POST","path":"*/merge*","times":1,
            "then":{"status":502,"perform":true}}]}"#,
    );
    let request = MergePullRequestRequest {
        repo: repo(),
        id,
        ..Default::default()
    };
    (bitbucket, request)
}

fn merges_sent(bitbucket: &Bitbucket) -> usize {
    let sent = bitbucket.api_requests();
    let posts = sent.iter().filter(|request| request.starts_with("POST"));
    posts.count()
}

#[test]
fn e37_a_merge_whose_answer_was_lost_is_looked_for_and_not_repeated() {
    let (bitbucket, request) = a_lost_merge(Duration::ZERO);
    let merged = bitbucket
        .client()
        .pull_request_merge(&context(), request)
        .unwrap();
    assert!(merged.merged, "it has happened");
    assert_eq!(merges_sent(&bitbucket), 1);
}

#[test]
fn a_lost_merge_that_is_not_done_yet_is_no_success_and_goes_on_by_itself() {
    let (bitbucket, request) = a_lost_merge(Duration::from_secs(3600));
    let before = bitbucket.git.hash("main");
    let lost = bitbucket
        .client()
        .pull_request_merge(&context(), request.clone())
        .unwrap_err();
    assert_eq!(lost.kind, ErrorKind::UNAVAILABLE);
    assert_eq!(merges_sent(&bitbucket), 1, "never two merges");
    assert_eq!(bitbucket.git.hash("main"), before);
    bitbucket.mock.advance(Duration::from_secs(3601));
    let end = Instant::now() + Duration::from_secs(20);
    while bitbucket.git.hash("main") == before {
        assert!(Instant::now() < end, "the merge goes on without the client");
        std::thread::yield_now();
    }
    let merged = bitbucket
        .client()
        .pull_request_merge(&context(), request)
        .unwrap();
    assert!(merged.merged);
}

#[test]
fn a_merge_of_branches_that_conflict_is_a_conflict() {
    let bitbucket = Bitbucket::small();
    bitbucket.git.write("src/one.rs", "another one\n");
    bitbucket.git.commit_all("Conflict");
    let id = opened(&bitbucket, "Add one");
    let request = MergePullRequestRequest {
        repo: repo(),
        id,
        ..Default::default()
    };
    let refused = bitbucket
        .client()
        .pull_request_merge(&context(), request)
        .unwrap_err();
    assert_eq!(refused.kind, ErrorKind::CONFLICT, "{refused}");
}

#[test]
fn a_merge_of_another_head_is_a_conflict_and_nothing_is_merged() {
    let bitbucket = Bitbucket::small();
    let id = opened(&bitbucket, "Add one");
    let request = MergePullRequestRequest {
        repo: repo(),
        id,
        expected_head: Some(bitbucket.git.hash("main")),
        ..Default::default()
    };
    let refused = bitbucket
        .client()
        .pull_request_merge(&context(), request)
        .unwrap_err();
    assert_eq!(refused.kind, ErrorKind::CONFLICT);
    let now = bitbucket
        .client()
        .pull_request(&context(), one(id))
        .unwrap();
    assert!(!now.merged);
}

#[test]
fn declining_twice_is_a_success_and_declining_what_is_merged_a_conflict() {
    let bitbucket = Bitbucket::small();
    let client = bitbucket.client();
    let id = opened(&bitbucket, "Not this");
    let declined = client.pull_request_decline(&context(), one(id)).unwrap();
    assert_eq!(declined.state, PullRequestState::DECLINED);
    let again = client.pull_request_decline(&context(), one(id)).unwrap();
    assert_eq!(again.state, PullRequestState::DECLINED);

    let id = opened(&bitbucket, "This");
    let merge = MergePullRequestRequest {
        repo: repo(),
        id,
        ..Default::default()
    };
    client.pull_request_merge(&context(), merge).unwrap();
    let refused = client
        .pull_request_decline(&context(), one(id))
        .unwrap_err();
    assert_eq!(refused.kind, ErrorKind::CONFLICT);
}

#[test]
fn approving_and_taking_it_back_can_be_repeated() {
    let bitbucket = Bitbucket::small();
    let client = bitbucket.client();
    let id = opened(&bitbucket, "Good");
    for _ in 0..2 {
        client.pull_request_approve(&context(), one(id)).unwrap();
    }
    for _ in 0..2 {
        client.pull_request_unapprove(&context(), one(id)).unwrap();
    }
    let missing = client
        .pull_request_unapprove(&context(), one(99))
        .unwrap_err();
    assert_eq!(missing.kind, ErrorKind::NOT_FOUND);
    let missing = client
        .pull_request_approve(&context(), one(99))
        .unwrap_err();
    assert_eq!(missing.kind, ErrorKind::NOT_FOUND);
}

#[test]
fn the_pull_requests_of_a_commit_are_found_with_and_without_the_app() {
    let bitbucket = Bitbucket::small();
    let id = opened(&bitbucket, "Add one");
    for commit_links in [
        CommitLinks::Installed,
        CommitLinks::Missing,
        CommitLinks::Indexing,
    ] {
        bitbucket.mock.set_behaviour(Behaviour {
            commit_links,
            ..Behaviour::default()
        });
        let search = |commit: String, states: Vec<PullRequestState>| {
            let request = SearchPullRequestRequest {
                repo: repo(),
                commit,
                states,
                ..Default::default()
            };
            let client = bitbucket.client();
            let found =
                collect(|sink| client.search_pull_request(&context(), request, sink)).unwrap();
            found.into_iter().map(|found| found.id).collect::<Vec<_>>()
        };
        let head = bitbucket.git.hash("feature/one");
        assert_eq!(search(head.clone(), vec![]), [id], "{commit_links:?}");
        assert_eq!(search(head.clone(), vec![PullRequestState::OPEN]), [id]);
        assert_eq!(search(head, vec![PullRequestState::MERGED]), [0u64; 0]);
        assert_eq!(search(bitbucket.git.hash("light"), vec![]), [0u64; 0]);
    }
}

#[test]
fn a_commit_in_the_middle_of_a_pull_request_finds_it_without_the_app_too() {
    let bitbucket = Bitbucket::small();
    let middle = bitbucket.git.hash("feature/one");
    bitbucket.git.write("src/two.rs", "// Two\n");
    bitbucket.git.commit_all("Two");
    let id = opened(&bitbucket, "Two commits");
    let search = |commit: &str| {
        let request = SearchPullRequestRequest {
            repo: repo(),
            commit: commit.to_owned(),
            states: vec![PullRequestState::OPEN],
            ..Default::default()
        };
        let client = bitbucket.client();
        let found = collect(|sink| client.search_pull_request(&context(), request, sink)).unwrap();
        found.into_iter().map(|found| found.id).collect::<Vec<_>>()
    };
    for commit_links in [
        CommitLinks::Installed,
        CommitLinks::Missing,
        CommitLinks::Indexing,
    ] {
        bitbucket.mock.set_behaviour(Behaviour {
            commit_links,
            ..Behaviour::default()
        });
        assert_eq!(search(&middle), [id], "{commit_links:?}");
        assert_eq!(search(&bitbucket.git.hash("main")), [0u64; 0]);
    }
}

#[test]
fn pull_requests_older_than_the_commit_are_not_asked_for_their_commits() {
    let bitbucket = Bitbucket::small();
    opened(&bitbucket, "Old");
    bitbucket.git.git(&["switch", "--quiet", "main"]);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let date = format!("--date={} +0000", now.as_secs() + 2 * 24 * 60 * 60);
    bitbucket.git.git(&[
        "commit",
        "--quiet",
        "--allow-empty",
        "--message",
        "Later",
        &date,
    ]);
    bitbucket.mock.set_behaviour(Behaviour {
        commit_links: CommitLinks::Missing,
        ..Behaviour::default()
    });
    let request = SearchPullRequestRequest {
        repo: repo(),
        commit: bitbucket.git.hash("main"),
        states: vec![],
        ..Default::default()
    };
    let client = bitbucket.client();
    let found = collect(|sink| client.search_pull_request(&context(), request, sink)).unwrap();
    assert_eq!(found, []);
    let asked = bitbucket
        .mock
        .requests()
        .iter()
        .filter(|exchange| exchange.path.ends_with("/pullrequests/1/commits"))
        .count();
    assert_eq!(asked, 0);
}

#[test]
fn comments_are_written_listed_changed_and_deleted() {
    let bitbucket = Bitbucket::small();
    let client = bitbucket.client();
    let id = opened(&bitbucket, "Talk");
    let create = |text: &str, position: Option<CommentPosition>, parent: Option<String>| {
        let request = CreateCommentRequest {
            repo: repo(),
            pull_request: id,
            text: text.to_owned(),
            position,
            parent,
            ..Default::default()
        };
        client
            .pull_request_comment_create(&context(), request)
            .unwrap()
    };
    let first = create("First", None, None);
    let place = CommentPosition {
        path: "src/one.rs".to_owned(),
        from: None,
        to: Some(2),
        ..Default::default()
    };
    let inline = create("Here", Some(place.clone()), None);
    assert_eq!(inline.position, Some(place));
    let reply = create("Yes", None, Some(first.id.clone()));
    assert_eq!(reply.parent, Some(first.id.clone()));
    let long = create(&"ü".repeat(40_000), None, None);
    assert!(long.text.chars().count() < 32_768);

    let change = UpdateCommentRequest {
        repo: repo(),
        pull_request: id,
        id: first.id.clone(),
        text: "Changed".to_owned(),
        ..Default::default()
    };
    assert_eq!(
        client
            .pull_request_comment_update(&context(), change)
            .unwrap()
            .text,
        "Changed"
    );
    for _ in 0..2 {
        let deletion = DeleteCommentRequest {
            repo: repo(),
            pull_request: id,
            id: inline.id.clone(),
            ..Default::default()
        };
        client
            .pull_request_comment_delete(&context(), deletion)
            .unwrap();
    }
    let request = CommentsRequest {
        repo: repo(),
        pull_request: id,
        limit: None,
        ..Default::default()
    };
    let listed = collect(|sink| client.pull_request_comments(&context(), request, sink)).unwrap();
    let left: Vec<String> = listed
        .iter()
        .filter(|comment| !comment.deleted)
        .map(|comment| comment.id.clone())
        .collect();
    assert_eq!(left, [first.id, reply.id, long.id]);
}
