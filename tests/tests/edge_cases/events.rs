//! What deliveries leave out, and what is never delivered.

use crate::support::{
    Clone, add_hook, body_of, deliveries, parse, parse_unsigned, quick_small, repo, rule, status,
};
use integration_tests::bitbucket::{Bitbucket, REPO, context};
use mock_bitbucket::DeliveryOutcome;
use serde_json::json;
use vcs_provider_interface::prelude::*;

fn hooked(events: &[&str]) -> (Bitbucket, Clone) {
    let bitbucket = quick_small();
    add_hook(&bitbucket, events);
    let clone = Clone::of(&bitbucket.mock, REPO);
    (bitbucket, clone)
}

fn only_event(bitbucket: &Bitbucket, key: &str) -> Event {
    let sent = deliveries(bitbucket, key);
    let last = sent.last().expect("a delivery");
    parse(bitbucket, last).expect("events").events.remove(0)
}

fn complete(bitbucket: &Bitbucket, event: Event) -> Event {
    let request = CompleteEventRequest {
        event,
        ..Default::default()
    };
    bitbucket
        .client()
        .complete_event(&context(), request)
        .expect("a complete event")
}

fn poll(bitbucket: &Bitbucket, cursor: Option<String>) -> PolledEvents {
    let request = PollEventsRequest {
        repo: repo(),
        cursor,
        kinds: Vec::new(),
        ..Default::default()
    };
    bitbucket
        .client()
        .poll_events(&context(), request)
        .expect("events")
}

/// Situation `too-large-to-deliver`.
#[test]
fn polling_finds_a_push_that_was_too_large_to_be_delivered() {
    let (bitbucket, clone) = hooked(&["repo:push"]);
    let cursor = poll(&bitbucket, None).cursor;
    let mut arguments = vec!["two".to_owned()];
    clone.git(&["branch", "two"]);
    // Many refs in one push make a body over the limit.
    for number in 0..120 {
        let name = format!("wide/{number}");
        clone.git(&["branch", &name]);
        arguments.push(name);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    clone.push(&arguments);
    let sent = deliveries(&bitbucket, "repo:push");
    assert_eq!(
        sent[0].outcome,
        DeliveryOutcome::TooLarge,
        "{} bytes",
        sent[0].body.len()
    );

    let polled = poll(&bitbucket, Some(cursor));
    let created = polled
        .events
        .iter()
        .filter(|event| event.kind == EventKind::REF_CREATED)
        .count();
    assert_eq!(created, 121);
    let again = poll(&bitbucket, Some(polled.cursor));
    assert_eq!(again.events, [], "each is told once");
}

/// Situation `too-large-to-deliver`.
#[test]
fn a_ref_that_cannot_be_read_is_not_taken_for_one_that_is_gone() {
    let bitbucket = quick_small();
    let cursor = poll(&bitbucket, None).cursor;
    for item in [
        json!({}),
        json!({"name": "main"}),
        json!({"name": 7}),
        json!([]),
    ] {
        bitbucket.mock.clear_faults();
        bitbucket.mock.add_fault(rule(
            "*/refs?*",
            crate::support::replaced([("/values/0", item.clone())]),
        ));
        let request = PollEventsRequest {
            repo: repo(),
            cursor: Some(cursor.clone()),
            kinds: Vec::new(),
            ..Default::default()
        };
        let error = bitbucket
            .client()
            .poll_events(&context(), request)
            .expect_err("a ref that cannot be read");
        assert_eq!(error.kind, ErrorKind::INVALID_RESPONSE, "{item}: {error}");
    }
}

/// Situation `truncated-push`.
#[test]
fn the_rest_of_a_truncated_push_is_fetched() {
    let (bitbucket, clone) = hooked(&["repo:push"]);
    clone.git(&["switch", "--quiet", "feature/one"]);
    for number in 0..8 {
        clone.commit("n.txt", &number.to_string(), &format!("Number {number}"));
    }
    clone.push(&["feature/one"]);
    let event = only_event(&bitbucket, "repo:push");
    let change = event.change.as_ref().expect("a change");
    assert_eq!(change.truncated, Some(true));
    assert_eq!(change.commits.len(), 5);
    let old = change.old_hash.clone().expect("a hash");
    let whole = complete(&bitbucket, event).change.expect("a change");
    let found: Vec<String> = whole.commits.into_iter().map(|commit| commit.id).collect();
    assert_eq!(found, bitbucket.git.log(&format!("{old}..feature/one")));
    assert_eq!(whole.truncated, Some(false));
}

/// Situation `truncated-push`.
#[test]
fn an_old_commit_that_is_lost_is_dropped_and_asked_again() {
    let (bitbucket, clone) = hooked(&["repo:push"]);
    clone.git(&["switch", "--quiet", "feature/one"]);
    for number in 0..8 {
        clone.commit("n.txt", &number.to_string(), &format!("Number {number}"));
    }
    clone.push(&["feature/one"]);
    let mut event = only_event(&bitbucket, "repo:push");
    let change = event.change.as_mut().expect("a change");
    change.old_hash = Some("1234567890123456789012345678901234567890".to_owned());
    let whole = complete(&bitbucket, event).change.expect("a change");
    let newest = whole.commits.first().map(|commit| commit.id.clone());
    assert_eq!(newest, Some(bitbucket.git.hash("feature/one")));
    assert!(whole.commits.len() >= 8, "{}", whole.commits.len());
    assert_eq!(whole.forced, Some(true));
}

/// Situation `updated-without-commit`.
#[test]
fn an_update_says_whether_the_commit_changed() {
    let (bitbucket, clone) = hooked(&["pullrequest:created", "pullrequest:updated"]);
    let client = bitbucket.client();
    let request = CreatePullRequestRequest {
        repo: repo(),
        title: "One".to_owned(),
        source_branch: "feature/one".to_owned(),
        ..CreatePullRequestRequest::default()
    };
    let made = client
        .pull_request_create(&context(), request)
        .expect("a pull request");

    let request = UpdatePullRequestRequest {
        repo: repo(),
        id: made.id,
        title: Some("Another title".to_owned()),
        ..UpdatePullRequestRequest::default()
    };
    client
        .pull_request_update(&context(), request)
        .expect("a pull request");
    let event = complete(&bitbucket, only_event(&bitbucket, "pullrequest:updated"));
    assert_eq!(event.kind, EventKind::PULL_REQUEST_UPDATED);
    assert_eq!(event.commit_changed, Some(false), "only the title changed");

    clone.git(&["switch", "--quiet", "feature/one"]);
    clone.commit("more.txt", "more", "More");
    clone.push(&["feature/one"]);
    let event = complete(&bitbucket, only_event(&bitbucket, "pullrequest:updated"));
    assert_eq!(event.commit_changed, Some(true), "there is a new commit");
}

/// Situation `commit-status-event`.
#[test]
fn a_status_event_carries_a_hash_only() {
    let (bitbucket, _) = hooked(&["repo:commit_status_created", "repo:commit_status_updated"]);
    let commit = bitbucket.git.hash("feature/one");
    for (key, state, kind) in [
        (
            "repo:commit_status_created",
            BuildState::BUILDING,
            EventKind::COMMIT_STATUS_CREATED,
        ),
        (
            "repo:commit_status_updated",
            BuildState::FAIL,
            EventKind::COMMIT_STATUS_UPDATED,
        ),
    ] {
        bitbucket
            .client()
            .set_status(&context(), status(&commit, "build", state))
            .expect("a status");
        let event = only_event(&bitbucket, key);
        assert_eq!(event.kind, kind);
        assert_eq!(event.change, None);
        assert_eq!(event.pull_request, None);
        let delivered = event.status.expect("a status");
        assert_eq!(delivered.commit, commit);
        assert_eq!(delivered.key, "build");
    }
}

/// Situation `deleted-comment`.
#[test]
fn a_deleted_comment_and_one_without_place_are_read() {
    let (bitbucket, _) = hooked(&["pullrequest:comment_created", "pullrequest:comment_deleted"]);
    let client = bitbucket.client();
    let id = bitbucket
        .mock
        .open_pull_request(REPO, "One", "feature/one", "main")
        .expect("a pull request");
    let request = CreateCommentRequest {
        repo: repo(),
        pull_request: id,
        text: "Why?".to_owned(),
        ..CreateCommentRequest::default()
    };
    let comment = client
        .pull_request_comment_create(&context(), request)
        .expect("a comment");
    let request = DeleteCommentRequest {
        repo: repo(),
        pull_request: id,
        id: comment.id,
        ..Default::default()
    };
    client
        .pull_request_comment_delete(&context(), request)
        .expect("it is gone");
    let event = only_event(&bitbucket, "pullrequest:comment_deleted");
    assert_eq!(event.kind, EventKind::PULL_REQUEST_COMMENT_DELETED);
    assert!(event.comment.expect("a comment").deleted);

    let sent = deliveries(&bitbucket, "pullrequest:comment_created").remove(0);
    let mut body = body_of(&sent);
    body["comment"]["inline"] = json!(null);
    body["comment"]["content"] = json!(null);
    body["comment"]["user"] = json!(null);
    let event = parse_unsigned(&bitbucket, "pullrequest:comment_created", &body)
        .expect("events")
        .events
        .remove(0);
    let comment = event.comment.expect("a comment");
    assert_eq!((comment.position, comment.author), (None, None));
}

/// Situation `deleted-comment`.
#[test]
fn comments_in_a_list_may_be_deleted_and_without_place() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    let id = bitbucket
        .mock
        .open_pull_request(REPO, "One", "feature/one", "main")
        .expect("a pull request");
    for text in ["One", "Two"] {
        let request = CreateCommentRequest {
            repo: repo(),
            pull_request: id,
            text: text.to_owned(),
            ..CreateCommentRequest::default()
        };
        client
            .pull_request_comment_create(&context(), request)
            .expect("a comment");
    }
    bitbucket.mock.add_fault(rule(
        "*/comments?*",
        crate::support::replaced([
            ("/values/0/deleted", json!(true)),
            ("/values/0/content", json!(null)),
            ("/values/0/user", json!(null)),
            ("/values/0/inline", json!(null)),
            (
                "/values/1/inline",
                json!({"path": "a.rs", "from": null, "to": null}),
            ),
        ]),
    ));
    let request = CommentsRequest {
        repo: repo(),
        pull_request: id,
        limit: None,
        ..Default::default()
    };
    let comments = vcs_provider_interface::sink::collect(|sink| {
        client.pull_request_comments(&context(), request, sink)
    })
    .expect("comments");
    assert_eq!(comments.len(), 2);
    assert!(comments[0].deleted && comments[0].text.is_empty());
    assert_eq!(comments[1].text, "Two");
}

/// Situation `who`.
#[test]
fn an_actor_may_be_anonymous() {
    let (bitbucket, clone) = hooked(&["repo:push"]);
    clone.git(&["branch", "new"]);
    clone.push(&["new"]);
    let sent = deliveries(&bitbucket, "repo:push").remove(0);
    for actor in [
        json!(null),
        json!({}),
        json!({"type": "user", "display_name": "Anonymous"}),
        json!({"type": "user", "nickname": "sam", "account_id": "557:1"}),
    ] {
        let mut body = body_of(&sent);
        body["actor"] = actor.clone();
        let delivery = parse_unsigned(&bitbucket, "repo:push", &body);
        let delivery = delivery.unwrap_or_else(|error| panic!("{actor}: {error}"));
        assert_eq!(delivery.events.len(), 1, "{actor}");
    }
}
