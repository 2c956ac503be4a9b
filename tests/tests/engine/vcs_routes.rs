//! The routes of the vcs service that write, and those for files, with the provider
//! and the service.

use integration_tests::bitbucket::REPO;
use integration_tests::engine_process::{EngineHome, EngineProcess, SERVER};
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::MockBitbucket;
use serde_json::{Value, json};
use std::io::Read;

struct Fixture {
    engine: EngineProcess,
    git: GitSandbox,
    _mock: MockBitbucket,
    _home: EngineHome,
}

impl Fixture {
    fn new() -> Self {
        let git = GitSandbox::small();
        git.git(&["branch", "topic", "main"]);
        let mock = MockBitbucket::builder()
            .repo(REPO, git.path())
            .start()
            .unwrap();
        let home = EngineHome::public(&mock, "");
        Self {
            engine: home.start(),
            git,
            _mock: mock,
            _home: home,
        }
    }

    fn url(&self, path: &str) -> String {
        self.engine
            .vcs(&format!("/vcs/{SERVER}/repos/{REPO}{path}"))
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let (status, response) = self.engine.post(&self.url(path), body);
        assert_eq!(status, 200, "{path}: {response}");
        response
    }

    fn get(&self, path: &str) -> Value {
        let (status, response) = self.engine.get(&self.url(path));
        assert_eq!(status, 200, "{path}: {response}");
        response
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> (u16, Vec<u8>) {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(self.url(path))
            .header("Authorization", format!("Bearer {}", self.engine.token));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .build()
            .into();
        let mut response = agent.run(request.body(body).unwrap()).unwrap();
        let mut bytes = Vec::new();
        response
            .body_mut()
            .as_reader()
            .read_to_end(&mut bytes)
            .unwrap();
        (response.status().as_u16(), bytes)
    }
}

#[test]
fn files_folders_and_archives_are_read() {
    let fixture = Fixture::new();
    let text = std::fs::read(fixture.git.path().join("src/main.rs")).unwrap();
    let file = fixture.get("/content/src/main.rs?commit=main");
    assert_eq!(
        (&file["Name"], &file["IsFile"]),
        (&json!("main.rs"), &json!(true))
    );
    let encoded = file["Content"].as_str().unwrap();
    assert_eq!(base64_decoded(encoded), text);
    let raw = [("Accept", "application/octet-stream")];
    let (status, bytes) = fixture.send("GET", "/content/src/main.rs", &raw, b"");
    assert_eq!((status, bytes), (200, text));
    let listed = fixture.get("/contents/src?commit=main");
    assert!(
        listed
            .as_array()
            .unwrap()
            .iter()
            .any(|item| item["Name"] == "main.rs"),
        "{listed}"
    );
    let kind = [("Content-Type", "application/json")];
    let (status, archive) = fixture.send(
        "POST",
        "/archive",
        &kind,
        br#"{"format":"zip","commit":"main"}"#,
    );
    assert_eq!((status, &archive[..2]), (200, &b"PK"[..]));
    let (status, body) = fixture.send("POST", "/archive", &kind, br#"{"format":"rar"}"#);
    assert_eq!(status, 400, "{}", String::from_utf8_lossy(&body));
}

fn base64_decoded(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap()
}

#[test]
fn a_pull_request_is_opened_commented_on_and_found() {
    let fixture = Fixture::new();
    fixture.git.git(&["switch", "--quiet", "topic"]);
    fixture.git.write("new.txt", "new");
    let head = fixture.git.commit_all("new");
    let opened = fixture.post(
        "/pullrequests",
        &json!({ "title": "New", "head": { "branch": { "display_id": "topic" } }, "base": { "branch": { "display_id": "main" } } }),
    );
    let number = opened["id"].as_u64().unwrap();
    assert_eq!(opened["head"]["branch"]["display_id"], "topic");
    let said = fixture.post(
        "/pullrequests/comments",
        &json!({ "id": number, "message": "first" }),
    );
    assert_eq!(said["text"], "first");
    fixture.post(
        &format!("/pullrequests/{number}/comments"),
        &json!({ "message": "second" }),
    );
    let comments = fixture.get(&format!("/pullrequests/{number}/comments"));
    assert_eq!(comments.as_array().unwrap().len(), 2);
    let found = fixture.get(&format!("/search/pullrequest?commit={head}"));
    assert_eq!(found["id"], number);
}

#[test]
fn hooks_are_made_and_changed_and_reports_and_releases_published() {
    let fixture = Fixture::new();
    let url = "https://ci.example.com/api/webhook/made-by-hand";
    let hook = fixture.post(
        "/hooks",
        &json!({ "name": "by hand", "url": url, "events": ["repo:push"] }),
    );
    let id = hook["id"].as_str().unwrap();
    let kind = [("Content-Type", "application/json")];
    let change = json!({ "name": "changed", "url": url, "events": ["repo:push"], "disable": true });
    let (status, body) = fixture.send(
        "PUT",
        &format!("/hooks?id={id}"),
        &kind,
        change.to_string().as_bytes(),
    );
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    let found = fixture.get(&format!("/hooks?url={url}"));
    assert_eq!(
        (&found["name"], &found["disable"]),
        (&json!("changed"), &json!(true))
    );
    let head = fixture.git.hash("main");
    let report = json!({ "title": "Coverage", "details": "good", "kind": "Coverage" });
    let path = format!("/commits/{head}/insight/coverage");
    let (status, body) = fixture.send("PUT", &path, &kind, report.to_string().as_bytes());
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    let release = fixture.post(
        "/releases",
        &json!({ "tag": "v9", "title": "Nine", "commit": head }),
    );
    assert!(release["upload_url"].is_string(), "{release}");
    let file = vec![7_u8; 3 * 1024 * 1024];
    let bytes = [("Content-Type", "application/octet-stream")];
    let (status, body) = fixture.send("POST", "/releases/v9/artifacts/app.bin", &bytes, &file);
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["length"], file.len());
}

#[test]
fn a_consent_is_begun_by_the_address_of_cds() {
    let fixture = Fixture::new();
    let url = fixture.engine.vcs(&format!("/vcs/{SERVER}/authorize"));
    let (status, begun) = fixture.engine.get(&format!("{url}?project=KEY"));
    assert_eq!(status, 200, "{begun}");
    let state = begun["token"].as_str().unwrap();
    assert!(state.len() >= 22 && begun["url"].as_str().unwrap().contains(state));
    assert_eq!(fixture.engine.get(&url).0, 400);
    let wrong = json!({ "state": state, "code": "made-up" });
    assert_ne!(
        fixture
            .engine
            .post(&format!("{url}?project=OTHER"), &wrong)
            .0,
        200
    );
}
