//! Every recorded delivery, compared field by field with its JSON, where recordings
//! stand beside the checkout.

use super::*;
use serde_json::Value;

fn recorded() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures")
}

fn key_of_recording(name: &str, body: &Value) -> &'static str {
    if body.get("push").is_some() {
        return "repo:push";
    }
    let name = name.to_lowercase();
    if name.contains("fulfilled") {
        "pullrequest:fulfilled"
    } else if name.contains("rejected") {
        "pullrequest:rejected"
    } else if name.contains("update") {
        "pullrequest:updated"
    } else {
        "pullrequest:created"
    }
}

#[test]
#[ignore = "needs the recordings beside the checkout (../shared)"]
fn recorded_deliveries_are_read_without_loss() {
    let directory = recorded();
    let mut read = 0;
    for file in std::fs::read_dir(directory.join("webhooks")).expect("the directory") {
        let file = file.expect("an entry").path();
        let name = file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let bytes = std::fs::read(&file).expect("a recording");
        let body: Value = serde_json::from_slice(&bytes).expect("json");
        let key = key_of_recording(&name, &body);
        let read_events = events(key, &bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        if key == "repo:push" {
            check_push(&name, &body, &read_events);
        } else {
            check_pull_request(&name, &body, &read_events);
        }
        read += 1;
    }
    assert!(read > 0, "the directory holds recordings");
}

fn check_push(name: &str, body: &Value, events: &[Event]) {
    let changes = raw::items(body, "/push/changes");
    assert_eq!(events.len(), changes.len(), "{name}");
    for (event, raw) in events.iter().zip(changes) {
        let change = event.change.as_ref().expect("a change");
        let at = |pointer: &str| raw::text(raw, pointer);
        assert_eq!(change.new_hash.as_deref(), at("/new/target/hash"), "{name}");
        assert_eq!(change.old_hash.as_deref(), at("/old/target/hash"), "{name}");
        assert_eq!(
            Some(change.name.as_str()),
            at("/new/name").or(at("/old/name")),
            "{name}"
        );
        assert_eq!(
            change.kind.name(),
            at("/new/type").or(at("/old/type")),
            "{name}"
        );
        assert_eq!(change.forced, raw::flag(raw, "/forced"), "{name}");
        assert_eq!(change.truncated, raw::flag(raw, "/truncated"), "{name}");
        assert_eq!(
            change.tag_message.as_deref(),
            at("/new/message").or(at("/old/message")),
            "{name}"
        );
        for (commit, raw) in change.commits.iter().zip(raw::items(raw, "/commits")) {
            let at = |pointer: &str| raw::text_or_empty(raw, pointer);
            assert_eq!(commit.id, at("/hash"), "{name}");
            assert_eq!(commit.message, at("/message"), "{name}");
            match raw::text(raw, "/author/user/display_name") {
                Some(display_name) => {
                    assert_eq!(commit.author.display_name, display_name, "{name}");
                }
                None => assert!(
                    at("/author/raw").starts_with(&commit.author.display_name),
                    "{name}"
                ),
            }
            assert!(at("/author/raw").contains(&commit.author.email), "{name}");
            assert_ne!(commit.author.email, "", "{name}");
            assert!(commit.author_timestamp.is_some(), "{name}");
        }
    }
}

fn check_pull_request(name: &str, body: &Value, events: &[Event]) {
    let [event] = events else {
        panic!("{name}: one event")
    };
    let read = event.pull_request.as_ref().expect("a pull request");
    let at = |pointer: &str| raw::text_or_empty(body, pointer);
    assert_eq!(
        Some(read.id),
        raw::number(body, "/pullrequest/id"),
        "{name}"
    );
    assert_eq!(
        read.head.branch.latest_commit,
        at("/pullrequest/source/commit/hash"),
        "{name}"
    );
    assert_eq!(
        read.base.branch.latest_commit,
        at("/pullrequest/destination/commit/hash"),
        "{name}"
    );
    assert_eq!(
        read.head.branch.display_id,
        at("/pullrequest/source/branch/name"),
        "{name}"
    );
    assert_eq!(
        read.head.repo,
        raw::text(body, "/pullrequest/source/repository/full_name").map(str::to_owned),
        "{name}"
    );
    assert_eq!(
        read.state.to_string().to_uppercase(),
        at("/pullrequest/state"),
        "{name}"
    );
    assert_eq!(
        read.user.as_ref().map(|user| user.display_name.clone()),
        Some(at("/pullrequest/author/display_name")),
        "{name}"
    );
    assert_eq!(
        event.actor.as_ref().map(|actor| actor.display_name.clone()),
        Some(at("/actor/display_name")),
        "{name}"
    );
    assert_eq!(
        read.merge_commit.as_deref(),
        raw::text(body, "/pullrequest/merge_commit/hash"),
        "{name}"
    );
    assert!(read.created.is_some() && read.updated.is_some(), "{name}");
}

/// Situation `signature`.
#[test]
#[ignore = "needs the recordings beside the checkout (../shared)"]
fn a_recorded_signature_is_right_for_its_body_alone() {
    let directory = recorded();
    let readme = std::fs::read_to_string(directory.join("README.md")).expect("its page");
    let quoted = |after: &str| {
        let rest = &readme[readme.find(after).expect("the signature") + after.len()..];
        rest.split('`').next().unwrap_or_default().to_owned()
    };
    let mut request = WebhookRequest {
        headers: vec![("X-Event-Key".to_owned(), "repo:push".to_owned())],
        ..WebhookRequest::default()
    };
    request
        .headers
        .push(("x-hub-signature".to_owned(), quoted("`X-Hub-Signature: ")));
    request.secret = Some(Secret::new(quoted("secret `")));
    let body = std::fs::read(directory.join("webhooks/signed_payload.json")).expect("the payload");
    request.body = Bytes(body);
    let delivery = parse(&request).expect("a verified delivery");
    assert!(delivery.verified);
    assert_eq!(delivery.events.len(), 1);

    request.body.0.push(b'\n');
    assert_eq!(
        parse(&request).expect_err("another body").kind,
        ErrorKind::UNAUTHENTICATED
    );
}

/// The recordings read by another reader than the provider's.
mod raw {
    use serde_json::Value;

    pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
        value
            .pointer(pointer)?
            .as_str()
            .filter(|text| !text.is_empty())
    }

    pub(super) fn text_or_empty(value: &Value, pointer: &str) -> String {
        text(value, pointer).unwrap_or_default().to_owned()
    }

    pub(super) fn number(value: &Value, pointer: &str) -> Option<u64> {
        value.pointer(pointer)?.as_u64()
    }

    pub(super) fn flag(value: &Value, pointer: &str) -> Option<bool> {
        value.pointer(pointer)?.as_bool()
    }

    pub(super) fn items<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
        value
            .pointer(pointer)
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }
}
