//! git over HTTP, and the deliveries that pushes cause.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use super::support::{Client, LONG, Sandbox, clone_of, git_in, git_succeeds, with_credential};
use crate::{CredentialKind, DeliveryOutcome, DeliveryPolicy, MockBitbucket, Secret, TokenRequest};

const API_TOKEN_USER: &str = "x-bitbucket-api-token-auth";

fn mock_with(sandbox: &Sandbox) -> MockBitbucket {
    MockBitbucket::builder()
        .repo("team/app", sandbox.path())
        .delivery(DeliveryPolicy {
            time_out: Duration::from_millis(300),
            retry_delay: Duration::ZERO,
        })
        .start()
        .expect("a mock")
}

/// A request as it came in: head and body.
struct Received {
    head: String,
    body: Vec<u8>,
}

impl Received {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a body of JSON")
    }
}

/// Receives deliveries and responds to each with the next of `statuses` (0 means not
/// to respond), and with 200 when they are used up.
fn receiver(statuses: &'static [u16]) -> (String, Receiver<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut unanswered = Vec::new();
        for (number, stream) in listener.incoming().enumerate() {
            let Ok(mut stream) = stream else { return };
            let mut bytes = Vec::new();
            let mut buffer = [0; 16 * 1024];
            let received = loop {
                let length = stream.read(&mut buffer).unwrap_or(0);
                bytes.extend_from_slice(&buffer[..length]);
                if let Some(received) = parse(&bytes) {
                    break received;
                }
                if length == 0 {
                    return;
                }
            };
            match statuses.get(number).copied().unwrap_or(200) {
                0 => unanswered.push(stream),
                status => {
                    let response = format!(
                        "HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                    );
                    let _ = stream.write_all(response.as_bytes());
                }
            }
            if sender.send(received).is_err() {
                return;
            }
        }
    });
    (url, receiver)
}

fn parse(bytes: &[u8]) -> Option<Received> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let received = Received {
        head: String::from_utf8_lossy(&bytes[..end]).into_owned(),
        body: bytes[end + 4..].to_vec(),
    };
    let length: usize = received.header("content-length")?.parse().ok()?;
    (received.body.len() >= length).then_some(received)
}

fn subscribe(mock: &MockBitbucket, url: &str, secret: Option<&str>) {
    let body = json!({ "url": url, "events": ["repo:push", "repo:commit_status_created"], "secret": secret });
    assert_eq!(
        Client::new(mock)
            .post("/repositories/team/app/hooks", &body)
            .status,
        201
    );
}

fn clone_with_api_token(mock: &MockBitbucket) -> (tempfile::TempDir, std::path::PathBuf) {
    clone_of(mock, "team/app", API_TOKEN_USER, &mock.api_token().token)
}

fn commit_in(work: &Path, message: &str) -> String {
    git_in(
        work,
        &["commit", "--quiet", "--allow-empty", "--message", message],
    );
    git_in(work, &["rev-parse", "HEAD"])
}

#[test]
fn every_kind_of_credential_clones_with_its_own_user_name_only() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let token = mock.api_token();
    let oauth = mock
        .create_token(&TokenRequest::new(CredentialKind::OAuth))
        .expect("a token");
    let reachable = |user: &str, secret: &Secret| {
        let url = with_credential(&mock.clone_url("team/app"), user, secret);
        git_succeeds(sandbox.path(), &["ls-remote", &url])
    };
    assert!(reachable(API_TOKEN_USER, &token.token));
    assert!(reachable("x-token-auth", &mock.access_token()));
    assert!(reachable("x-token-auth", &oauth));
    assert!(!reachable("x-token-auth", &token.token));
    assert!(!reachable("casey", &token.token));
    assert!(!reachable(API_TOKEN_USER, &mock.access_token()));
    let asked = Client::with(&mock, super::support::As::Nobody).get(&format!(
        "{}/info/refs?service=git-upload-pack",
        mock.clone_url("team/app")
    ));
    assert_eq!(asked.status, 401);
    assert!(asked.header("www-authenticate").starts_with("Basic"));
}

#[test]
fn public_repositories_are_cloned_without_a_login_but_not_pushed_to() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    mock.set_private("team/app", false).expect("a repository");
    let directory = tempfile::TempDir::new().expect("temporary folder");
    git_in(
        directory.path(),
        &["clone", "--quiet", &mock.clone_url("team/app"), "work"],
    );
    let work = directory.path().join("work");
    commit_in(&work, "x");
    assert!(!git_succeeds(&work, &["push", "--quiet", "origin", "main"]));
}

#[test]
fn a_push_to_a_checked_out_branch_arrives_and_leaves_the_config_alone() {
    let sandbox = Sandbox::new();
    let config = std::fs::read(sandbox.path().join(".git/config")).expect("a config");
    let mock = mock_with(&sandbox);
    let (_folder, work) = clone_with_api_token(&mock);
    // Large enough that git sends it chunked and compressed on the way.
    let noise: String = (0..200_000)
        .map(|n: u32| char::from(b'a' + (n.wrapping_mul(2_654_435_761) >> 28) as u8))
        .collect();
    std::fs::write(work.join("noise"), noise.repeat(8)).expect("a file");
    git_in(&work, &["add", "."]);
    let hash = commit_in(&work, "pushed");
    git_in(
        &work,
        &[
            "-c",
            "http.postBuffer=65536",
            "push",
            "--quiet",
            "origin",
            "main",
        ],
    );
    assert_eq!(sandbox.hash("refs/heads/main"), hash);
    assert_eq!(
        std::fs::read(sandbox.path().join(".git/config")).expect("a config"),
        config
    );
    assert!(mock.requests().iter().all(|request| request.route == "git"));
}

#[test]
fn a_read_only_token_clones_but_does_not_push() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let token = mock
        .create_token(
            &TokenRequest::new(CredentialKind::WorkspaceAccessToken).scopes(["repository"]),
        )
        .expect("a token");
    let (_folder, work) = clone_of(&mock, "team/app", "x-token-auth", &token);
    commit_in(&work, "x");
    assert!(!git_succeeds(&work, &["push", "--quiet", "origin", "main"]));
}

#[test]
fn a_push_of_several_refs_is_one_delivery_with_every_change() {
    let sandbox = Sandbox::new();
    let old = sandbox.hash("HEAD");
    sandbox.git(&["branch", "doomed"]);
    let mock = mock_with(&sandbox);
    let (url, received) = receiver(&[]);
    subscribe(&mock, &url, Some("hook-secret"));
    let (_folder, work) = clone_with_api_token(&mock);
    let mut hashes = Vec::new();
    for number in 0..7 {
        hashes.push(commit_in(&work, &format!("c{number}")));
    }
    git_in(&work, &["tag", "--annotate", "--message", "Tagged", "v1"]);
    git_in(
        &work,
        &[
            "push",
            "--quiet",
            "origin",
            "main",
            "main:refs/heads/new/x",
            "v1",
            ":doomed",
        ],
    );
    let delivery = received.recv_timeout(LONG).expect("a delivery");
    assert_eq!(delivery.header("x-event-key"), Some("repo:push"));
    assert_eq!(delivery.header("x-attempt-number"), Some("1"));
    let signature = delivery.header("x-hub-signature").unwrap_or_default();
    assert!(signature.starts_with("sha256=") && signature.len() == 71);
    let body = delivery.json();
    assert_eq!(body["actor"]["display_name"], "Casey Builder");
    assert_eq!(body["repository"]["full_name"], "team/app");
    for absent in ["slug", "mainbranch"] {
        assert!(body["repository"].get(absent).is_none());
    }
    let changes = body["push"]["changes"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    assert_eq!(changes.len(), 4);
    let find = |side: &str, name: &str| {
        changes
            .iter()
            .find(|change| change[side]["name"] == name)
            .cloned()
            .unwrap_or_default()
    };
    let main = find("new", "main");
    assert_eq!(main["old"]["target"]["hash"], old.as_str());
    assert_eq!(main["new"]["target"]["hash"], hashes[6].as_str());
    assert_eq!(main["commits"].as_array().map(Vec::len), Some(5));
    assert_eq!(main["commits"][0]["hash"], hashes[6].as_str());
    assert_eq!(
        (main["truncated"].clone(), main["forced"].clone()),
        (json!(true), json!(false))
    );
    let created = find("new", "new/x");
    assert_eq!(
        (created["old"].clone(), created["created"].clone()),
        (Value::Null, json!(true))
    );
    let tag = find("new", "v1");
    assert_eq!(
        (tag["new"]["type"].clone(), tag["new"]["message"].clone()),
        (json!("tag"), json!("Tagged\n"))
    );
    assert!(tag.get("commits").is_none());
    let deleted = find("old", "doomed");
    assert_eq!(
        (deleted["new"].clone(), deleted["closed"].clone()),
        (Value::Null, json!(true))
    );
}

#[test]
fn a_rewritten_branch_is_forced_and_an_unsigned_hook_gets_no_signature() {
    let sandbox = Sandbox::new();
    sandbox.commit("second");
    let mock = mock_with(&sandbox);
    let (url, received) = receiver(&[]);
    subscribe(&mock, &url, None);
    let (_folder, work) = clone_with_api_token(&mock);
    git_in(
        &work,
        &[
            "commit",
            "--quiet",
            "--amend",
            "--allow-empty",
            "--message",
            "again",
        ],
    );
    git_in(&work, &["push", "--quiet", "--force", "origin", "main"]);
    let delivery = received.recv_timeout(LONG).expect("a delivery");
    assert_eq!(delivery.header("x-hub-signature"), None);
    assert_eq!(delivery.json()["push"]["changes"][0]["forced"], true);
}

#[test]
fn refs_changed_through_the_api_are_delivered_as_pushes() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let (url, received) = receiver(&[]);
    subscribe(&mock, &url, None);
    let client = Client::new(&mock);
    let branches = "/repositories/team/app/refs/branches";
    client.post(
        branches,
        &json!({ "name": "b", "target": { "hash": sandbox.hash("HEAD") } }),
    );
    let created = received.recv_timeout(LONG).expect("a delivery").json();
    assert_eq!(created["push"]["changes"][0]["new"]["name"], "b");
    client.delete(&format!("{branches}/b"));
    let deleted = received.recv_timeout(LONG).expect("a delivery").json();
    assert_eq!(deleted["push"]["changes"][0]["old"]["name"], "b");
}

#[test]
fn only_failures_of_the_receiver_and_time_outs_are_tried_again_three_times_in_all() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let (url, received) = receiver(&[500, 0, 503]);
    subscribe(&mock, &url, Some("hook-secret"));
    Client::new(&mock).post(
        "/repositories/team/app/refs/branches",
        &json!({ "name": "b", "target": { "hash": sandbox.hash("HEAD") } }),
    );
    let tries: Vec<Received> = (0..3)
        .map(|_| received.recv_timeout(LONG).expect("a try"))
        .collect();
    assert!(mock.wait_until_delivered(LONG));
    for (number, one) in tries.iter().enumerate() {
        assert_eq!(
            one.header("x-attempt-number"),
            Some((number + 1).to_string().as_str())
        );
        for same in ["x-request-uuid", "x-hub-signature", "x-hook-uuid"] {
            assert_eq!(one.header(same), tries[0].header(same));
        }
        assert_eq!(one.body, tries[0].body);
    }
    let outcomes: Vec<_> = mock
        .deliveries()
        .into_iter()
        .map(|delivery| delivery.outcome)
        .collect();
    assert_eq!(
        outcomes,
        [
            DeliveryOutcome::Responded(500),
            DeliveryOutcome::TimedOut,
            DeliveryOutcome::Responded(503)
        ]
    );
}

#[test]
fn a_refusal_is_not_tried_again_but_a_test_can_repeat_a_delivery() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let (url, received) = receiver(&[404]);
    subscribe(&mock, &url, None);
    let path = format!(
        "/repositories/team/app/commit/{}/statuses/build",
        sandbox.hash("HEAD")
    );
    let status = json!({ "key": "k", "state": "FAILED", "url": "https://ci.example.com/1" });
    Client::new(&mock).post(&path, &status);
    let first = received.recv_timeout(LONG).expect("a delivery");
    assert_eq!(
        first.header("x-event-key"),
        Some("repo:commit_status_created")
    );
    assert_eq!(first.json()["commit_status"]["key"], "k");
    assert!(mock.wait_until_delivered(LONG));
    let log = mock.deliveries();
    assert_eq!(log.len(), 1);
    mock.deliver_again(&log[0]);
    let second = received.recv_timeout(LONG).expect("a delivery");
    assert_eq!(
        second.header("x-request-uuid"),
        first.header("x-request-uuid")
    );
}

#[test]
fn a_body_over_the_limit_is_never_sent() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let (url, received) = receiver(&[]);
    subscribe(&mock, &url, None);
    let (_folder, work) = clone_with_api_token(&mock);
    std::fs::write(work.join("message"), "long message ".repeat(25_000)).expect("a file");
    git_in(
        &work,
        &["commit", "--quiet", "--allow-empty", "--file", "message"],
    );
    git_in(&work, &["push", "--quiet", "origin", "main"]);
    assert!(mock.wait_until_delivered(LONG));
    assert_eq!(mock.deliveries()[0].outcome, DeliveryOutcome::TooLarge);
    assert!(received.try_recv().is_err());
}

#[test]
fn inactive_hooks_and_other_events_get_nothing() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    for body in [
        json!({ "url": "http://127.0.0.1:9/", "events": ["repo:push"], "active": false }),
        json!({ "url": "http://127.0.0.1:9/", "events": ["repo:fork"] }),
    ] {
        client.post("/repositories/team/app/hooks", &body);
    }
    client.post(
        "/repositories/team/app/refs/branches",
        &json!({ "name": "b", "target": { "hash": sandbox.hash("HEAD") } }),
    );
    assert!(mock.wait_until_delivered(LONG));
    assert!(mock.deliveries().is_empty());
}
