//! Webhook subscriptions.

use serde_json::{Value, json};

use super::support::{Client, Sandbox};
use crate::model::links::segment;
use crate::{CredentialKind, MockBitbucket, TokenRequest};

const HOOKS: &str = "/repositories/team/app/hooks";

fn mock_with(sandbox: &Sandbox) -> MockBitbucket {
    MockBitbucket::builder()
        .repo("team/app", sandbox.path())
        .reject_local_hook_urls()
        .start()
        .expect("a mock")
}

fn hook() -> Value {
    json!({
        "description": "CI", "url": "https://ci.example.com/hook", "active": true,
        "events": ["repo:push", "pullrequest:created"], "secret": "s3cr3t-value"
    })
}

#[test]
fn a_hook_lives_from_post_to_delete_and_never_shows_its_secret() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let created = client.post(HOOKS, &hook());
    assert_eq!(created.status, 201);
    assert!(!created.text.contains("s3cr3t-value"));
    assert_eq!(created.json()["secret_set"], true);
    let uuid = created.json()["uuid"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(uuid.starts_with('{'));
    let one = format!("{HOOKS}/{}", segment(&uuid));
    assert_eq!(client.get(HOOKS).strings("/uuid"), [uuid.as_str()]);
    assert_eq!(
        client
            .get(&format!("{HOOKS}/{}", uuid.trim_matches(['{', '}'])))
            .status,
        404
    );

    // Without `secret` it stays, with null it goes.
    let mut body =
        json!({ "url": "https://ci.example.com/2", "events": ["repo:push"], "active": false });
    let updated = client.put(&one, &body);
    assert_eq!(updated.status, 200);
    assert_eq!(updated.json()["secret_set"], true);
    assert_eq!(updated.json()["active"], false);
    assert_eq!(updated.json()["url"], "https://ci.example.com/2");
    body["secret"] = Value::Null;
    assert_eq!(client.put(&one, &body).json()["secret_set"], false);

    assert_eq!(client.delete(&one).status, 204);
    assert_eq!(client.delete(&one).status, 404);
    assert_eq!(client.get(&one).status, 404);
}

#[test]
fn each_rule_for_a_hook_is_enforced_by_field() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    for (name, value) in [
        ("url", json!("http://127.0.0.1:8080/hook")),
        ("url", json!("http://localhost/hook")),
        ("url", json!("hook")),
        ("url", Value::Null),
        ("events", json!([])),
        ("events", json!("repo:push")),
        ("events", json!(["issue:created"])),
        ("events", json!(["repo:pushed"])),
        ("events", json!(["repo:push", "repo:push"])),
        ("secret", json!("x".repeat(129))),
        ("active", json!("yes")),
        ("colour", json!(1)),
    ] {
        let mut body = hook();
        body[name] = value.clone();
        let rejected = client.post(HOOKS, &body);
        assert_eq!(rejected.status, 400, "{name} = {value}");
        assert!(
            rejected.json()["error"]["fields"][name].is_array(),
            "{name} = {value}"
        );
    }
    assert_eq!(client.get(HOOKS).json()["size"], 0);
}

#[test]
fn local_addresses_are_taken_unless_refused() {
    let sandbox = Sandbox::new();
    let mock = MockBitbucket::builder()
        .repo("team/app", sandbox.path())
        .start()
        .expect("a mock");
    let mut body = hook();
    body["url"] = json!("http://127.0.0.1:8080/hook");
    assert_eq!(Client::new(&mock).post(HOOKS, &body).status, 201);
}

#[test]
fn a_repository_takes_fifty_hooks() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    for _ in 0..50 {
        assert_eq!(client.post(HOOKS, &hook()).status, 201);
    }
    assert_eq!(client.post(HOOKS, &hook()).status, 400);
    let (uuid, _) = mock.hooks("team/app").expect("hooks").remove(0);
    assert!(mock.delete_hook("team/app", &uuid).expect("a repository"));
    assert_eq!(client.post(HOOKS, &hook()).status, 201);
}

#[test]
fn subscribing_takes_the_scope_of_each_event() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let token = mock
        .create_token(&TokenRequest::new(CredentialKind::OAuth).scopes(["webhook", "repository"]))
        .expect("a token");
    let client = Client::with(&mock, token);
    let rejected = client.post(HOOKS, &hook());
    assert_eq!(rejected.status, 403);
    assert_eq!(
        rejected.json()["error"]["detail"]["required"],
        json!(["pullrequest"])
    );
    let mut body = hook();
    body["events"] = json!(["repo:push"]);
    assert_eq!(client.post(HOOKS, &body).status, 201);
}

#[test]
fn the_events_are_listed_for_everybody() {
    let mock = MockBitbucket::builder().start().expect("a mock");
    let client = Client::with(&mock, super::support::As::Nobody);
    assert!(client.get("/hook_events").json()["repository"]["links"]["events"]["href"].is_string());
    let events = client
        .get("/hook_events/repository?pagelen=100")
        .strings("/event");
    assert!(events.contains(&"repo:push".to_owned()) && events.len() > 20);
    assert!(!events.iter().any(|event| event.starts_with("issue:")));
    assert_eq!(client.get("/hook_events/team").status, 404);
}
