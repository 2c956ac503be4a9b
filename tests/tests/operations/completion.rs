//! Completing events.

use super::repo;
use integration_tests::bitbucket::{Bitbucket, REPO, context};
use vcs_provider_interface::prelude::*;

fn push(bitbucket: &Bitbucket, name: &str, old: Option<&str>, new: &str) -> Event {
    let event = Event {
        kind: EventKind::REF_UPDATED,
        key: "repo:push".to_owned(),
        repo: Some(EventRepository {
            fullname: repo(),
            ..Default::default()
        }),
        change: Some(RefChange {
            name: name.to_owned(),
            old_hash: old.map(str::to_owned),
            new_hash: Some(new.to_owned()),
            truncated: Some(true),
            ..Default::default()
        }),
        ..Default::default()
    };
    bitbucket
        .client()
        .complete_event(
            &context(),
            CompleteEventRequest {
                event,
                ..Default::default()
            },
        )
        .unwrap()
}

fn hashes(event: &Event) -> Vec<String> {
    let change = event.change.as_ref().expect("a change");
    assert_eq!(change.truncated, Some(false));
    change
        .commits
        .iter()
        .map(|commit| commit.id.clone())
        .collect()
}

/// Situation `truncated-push`.
#[test]
fn the_rest_of_a_truncated_push_is_fetched() {
    let bitbucket = Bitbucket::small();
    let old = bitbucket.git.hash("main");
    for number in 0..8 {
        bitbucket.git.commit_all(&format!("c{number}"));
    }
    let new = bitbucket.git.hash("main");
    let event = push(&bitbucket, "main", Some(&old), &new);
    assert_eq!(hashes(&event), bitbucket.git.log(&format!("{old}..{new}")));
}

/// Situation `truncated-push`.
#[test]
fn a_lost_old_commit_is_dropped_and_the_push_was_forced() {
    let bitbucket = Bitbucket::small();
    let new = bitbucket.git.hash("feature/one");
    let event = push(&bitbucket, "feature/one", Some(&"de".repeat(20)), &new);
    assert_eq!(hashes(&event), bitbucket.git.log("main..feature/one"));
    assert_eq!(event.change.expect("a change").forced, Some(true));
}

/// Situation `short-hashes`.
#[test]
fn the_hashes_of_a_pull_request_event_are_expanded() {
    let bitbucket = Bitbucket::small();
    let head = bitbucket.git.hash("feature/one");
    let id = bitbucket
        .mock
        .open_pull_request(REPO, "Add one", "feature/one", "main")
        .unwrap();
    let mut pull_request = bitbucket
        .client()
        .pull_request(
            &context(),
            PullRequestRequest {
                repo: repo(),
                id,
                ..Default::default()
            },
        )
        .unwrap();
    pull_request.head.branch.latest_commit.truncate(12);
    let event = Event {
        kind: EventKind::PULL_REQUEST_CREATED,
        key: "pullrequest:created".to_owned(),
        repo: Some(EventRepository {
            fullname: repo(),
            ..Default::default()
        }),
        pull_request: Some(pull_request),
        ..Default::default()
    };
    let request = CompleteEventRequest {
        event,
        ..Default::default()
    };
    let complete = bitbucket
        .client()
        .complete_event(&context(), request)
        .unwrap();
    assert_eq!(
        complete.pull_request.unwrap().head.branch.latest_commit,
        head
    );
}

/// Situation `updated-without-commit`.
#[test]
fn the_activity_says_whether_an_update_changed_the_commit() {
    let bitbucket = Bitbucket::small();
    let client = bitbucket.client();
    let id = bitbucket
        .mock
        .open_pull_request(REPO, "Add one", "feature/one", "main")
        .unwrap();
    let update = |title: &str| {
        let request = UpdatePullRequestRequest {
            repo: repo(),
            id,
            title: Some(title.to_owned()),
            ..Default::default()
        };
        let updated = client.pull_request_update(&context(), request).unwrap();
        let event = Event {
            kind: EventKind::PULL_REQUEST_UPDATED,
            key: "pullrequest:updated".to_owned(),
            repo: Some(EventRepository {
                fullname: repo(),
                ..Default::default()
            }),
            date: updated.updated,
            pull_request: Some(updated),
            ..Default::default()
        };
        let request = CompleteEventRequest {
            event,
            ..Default::default()
        };
        client
            .complete_event(&context(), request)
            .unwrap()
            .commit_changed
    };
    bitbucket.mock.advance(std::time::Duration::from_secs(1));
    assert_eq!(update("Add number one"), Some(false));
    bitbucket.mock.advance(std::time::Duration::from_secs(1));
    bitbucket.git.git(&["switch", "--quiet", "feature/one"]);
    bitbucket.git.commit_all("More");
    assert_eq!(update("Add one and more"), Some(true));
}
