//! Deliveries that somebody else than Bitbucket may have made.

use super::tests::{NEW, OLD, branch, pull_request_body, request};
use super::*;
use serde_json::{Value, json};

/// Situation `signature`.
#[test]
fn the_signature_is_checked_before_anything_is_read() {
    let mut request = request("repo:push", "{ this is no json");
    request.secret = Some(Secret::from("key"));
    assert_eq!(
        parse(&request).expect_err("unsigned").kind,
        ErrorKind::UNAUTHENTICATED
    );
    request.headers.clear();
    assert_eq!(
        parse(&request).expect_err("unsigned").kind,
        ErrorKind::UNAUTHENTICATED
    );
    request.secret = None;
    assert_eq!(
        parse(&request).expect_err("no key").kind,
        ErrorKind::INVALID_INPUT
    );
}

/// Situation `too-large-to-deliver`.
#[test]
fn a_body_that_is_too_large_is_not_even_hashed() {
    let mut request = request("repo:push", "");
    request.secret = Some(Secret::from("key"));
    request.body = Bytes(vec![b' '; MAX_DELIVERY_BYTES + 1]);
    assert_eq!(
        parse(&request).expect_err("too large").kind,
        ErrorKind::INVALID_INPUT
    );
}

#[test]
fn hostile_bodies_are_rejected_without_a_panic() {
    let nested = "[".repeat(100_000);
    for body in [
        "",
        "null",
        "[]",
        "\"x\"",
        "{\"push\":1e999}",
        nested.as_str(),
        "\u{0}",
    ] {
        for key in EVENT_KEYS {
            let error = parse(&request(key, body)).expect_err("a rejection");
            assert_eq!(error.kind, ErrorKind::INVALID_INPUT, "{key}");
        }
    }
    let mut bytes = request("repo:push", "");
    bytes.body = Bytes(vec![0xff, 0xfe, b'{', b'}']);
    assert!(parse(&bytes).is_err());
}

/// Every prefix and every one-value mutation of a body ends in a result.
#[test]
fn a_mutated_body_never_panics() {
    let mut body = pull_request_body();
    body["push"] = json!({ "changes": [{ "old": branch("a", OLD), "new": branch("a", NEW),
        "commits": [{ "hash": NEW, "author": { "raw": "A <a@b>" } }] }] });
    body["comment"] = json!({ "id": 4, "inline": { "path": "p" } });
    body["commit_status"] = json!({ "key": "k", "links": { "commit": { "href": "x/commit/" } } });
    body["changes"] = json!({ "full_name": { "old": "a/b" } });
    for pointer in pointers(&body, String::new()) {
        for replacement in [
            json!(null),
            json!(-1),
            json!("é"),
            json!([{}]),
            json!({ "a": [] }),
        ] {
            let mut mutated = body.clone();
            if let Some(place) = mutated.pointer_mut(&pointer) {
                *place = replacement;
            }
            for key in EVENT_KEYS {
                let _response = parse(&request(key, &mutated));
            }
        }
    }
}

fn pointers(value: &Value, at: String) -> Vec<String> {
    let mut all = vec![at.clone()];
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                all.extend(pointers(inner, format!("{at}/{name}")));
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                all.extend(pointers(inner, format!("{at}/{index}")));
            }
        }
        _ => {}
    }
    all
}

#[test]
fn what_is_no_hash_never_becomes_one() {
    let mut body = pull_request_body();
    for side in ["source", "destination"] {
        body["pullrequest"][side]["commit"]["hash"] = json!("--upload-pack=x");
    }
    body["pullrequest"]["merge_commit"] = json!({ "hash": "../../user" });
    let delivery = parse(&request("pullrequest:created", body)).expect("a delivery");
    let read = delivery.events[0]
        .pull_request
        .clone()
        .expect("a pull request");
    assert_eq!(read.head.branch.latest_commit, "");
    assert_eq!(read.base.branch.latest_commit, "");
    assert_eq!(read.merge_commit, None);
}
