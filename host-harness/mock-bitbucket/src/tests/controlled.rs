//! A mock as a program of its own: the control API, a state from a file, the same
//! names in every run, TLS.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::support::{As, Client, LONG};
use crate::{MockBitbucket, StateFile};

fn anywhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn state() -> StateFile {
    serde_json::from_value(json!({
        "users": [{ "display_name": "Robin", "email": "robin@example.com" }],
        "workspaces": [{ "slug": "other", "administrator": false }],
        "repositories": [{
            "full_name": "team/app",
            "is_private": false,
            "commits": [
                { "branch": "main", "message": "first", "files": { "a/b.txt": "one\n", "c.txt": "x" } },
                { "branch": "topic", "message": "second", "files": { "c.txt": null },
                  "author": "Robin <robin@example.com>" },
            ],
        }],
        "tokens": [{ "kind": "api_token", "token": "chosen-by-hand", "email": "robin@example.com",
                     "scopes": ["read:repository:bitbucket"] }],
        "hooks": [{ "repository": "team/app", "url": "http://127.0.0.1:9/", "events": ["repo:push"],
                    "secret": "hidden-secret" }],
        "pull_requests": [{ "repository": "team/app", "title": "One", "source": "topic",
                            "destination": "main" }],
    }))
    .expect("a state")
}

/// A request to the control API: status and body.
fn control(mock: &MockBitbucket, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let url = format!("{}{path}", mock.control_url().expect("a control API"));
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(LONG))
        .proxy(None)
        .build()
        .into();
    let request = ureq::http::Request::builder().method(method).uri(url);
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let mut response = agent
        .run(request.body(body).expect("a request"))
        .expect("a response");
    let text = response.body_mut().read_to_string().expect("text");
    (
        response.status().as_u16(),
        serde_json::from_str(&text).expect("JSON"),
    )
}

#[test]
fn a_state_is_loaded_and_dumped_without_its_secrets() {
    let mock = MockBitbucket::builder().start().expect("a mock");
    mock.load_state(&state()).expect("a state");
    let client = Client::with(
        &mock,
        As::Basic("robin@example.com".into(), "chosen-by-hand".into()),
    );
    let branches = client.get("/repositories/team/app/refs/branches");
    assert_eq!(branches.names(), ["main", "topic"]);
    let file = client.get("/repositories/team/app/src/main/a/b.txt");
    assert_eq!(file.text, "one\n");
    let topic = client.get("/repositories/team/app/commits/topic").json();
    assert_eq!(topic["values"][0]["author"]["user"]["nickname"], "Robin");
    let full = Client::new(&mock);
    let pulls = full.get("/repositories/team/app/pullrequests").json();
    assert_eq!(pulls["values"][0]["title"], "One");
    let dump = serde_json::to_string(&mock.dump_state()).expect("JSON");
    for secret in [
        "chosen-by-hand",
        "hidden-secret",
        mock.access_token().expose(),
        mock.api_token().token.expose(),
    ] {
        assert!(!dump.contains(secret), "{dump}");
    }
    let again: StateFile = serde_json::from_str(&dump).expect("a state");
    let second = MockBitbucket::builder().start().expect("a mock");
    second.load_state(&again).expect("the dump");
    assert_eq!(
        Client::new(&second)
            .get("/repositories/team/app/pullrequests")
            .strings("/title"),
        ["One"]
    );
    let typo = serde_json::from_value::<StateFile>(json!({ "repos": [] }));
    assert!(typo.is_err(), "an unknown key is no state");
}

#[test]
fn the_same_seed_makes_the_same_names() {
    let names = |seed: u64| {
        let mock = MockBitbucket::builder().seed(seed).start().expect("a mock");
        mock.load_state(&state()).expect("a state");
        let hooks = mock.hooks("team/app").expect("hooks");
        (
            mock.api_token().token.expose().to_owned(),
            mock.oauth_consumer().id,
            hooks[0].0.clone(),
        )
    };
    assert_eq!(names(7), names(7));
    assert_ne!(names(7), names(8));
}

#[test]
fn the_control_api_pushes_moves_the_clock_breaks_and_makes_tokens() {
    let mock = MockBitbucket::builder()
        .control(anywhere())
        .start()
        .expect("a mock");
    let loaded = control(
        &mock,
        "POST",
        "/state",
        Some(serde_json::to_value(json!({
            "repositories": [{ "full_name": "team/app",
                "commits": [{ "branch": "main", "message": "first", "files": { "a": "1" } }] }],
            "hooks": [{ "repository": "team/app", "url": "http://127.0.0.1:9/", "events": ["repo:push"] }],
        }))
        .expect("JSON")),
    );
    assert_eq!(loaded.0, 200, "{}", loaded.1);
    let (status, pushed) = control(
        &mock,
        "POST",
        "/push",
        Some(
            json!({ "repository": "team/app", "branch": "main", "message": "more", "files": { "a": "2" } }),
        ),
    );
    assert_eq!(status, 201, "{pushed}");
    let client = Client::new(&mock);
    let main = client
        .get("/repositories/team/app/refs/branches/main")
        .json();
    assert_eq!(main["target"]["hash"], pushed["hash"]);
    assert!(mock.wait_until_delivered(LONG));
    let (_, deliveries) = control(&mock, "GET", "/deliveries", None);
    assert_eq!(deliveries[0]["event"], "repo:push");
    let (_, token) = control(
        &mock,
        "POST",
        "/tokens",
        Some(
            json!({ "kind": "repository_access_token", "repository": "team/app", "expires_in": 60 }),
        ),
    );
    let token = token["token"].as_str().expect("a token").to_owned();
    let with = Client::with(&mock, As::Bearer(token));
    assert_eq!(with.get("/repositories/team/app").status, 200);
    control(&mock, "POST", "/clock", Some(json!({ "advance": 61 })));
    assert_eq!(with.get("/repositories/team/app").status, 401);
    let rule = json!({ "path": "*/team/app", "then": { "status": 503 } });
    assert_eq!(control(&mock, "POST", "/faults", Some(rule)).0, 200);
    assert_eq!(client.get("/repositories/team/app").status, 503);
    control(&mock, "DELETE", "/faults", None);
    assert_eq!(client.get("/repositories/team/app").status, 200);
    let (_, requests) = control(&mock, "GET", "/requests", None);
    assert!(requests.as_array().is_some_and(|all| all.len() >= 5));
    let wrong = control(&mock, "POST", "/clock", Some(json!({ "advnce": 1 })));
    assert_eq!(wrong.0, 400);
    assert!(
        wrong.1["error"]
            .as_str()
            .is_some_and(|text| text.contains("advnce"))
    );
    assert_eq!(control(&mock, "GET", "/nowhere", None).0, 404);
}

#[test]
fn with_tls_its_own_authority_is_trusted_and_no_other() {
    let mock = MockBitbucket::builder().tls().start().expect("a mock");
    assert!(mock.api_url().starts_with("https://127.0.0.1:"));
    let authority = mock.authority().expect("an authority");
    let user = format!("{}/user", mock.api_url());
    let token = mock.api_token();
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!(
        "{}:{}",
        token.email,
        token.token.expose()
    ));
    let get = |roots: ureq::tls::RootCerts| {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(LONG))
            .proxy(None)
            .tls_config(ureq::tls::TlsConfig::builder().root_certs(roots).build())
            .build()
            .into();
        agent
            .get(&user)
            .header("Authorization", format!("Basic {encoded}"))
            .call()
            .map(|response| response.status().as_u16())
    };
    let certificate = ureq::tls::Certificate::from_pem(authority.as_bytes()).expect("PEM");
    assert_eq!(
        get(ureq::tls::RootCerts::from([certificate])).ok(),
        Some(200)
    );
    assert!(get(ureq::tls::RootCerts::WebPki).is_err());
}
