//! Deliveries: their signature, and what a push says.

use crate::support::{
    Clone, HOOK_SECRET, add_hook, body_of, deliveries, parse, parse_unsigned, quick_small,
};
use integration_tests::bitbucket::{Bitbucket, REPO, context};
use serde_json::{Value, json};
use vcs_provider_interface::prelude::*;

/// A repository with a hook for pushes, and a clone to push from.
fn pushing() -> (Bitbucket, Clone) {
    let bitbucket = quick_small();
    add_hook(&bitbucket, &["repo:push"]);
    let clone = Clone::of(&bitbucket.mock, REPO);
    (bitbucket, clone)
}

/// The events of the only push so far.
fn pushed(bitbucket: &Bitbucket) -> Vec<Event> {
    let sent = deliveries(bitbucket, "repo:push");
    let last = sent.last().expect("a delivery");
    parse(bitbucket, last).expect("events").events
}

fn change(event: &Event) -> &RefChange {
    event.change.as_ref().expect("a change")
}

/// Situation `several-refs-in-one-push`.
#[test]
fn a_push_of_several_refs_is_one_event_for_each() {
    let (bitbucket, clone) = pushing();
    clone.git(&["branch", "two"]);
    clone.git(&["branch", "three"]);
    clone.git(&["tag", "v2"]);
    clone.push(&["two", "three", "v2", ":feature/one"]);
    assert_eq!(deliveries(&bitbucket, "repo:push").len(), 1);
    let mut found: Vec<(EventKind, String, RefKind)> = pushed(&bitbucket)
        .iter()
        .map(|event| {
            let change = change(event);
            (event.kind, change.name.clone(), change.kind)
        })
        .collect();
    found.sort_by(|left, right| left.1.cmp(&right.1));
    assert_eq!(
        found,
        [
            (
                EventKind::REF_DELETED,
                "feature/one".to_owned(),
                RefKind::BRANCH
            ),
            (EventKind::REF_CREATED, "three".to_owned(), RefKind::BRANCH),
            (EventKind::REF_CREATED, "two".to_owned(), RefKind::BRANCH),
            (EventKind::REF_CREATED, "v2".to_owned(), RefKind::TAG),
        ]
    );
}

/// Situation `null-decides`.
#[test]
fn created_and_deleted_are_told_by_null() {
    let (bitbucket, clone) = pushing();
    let main = bitbucket.git.hash("main");
    clone.git(&["branch", "new"]);
    clone.push(&["new"]);
    let created = pushed(&bitbucket);
    assert_eq!(created[0].kind, EventKind::REF_CREATED);
    assert_eq!(change(&created[0]).old_hash, None);
    assert_eq!(change(&created[0]).new_hash, Some(main.clone()));
    clone.push(&[":new"]);
    let deleted = pushed(&bitbucket);
    assert_eq!(deleted[0].kind, EventKind::REF_DELETED);
    assert_eq!(change(&deleted[0]).name, "new");
    assert_eq!(change(&deleted[0]).new_hash, None);
    assert_eq!(change(&deleted[0]).old_hash, Some(main));
}

/// Situation `null-decides`.
#[test]
fn a_flag_that_says_closed_deletes_nothing() {
    let (bitbucket, clone) = pushing();
    clone.git(&["switch", "--quiet", "feature/one"]);
    let commit = clone.commit("more.txt", "more", "More");
    clone.push(&["feature/one"]);
    let sent = deliveries(&bitbucket, "repo:push").remove(0);
    let mut body = body_of(&sent);
    body["push"]["changes"][0]["closed"] = json!(true);
    let events = parse_unsigned(&bitbucket, "repo:push", &body)
        .expect("events")
        .events;
    assert_eq!(events[0].kind, EventKind::REF_UPDATED);
    assert_eq!(change(&events[0]).new_hash, Some(commit));
}

/// Situation `signature`.
#[test]
fn only_the_right_signature_over_the_raw_bytes_is_accepted() {
    let (bitbucket, clone) = pushing();
    clone.git(&["branch", "new"]);
    clone.push(&["new"]);
    let sent = deliveries(&bitbucket, "repo:push").remove(0);
    let right = parse(&bitbucket, &sent).expect("the signature is right");
    assert!(right.verified);
    assert!(right.id.is_some() && right.hook_id.is_some());

    let attempt = |headers: Vec<(String, String)>, body: Vec<u8>, secret: &str| {
        let request = WebhookRequest {
            headers,
            body: body.into(),
            secret: Some(Secret::from(secret)),
            ..Default::default()
        };
        bitbucket.server.parse_webhook(&context(), request)
    };
    let without = |name: &str| -> Vec<(String, String)> {
        sent.headers
            .iter()
            .filter(|(present, _)| !present.eq_ignore_ascii_case(name))
            .cloned()
            .collect()
    };
    let signed_with = |value: &str| {
        let mut headers = without("x-hub-signature");
        headers.push(("X-Hub-Signature".to_owned(), value.to_owned()));
        headers
    };
    let signature = sent
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("x-hub-signature"))
        .map(|(_, value)| value.clone())
        .expect("a signature");
    let digest = signature.strip_prefix("sha256=").expect("an algorithm");

    let mut changed = sent.body.clone();
    changed.push(b' ');
    for (what, result) in [
        (
            "another body",
            attempt(sent.headers.clone(), changed, HOOK_SECRET),
        ),
        (
            "another key",
            attempt(sent.headers.clone(), sent.body.clone(), "other"),
        ),
        (
            "no signature",
            attempt(without("x-hub-signature"), sent.body.clone(), HOOK_SECRET),
        ),
        (
            "another algorithm",
            attempt(
                signed_with(&format!("sha1={digest}")),
                sent.body.clone(),
                HOOK_SECRET,
            ),
        ),
        (
            "no algorithm",
            attempt(signed_with(digest), sent.body.clone(), HOOK_SECRET),
        ),
        (
            "half a signature",
            attempt(
                signed_with(&signature[..40]),
                sent.body.clone(),
                HOOK_SECRET,
            ),
        ),
        (
            "no JSON and no signature",
            attempt(without("x-hub-signature"), b"{".to_vec(), HOOK_SECRET),
        ),
    ] {
        let error = result.expect_err(what);
        assert_eq!(error.kind, ErrorKind::UNAUTHENTICATED, "{what}: {error}");
        assert!(!error.message.contains(HOOK_SECRET), "{what}");
    }
}

/// Situation `forced-push`.
#[test]
fn a_forced_push_is_marked_and_no_line_is_assumed() {
    let (bitbucket, clone) = pushing();
    let before = bitbucket.git.hash("feature/one");
    clone.git(&["switch", "--quiet", "-C", "feature/one", "origin/main"]);
    let after = clone.commit("other.txt", "other", "Other");
    clone.push(&["--force", "feature/one"]);
    let event = pushed(&bitbucket).remove(0);
    assert_eq!(change(&event).forced, Some(true));
    assert_eq!(change(&event).old_hash, Some(before));
    assert_eq!(change(&event).new_hash, Some(after));

    let (again, clone) = pushing();
    clone.git(&["switch", "--quiet", "feature/one"]);
    clone.commit("more.txt", "more", "More");
    clone.push(&["feature/one"]);
    assert_eq!(change(&pushed(&again)[0]).forced, Some(false));
}

/// Situation `no-changes`.
#[test]
fn a_push_without_changes_is_no_event_and_no_error() {
    let (bitbucket, clone) = pushing();
    clone.git(&["branch", "new"]);
    clone.push(&["new"]);
    let sent = deliveries(&bitbucket, "repo:push").remove(0);
    for changes in [json!([]), Value::Null] {
        let mut body = body_of(&sent);
        body["push"]["changes"] = changes;
        let delivery = parse_unsigned(&bitbucket, "repo:push", &body).expect("success");
        assert_eq!(delivery.events, []);
    }
}

/// Situation `unknown-event`.
#[test]
fn an_unknown_event_is_ignored_with_success() {
    let bitbucket = quick_small();
    for (event, body) in [
        ("repo:something_new", json!({"a": 1})),
        ("issue:created", json!({})),
        ("pipeline:span_created", json!([])),
        ("diagnostics:ping", json!({"test": true})),
    ] {
        let delivery = parse_unsigned(&bitbucket, event, &body).expect(event);
        assert_eq!(delivery.event_key, event);
        assert_eq!(delivery.events, []);
    }
}
