//! Changing pull requests and commenting on them.

use crate::support::{pull_request, pull_requests, quick_small, repo, rule_for, sent};
use integration_tests::bitbucket::{REPO, context};
use mock_bitbucket::Fault;
use vcs_provider_interface::prelude::*;

fn creation() -> CreatePullRequestRequest {
    CreatePullRequestRequest {
        repo: repo(),
        title: "One".to_owned(),
        source_branch: "feature/one".to_owned(),
        destination_branch: Some("main".to_owned()),
        ..CreatePullRequestRequest::default()
    }
}

/// Situation `lost-create`.
#[test]
fn a_pull_request_whose_creation_is_lost_is_found() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    bitbucket.mock.add_fault(rule_for(
        "POST",
        "*/pullrequests",
        Fault {
            reset: true,
            ..Fault::default()
        },
    ));
    let made = client
        .pull_request_create(&context(), creation())
        .expect("it is there");
    assert_eq!(made.title, "One");
    assert_eq!(sent(&bitbucket, "POST", "/pullrequests").len(), 1);
    assert_eq!(pull_requests(&*client, &[]).expect("a list").len(), 1);
}

/// Situation `lost-create`.
#[test]
fn a_comment_whose_creation_is_lost_is_not_made_twice() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    let id = bitbucket
        .mock
        .open_pull_request(REPO, "One", "feature/one", "main")
        .expect("a pull request");
    bitbucket.mock.add_fault(rule_for(
        "POST",
        "*/comments",
        Fault {
            reset: true,
            ..Fault::default()
        },
    ));
    let request = CreateCommentRequest {
        repo: repo(),
        pull_request: id,
        text: "Once".to_owned(),
        ..CreateCommentRequest::default()
    };
    let result = client.pull_request_comment_create(&context(), request);
    if let Err(error) = result {
        assert_eq!(error.kind, ErrorKind::UNAVAILABLE);
        assert!(!error.retryable, "nobody may repeat it blindly: {error}");
    }
    assert_eq!(sent(&bitbucket, "POST", "/comments").len(), 1);
}

/// Situation `lost-create`.
#[test]
fn a_second_creation_leaves_the_open_pull_request_as_it_is() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    let first = client
        .pull_request_create(&context(), creation())
        .expect("a pull request");
    let second = CreatePullRequestRequest {
        title: "Two".to_owned(),
        ..creation()
    };
    let error = client
        .pull_request_create(&context(), second)
        .expect_err("one is open");
    assert_eq!(error.kind, ErrorKind::ALREADY_EXISTS);
    let kept = pull_request(&*client, first.id).expect("a pull request");
    assert_eq!(kept.title, "One");
}

/// Situation `reviewers`.
#[test]
fn an_update_keeps_the_reviewers() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    bitbucket
        .mock
        .add_user("Robin Reviewer", "robin@example.com");
    let reviewer = bitbucket
        .mock
        .user_uuid("robin@example.com")
        .expect("an account");
    let request = CreatePullRequestRequest {
        reviewers: vec![reviewer],
        ..creation()
    };
    let made = client
        .pull_request_create(&context(), request)
        .expect("a pull request");
    assert_eq!(made.reviewers.len(), 1);
    let request = UpdatePullRequestRequest {
        repo: repo(),
        id: made.id,
        title: Some("Another title".to_owned()),
        ..UpdatePullRequestRequest::default()
    };
    client
        .pull_request_update(&context(), request)
        .expect("a pull request");
    let kept = pull_request(&*client, made.id).expect("a pull request");
    assert_eq!(kept.title, "Another title");
    assert_eq!(kept.reviewers.len(), 1);
    assert_eq!(kept.reviewers[0].display_name, "Robin Reviewer");

    let request = UpdatePullRequestRequest {
        repo: repo(),
        id: made.id,
        reviewers: Some(Vec::new()),
        ..UpdatePullRequestRequest::default()
    };
    client
        .pull_request_update(&context(), request)
        .expect("a pull request");
    let cleared = pull_request(&*client, made.id).expect("a pull request");
    assert_eq!(cleared.reviewers, []);
    assert_eq!(cleared.title, "Another title");
}

/// Situation `long-comment`.
#[test]
fn a_long_comment_is_cut_at_a_character_with_a_note() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    let id = bitbucket
        .mock
        .open_pull_request(REPO, "One", "feature/one", "main")
        .expect("a pull request");
    for (text, is_cut) in [
        ("ß".repeat(40_000), true),
        ("日本🎉".repeat(20_000), true),
        ("a".repeat(32_000), false),
    ] {
        let request = CreateCommentRequest {
            repo: repo(),
            pull_request: id,
            text: text.clone(),
            ..CreateCommentRequest::default()
        };
        let made = client
            .pull_request_comment_create(&context(), request)
            .expect("a comment");
        assert!(made.text.chars().count() < 32_768);
        assert_eq!(made.text != text, is_cut);
        if is_cut {
            let note = made.text.trim_start_matches(['ß', '日', '本', '🎉']);
            assert!(note.contains("cut"), "{note}");
        }
    }
}
