//! Credentials, scopes, paging, faults and recording, whatever the operation.

use std::time::Duration;

use serde_json::json;

use super::support::{As, Client, Sandbox, mock_with};
use crate::{
    CredentialKind, FaultPlan, MockBitbucket, RateLimit, Secret, TokenRequest, Visibility,
};

fn faults(rules: serde_json::Value) -> FaultPlan {
    FaultPlan::from_json(&json!({ "rules": rules }).to_string()).expect("a plan")
}

#[test]
fn an_api_token_goes_with_its_email_and_nothing_else() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let token = mock.api_token();
    let me = Client::new(&mock).get("/user");
    assert_eq!(me.status, 200);
    assert_eq!(me.json()["display_name"], "Casey Builder");
    let secret = token.token.expose().to_owned();
    for who in [
        As::Basic("x-bitbucket-api-token-auth".into(), secret.clone()),
        As::Bearer(secret),
        As::Basic(token.email.clone(), "app-password".into()),
        As::Nobody,
    ] {
        assert_eq!(Client::with(&mock, who).get("/user").status, 401);
    }
}

#[test]
fn access_tokens_read_repositories_but_are_no_account() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let client = Client::with(&mock, mock.access_token());
    assert_eq!(client.get("/repositories/team/app").status, 200);
    for path in ["/user", "/user/workspaces"] {
        let rejected = client.get(path);
        assert_eq!(rejected.status, 401);
        assert!(
            rejected
                .message()
                .contains("not supported for this endpoint")
        );
    }
}

#[test]
fn a_missing_scope_is_403_and_names_both_sides() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let token = mock
        .create_token(&TokenRequest::new(CredentialKind::OAuth).scopes(["pullrequest"]))
        .expect("a token");
    let client = Client::with(&mock, token);
    // Reading pull requests brings reading repositories along.
    assert_eq!(client.get("/repositories/team/app").status, 200);
    let rejected = client.get("/repositories/team/app/hooks");
    assert_eq!(rejected.status, 403);
    assert_eq!(rejected.header("x-accepted-oauth-scopes"), "webhook");
    assert_eq!(rejected.header("x-oauth-scopes"), "pullrequest");
    assert_eq!(
        rejected.json()["error"]["detail"],
        json!({ "required": ["webhook"], "granted": ["pullrequest"] })
    );
}

#[test]
fn tokens_end_when_the_clock_says_so_or_when_they_are_revoked() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let hour = Duration::from_secs(3600);
    let oauth = mock
        .create_token(&TokenRequest::new(CredentialKind::OAuth).expires_in(hour))
        .expect("a token");
    let client = Client::with(&mock, oauth);
    assert_eq!(client.get("/user").status, 200);
    mock.advance(hour);
    let expired = client.get("/user");
    assert_eq!(expired.status, 401);
    assert!(expired.message().starts_with("Access token expired"));
    assert!(mock.revoke_token(&mock.access_token()));
    let revoked = Client::with(&mock, mock.access_token()).get("/repositories/team");
    assert_eq!(revoked.status, 401);
    assert!(revoked.message().starts_with("Token is invalid"));
}

#[test]
fn a_repository_token_sees_its_repository_only_and_a_blind_one_sees_nothing() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    mock.add_repository("team/other", sandbox.path())
        .expect("a repository");
    let token = |request| mock.create_token(&request).expect("a token");
    let one = Client::with(&mock, token(TokenRequest::for_repository("team/app")));
    assert_eq!(one.get("/repositories/team").names(), ["app"]);
    assert_eq!(one.get("/repositories/team/app").status, 200);
    assert_eq!(one.get("/repositories/team/other").status, 404);
    let request =
        TokenRequest::new(CredentialKind::WorkspaceAccessToken).visibility(Visibility::Nothing);
    let blind = Client::with(&mock, token(request));
    let empty = blind.get("/repositories/team?role=member");
    assert_eq!(
        (empty.status, empty.json()["size"].clone()),
        (200, json!(0))
    );
}

#[test]
fn a_token_in_the_query_is_refused() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let client = Client::with(&mock, As::Nobody);
    let secret = mock.access_token();
    let rejected = client.get(&format!(
        "/repositories/team/app?access_token={}",
        secret.expose()
    ));
    assert_eq!(rejected.status, 401);
    assert!(!format!("{:?}", mock.requests()).contains(secret.expose()));
}

#[test]
fn wrong_pages_parameters_methods_and_addresses_are_told_apart() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let branches = "/repositories/team/app/refs/branches";
    for (query, message) in [
        ("pagelen=101", "Invalid pagelen"),
        ("pagelen=0", "Invalid pagelen"),
        ("pagelen=ten", "Invalid pagelen"),
        ("page=0", "Invalid page"),
        ("page=8xhd", "Invalid page"),
        ("pagelength=10", "Unknown query parameter: pagelength"),
    ] {
        let rejected = client.get(&format!("{branches}?{query}"));
        assert_eq!(
            (rejected.status, rejected.message()),
            (400, message.to_owned()),
            "{query}"
        );
    }
    assert_eq!(client.put(branches, &json!({})).status, 405);
    let nothing = client.get("/repositories/team/app/nothing");
    assert_eq!(nothing.status, 404);
    assert!(nothing.text.contains("There is no API hosted at this URL"));
    let broken = client
        .send("POST", branches, Some(("application/json", b"{")))
        .expect("a response");
    assert_eq!(broken.status, 400);
    let form = client
        .send("POST", branches, Some(("text/plain", b"{}")))
        .expect("a response");
    assert_eq!(form.status, 415);
}

#[test]
fn removed_endpoints_answer_410_with_the_announcement() {
    let mock = MockBitbucket::builder().start().expect("a mock");
    let client = Client::new(&mock);
    for path in [
        "/workspaces",
        "/repositories",
        "/user/permissions/workspaces",
        "/user/permissions/repositories?pagelen=100",
        "/teams/x",
    ] {
        let gone = client.get(path);
        assert_eq!(gone.status, 410, "{path}");
        assert!(gone.json()["error"]["data"]["announcement_url"].is_string());
    }
    let first = client.get(&mock.api_url().replace("/2.0", "/1.0/repositories/x"));
    assert_eq!(
        (first.status, first.message().as_str()),
        (410, "Resource removed")
    );
}

#[test]
fn a_budget_ends_in_429_with_plain_text_and_comes_back_with_time() {
    let sandbox = Sandbox::new();
    let mock = MockBitbucket::builder()
        .repo("team/app", sandbox.path())
        .rate_limit(RateLimit::per_hour(2))
        .start()
        .expect("a mock");
    let with_token = Client::with(&mock, mock.access_token());
    let told = with_token.get("/repositories/team/app");
    assert_eq!(told.header("x-ratelimit-limit"), "2, 2;w=3600");
    assert_eq!(told.header("x-ratelimit-resource"), "api-repositories");
    assert_eq!(told.header("x-credential-type"), "workspace_access_token");
    let client = Client::new(&mock);
    let first = client.get("/repositories/team/app");
    assert_eq!(first.header("x-ratelimit-limit"), "", "only access tokens");
    assert_eq!(first.header("x-credential-type"), "api_token");
    client.get("/repositories/team/app");
    let rejected = client.get("/repositories/team/app");
    assert_eq!(rejected.status, 429);
    assert!(rejected.header("content-type").starts_with("text/plain"));
    assert_eq!(rejected.header("retry-after"), "");
    mock.advance(Duration::from_secs(3600));
    assert_eq!(client.get("/repositories/team/app").status, 200);
}

#[test]
fn one_client_keeps_its_connection() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    for _ in 0..5 {
        client.get("/user");
    }
    let requests = mock.requests();
    assert_eq!(requests.len(), 5);
    assert!(
        requests
            .iter()
            .all(|request| request.connection == requests[0].connection)
    );
    assert_eq!(requests[0].route, "/2.0/user");
    assert_eq!(requests[0].header("authorization"), Some("Basic ***"));
}

#[test]
fn answers_are_compressed_for_those_who_take_it() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let reply = Client::new(&mock).get("/repositories/team/app");
    assert_eq!(reply.json()["full_name"], "team/app");
    let compressed = mock.requests()[0]
        .response_headers
        .contains(&("content-encoding".to_owned(), "gzip".to_owned()));
    assert!(compressed);
}

#[test]
fn faults_replace_answers_and_leave_the_state_alone() {
    let sandbox = Sandbox::new();
    let mock = MockBitbucket::builder()
        .repo("team/app", sandbox.path())
        .faults(faults(json!([
            { "method": "POST", "path": "*/refs/branches", "nth": 1,
              "then": { "status": 503, "headers": { "Retry-After": "1" }, "body": "later" } },
            { "path": "*/user", "nth": 2, "then": { "status": 502, "html": true } }
        ])))
        .start()
        .expect("a mock");
    let client = Client::new(&mock);
    let body = json!({ "name": "b", "target": { "hash": sandbox.hash("main") } });
    let path = "/repositories/team/app/refs/branches";
    let failed = client.post(path, &body);
    assert_eq!((failed.status, failed.text.as_str()), (503, "later"));
    assert_eq!(failed.header("retry-after"), "1");
    assert_eq!(client.get(path).names(), ["main"]);
    assert_eq!(client.post(path, &body).status, 201);
    assert_eq!(client.get("/user").status, 200);
    let page = client.get("/user");
    assert_eq!(page.status, 502);
    assert!(page.text.starts_with("<!DOCTYPE html>"));
}

#[test]
fn a_reset_loses_the_answer_but_not_the_request() {
    let sandbox = Sandbox::new();
    let mock = MockBitbucket::builder()
        .repo("team/app", sandbox.path())
        .faults(faults(
            json!([{ "method": "POST", "nth": 1, "then": { "reset": true } }]),
        ))
        .start()
        .expect("a mock");
    let client = Client::new(&mock);
    let body = json!({ "name": "b", "target": { "hash": sandbox.hash("main") } }).to_string();
    let path = "/repositories/team/app/refs/branches";
    let lost = client.send("POST", path, Some(("application/json", body.as_bytes())));
    assert!(lost.is_err());
    assert_eq!(client.get(path).names(), ["b", "main"]);
    assert_eq!(mock.requests()[0].status, 0);
}

#[test]
fn a_cut_answer_arrives_in_part_and_then_fails() {
    let sandbox = Sandbox::new();
    let mock = MockBitbucket::builder()
        .repo("team/app", sandbox.path())
        .faults(faults(json!([
            { "nth": 1, "then": { "cut_after_bytes": 20 } },
            { "nth": 2, "then": { "cut_after_bytes": 20, "reset": true } }
        ])))
        .start()
        .expect("a mock");
    let client = Client::new(&mock);
    for _ in 0..2 {
        assert!(client.send("GET", "/repositories/team/app", None).is_err());
    }
    assert_eq!(client.get("/repositories/team/app").status, 200);
}

/// Sends a request by hand and reads until the connection ends: what came, and
/// how it ended.
fn by_hand(mock: &MockBitbucket) -> (String, Result<usize, std::io::ErrorKind>) {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(mock.address()).expect("a connection");
    stream
        .set_read_timeout(Some(super::support::LONG))
        .expect("a time-out");
    stream
        .write_all(b"GET /2.0/hook_events HTTP/1.1\r\nHost: mock\r\n\r\n")
        .expect("a request");
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).map_err(|error| error.kind());
    (String::from_utf8_lossy(&bytes).into_owned(), end)
}

#[test]
fn a_reset_and_a_cut_are_what_they_are_called_on_the_wire() {
    let mock = MockBitbucket::builder()
        .faults(faults(json!([
            { "nth": 1, "then": { "cut_after_bytes": 20 } },
            { "nth": 2, "then": { "reset": true } },
            { "nth": 3, "then": { "cut_after_bytes": 20, "reset": true } }
        ])))
        .start()
        .expect("a mock");
    let (cut, end) = by_hand(&mock);
    let (head, body) = cut.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(body.len(), 20);
    assert!(end.is_ok(), "closed, not reset");
    let (nothing, end) = by_hand(&mock);
    assert_eq!(nothing, "");
    assert_eq!(end, Err(std::io::ErrorKind::ConnectionReset));
    let (_, end) = by_hand(&mock);
    assert_eq!(end, Err(std::io::ErrorKind::ConnectionReset));
}

#[test]
fn next_can_be_led_astray() {
    let sandbox = Sandbox::new();
    sandbox.git(&["branch", "b"]);
    let mock = MockBitbucket::builder()
        .repo("team/app", sandbox.path())
        .faults(faults(json!([
            { "path": "*/refs/branches", "nth": 1, "then": { "foreign_next": "http://elsewhere.example.com" } },
            { "path": "*/refs/branches", "nth": 2, "then": { "loop_next": true } }
        ])))
        .start()
        .expect("a mock");
    let client = Client::new(&mock);
    let path = "/repositories/team/app/refs/branches?pagelen=1";
    let foreign = client.get(path).json()["next"].clone();
    assert_eq!(
        foreign,
        "http://elsewhere.example.com/2.0/repositories/team/app/refs/branches?pagelen=1&page=2"
    );
    let looping = client.get(path).json()["next"].clone();
    assert_eq!(looping, format!("{}{path}", mock.api_url()));
}

#[test]
fn the_recording_holds_every_request_and_no_secret() {
    let sandbox = Sandbox::new();
    let directory = tempfile::TempDir::new().expect("temporary folder");
    let file = directory.path().join("record.jsonl");
    let mock = MockBitbucket::builder()
        .repo("team/app", sandbox.path())
        .record(&file)
        .start()
        .expect("a mock");
    let client = Client::new(&mock);
    client.get("/user");
    let hook = json!({ "url": "https://ci.example.com/hook", "events": ["repo:push"], "secret": "very-hush-hush" });
    assert_eq!(
        client.post("/repositories/team/app/hooks", &hook).status,
        201
    );
    let text = std::fs::read_to_string(&file).expect("the recording");
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["request"]["body"]["secret"], "***");
    assert_eq!(lines[1]["response"]["body"]["secret_set"], true);
    let secrets: Vec<Secret> = vec![
        mock.api_token().token,
        mock.access_token(),
        Secret::new("very-hush-hush"),
    ];
    for secret in secrets {
        assert!(!text.contains(secret.expose()));
    }
}

#[test]
fn partial_answers_hold_only_what_was_asked_for() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let reply =
        Client::new(&mock).get("/repositories/team/app/refs/branches?fields=values.name,size");
    assert_eq!(
        reply.json(),
        json!({ "size": 1, "values": [{ "name": "main" }] })
    );
}

#[test]
fn a_dropped_mock_no_longer_listens() {
    let mock = MockBitbucket::builder().start().expect("a mock");
    let address = mock.address();
    drop(mock);
    let deadline = std::time::Instant::now() + super::support::LONG;
    while std::net::TcpStream::connect(address).is_ok() {
        assert!(std::time::Instant::now() < deadline, "still listening");
        std::thread::yield_now();
    }
}
