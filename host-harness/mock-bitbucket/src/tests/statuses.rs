//! Build statuses.

use serde_json::{Value, json};

use super::support::{Client, Sandbox};
use crate::MockBitbucket;

struct Setup {
    mock: MockBitbucket,
    commit: String,
    _sandbox: Sandbox,
}

fn setup() -> Setup {
    let sandbox = Sandbox::new();
    let mock = MockBitbucket::builder()
        .repo("team/app", sandbox.path())
        .start()
        .expect("a mock");
    Setup {
        commit: format!("/repositories/team/app/commit/{}", sandbox.hash("HEAD")),
        mock,
        _sandbox: sandbox,
    }
}

fn status(key: &str, state: &str) -> Value {
    json!({ "key": key, "state": state, "url": "https://ci.example.com/build/1", "name": "Build" })
}

#[test]
fn posting_creates_once_and_then_updates() {
    let Setup {
        mock,
        commit,
        _sandbox,
    } = setup();
    let client = Client::new(&mock);
    let path = format!("{commit}/statuses/build");
    let created = client.post(&path, &status("build", "INPROGRESS"));
    assert_eq!(created.status, 201);
    assert_eq!(created.json()["type"], "build");
    let updated = client.post(&format!("{path}/"), &status("build", "SUCCESSFUL"));
    assert_eq!(updated.status, 200);
    assert_eq!(updated.json()["created_on"], created.json()["created_on"]);
    client.post(&path, &status("lint/a b", "FAILED"));
    let list = client.get(&format!("{commit}/statuses"));
    assert_eq!(list.strings("/key"), ["build", "lint/a b"]);
    assert_eq!(list.strings("/state"), ["SUCCESSFUL", "FAILED"]);
    let link = list.json()["values"][1]["links"]["self"]["href"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert_eq!(client.get(&link).json()["key"], "lint/a b");
    assert_eq!(
        client
            .get(&format!("{commit}/statuses?q=state%3D%22FAILED%22"))
            .strings("/key"),
        ["lint/a b"]
    );
}

#[test]
fn each_rule_for_a_status_is_enforced_by_field() {
    let Setup {
        mock,
        commit,
        _sandbox,
    } = setup();
    let client = Client::new(&mock);
    let path = format!("{commit}/statuses/build");
    let with = |name: &str, value: Value| {
        let mut body = status("k", "SUCCESSFUL");
        body[name] = value;
        body
    };
    let long_url = format!("https://ci.example.com/{}", "x".repeat(430));
    for (body, field) in [
        (with("key", json!("k".repeat(41))), "key"),
        (with("key", json!("")), "key"),
        (with("key", json!(["k"])), "key"),
        (with("name", json!("n".repeat(256))), "name"),
        (with("state", json!("PENDING")), "state"),
        (with("url", json!(long_url)), "url"),
        (with("url", json!("http://localhost:8080/x")), "url"),
        (with("url", json!("/relative")), "url"),
        (with("url", json!("https://ci.example.com/{job}")), "url"),
        (with("url", Value::Null), "url"),
        (with("colour", json!("red")), "colour"),
    ] {
        let rejected = client.post(&path, &body);
        assert_eq!(rejected.status, 400, "{body}");
        assert!(
            rejected.json()["error"]["fields"][field].is_array(),
            "{body}"
        );
    }
    let long = client.post(&path, &with("key", json!("k".repeat(48))));
    assert_eq!(
        long.message(),
        "key: Ensure this value has at most 40 characters (it has 48)."
    );
    assert_eq!(
        client
            .post(&path, &with("key", json!("ü".repeat(40))))
            .status,
        201
    );
    assert_eq!(
        client
            .post(
                &path,
                &with(
                    "url",
                    json!("https://ci.example.com/{repository.full_name}")
                )
            )
            .status,
        201
    );
}

#[test]
fn putting_changes_everything_but_the_key_and_keeps_the_refname() {
    let Setup {
        mock,
        commit,
        _sandbox,
    } = setup();
    let client = Client::new(&mock);
    let path = format!("{commit}/statuses/build");
    let mut body = status("k", "INPROGRESS");
    body["refname"] = json!("topic");
    client.post(&path, &body);
    let one = format!("{path}/k");
    let changed = client.put(&one, &json!({ "state": "STOPPED", "refname": null }));
    assert_eq!(changed.status, 200);
    assert_eq!(changed.json()["state"], "STOPPED");
    assert_eq!(changed.json()["refname"], "topic");
    assert_eq!(changed.json()["url"], "https://ci.example.com/build/1");
    assert_eq!(client.put(&one, &json!({ "key": "other" })).status, 400);
    assert_eq!(
        client
            .put(&format!("{path}/none"), &json!({ "state": "FAILED" }))
            .status,
        404
    );
    assert_eq!(client.get(&format!("{path}/none")).status, 404);
    assert_eq!(
        client
            .get(&format!("{commit}/statuses?refname=topic"))
            .strings("/key"),
        ["k"]
    );
    let none = client.get(&format!("{commit}/statuses?refname=x")).json();
    assert_eq!(none["values"], json!([]));
    assert_eq!(
        none.get("size"),
        None,
        "the service does not count statuses"
    );
}

#[test]
fn a_commit_that_is_not_there_takes_no_status() {
    let setup = setup();
    let path = format!(
        "/repositories/team/app/commit/{}/statuses/build",
        "1".repeat(40)
    );
    let missing = Client::new(&setup.mock).post(&path, &status("k", "FAILED"));
    assert_eq!(
        (missing.status, missing.message().as_str()),
        (404, "Changeset not found.")
    );
}
