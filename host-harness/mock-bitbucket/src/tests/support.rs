//! A git repository in a temporary directory, and a plain HTTP client.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{ApiToken, MockBitbucket, Secret};

/// Long enough for anything that is going to happen.
pub(super) const LONG: Duration = Duration::from_secs(20);

/// A git repository that lives as long as this value.
pub(super) struct Sandbox {
    directory: TempDir,
}

/// A mock that serves a sandbox as `team/app`.
pub(super) fn mock_with(sandbox: &Sandbox) -> MockBitbucket {
    MockBitbucket::builder()
        .repo("team/app", sandbox.path())
        .start()
        .expect("a mock")
}

impl Sandbox {
    /// A repository with a work tree, branch `main`, and no commits.
    pub(super) fn empty() -> Self {
        let sandbox = Self {
            directory: TempDir::new().expect("temporary folder"),
        };
        sandbox.git(&["init", "--quiet", "--initial-branch=main", "--template="]);
        sandbox
    }

    /// A repository with one commit on `main`.
    pub(super) fn new() -> Self {
        let sandbox = Self::empty();
        sandbox.commit("first");
        sandbox
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file, and the directories above it.
    pub(super) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("directories");
        std::fs::write(path, content).expect("a file");
    }

    /// Adds an empty commit and returns its hash.
    pub(super) fn commit(&self, message: &str) -> String {
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.hash("HEAD")
    }

    pub(super) fn hash(&self, revision: &str) -> String {
        self.git(&["rev-parse", revision])
    }

    pub(super) fn git(&self, arguments: &[&str]) -> String {
        git_in(self.path(), arguments)
    }

    /// Appends `count` commits to `main` without running git once for each.
    pub(super) fn many_commits(&self, count: usize) {
        let mut input = String::new();
        for number in 0..count {
            let time = 1_700_000_000 + number;
            input.push_str(&format!(
                "commit refs/heads/main\ncommitter Ada <ada@example.com> {time} +0000\ndata 3\nc\nx\n"
            ));
            if number == 0 && !self.git(&["for-each-ref", "refs/heads/main"]).is_empty() {
                input.push_str("from refs/heads/main^0\n");
            }
        }
        let mut child = command(self.path())
            .args(["fast-import", "--quiet", "--force"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("git fast-import");
        child
            .stdin
            .take()
            .expect("standard input")
            .write_all(input.as_bytes())
            .expect("commits");
        assert!(child.wait().expect("git fast-import").success());
    }
}

fn command(directory: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_AUTHOR_NAME", "Ada")
        .env("GIT_AUTHOR_EMAIL", "ada@example.com")
        .env("GIT_COMMITTER_NAME", "Ada")
        .env("GIT_COMMITTER_EMAIL", "ada@example.com");
    command
}

/// Runs git and returns its output without the last line end.
pub(super) fn git_in(directory: &Path, arguments: &[&str]) -> String {
    let output = command(directory).args(arguments).output().expect("git");
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned()
}

/// Runs git and says whether it succeeded.
pub(super) fn git_succeeds(directory: &Path, arguments: &[&str]) -> bool {
    command(directory)
        .args(arguments)
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .expect("git")
        .success()
}

/// A clone of a served repository; the credential goes in by a header.
pub(super) fn clone_of(
    mock: &MockBitbucket,
    full_name: &str,
    user: &str,
    secret: &Secret,
) -> (TempDir, PathBuf) {
    let directory = TempDir::new().expect("temporary folder");
    let url = with_credential(&mock.clone_url(full_name), user, secret);
    git_in(directory.path(), &["clone", "--quiet", &url, "work"]);
    let work = directory.path().join("work");
    (directory, work)
}

/// An address with user name and password, for git in tests only.
pub(super) fn with_credential(url: &str, user: &str, secret: &Secret) -> String {
    let password = crate::model::links::segment(secret.expose());
    url.replace("http://", &format!("http://{user}:{password}@"))
}

/// How a request authenticates.
pub(super) enum As {
    Nobody,
    Basic(String, String),
    Bearer(String),
}

impl From<ApiToken> for As {
    fn from(token: ApiToken) -> Self {
        Self::Basic(token.email, token.token.expose().to_owned())
    }
}

impl From<Secret> for As {
    fn from(token: Secret) -> Self {
        Self::Bearer(token.expose().to_owned())
    }
}

/// A response, read whole.
pub(super) struct Received {
    pub(super) status: u16,
    pub(super) headers: ureq::http::HeaderMap,
    pub(super) text: String,
}

impl Received {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {}", self.text))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The names of all values of a list.
    pub(super) fn names(&self) -> Vec<String> {
        self.strings("/name")
    }

    /// The text at a pointer of every value of a list.
    pub(super) fn strings(&self, pointer: &str) -> Vec<String> {
        self.json()["values"]
            .as_array()
            .expect("values")
            .iter()
            .map(|value| {
                value
                    .pointer(pointer)
                    .and_then(Value::as_str)
                    .unwrap_or("?")
                    .to_owned()
            })
            .collect()
    }

    pub(super) fn message(&self) -> String {
        self.json()["error"]["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

/// A client with one credential and one pool of connections.
pub(super) struct Client {
    agent: ureq::Agent,
    base: String,
    who: As,
}

impl Client {
    /// A client of the API with the mock's full API token.
    pub(super) fn new(mock: &MockBitbucket) -> Self {
        Self::with(mock, mock.api_token())
    }

    pub(super) fn with(mock: &MockBitbucket, who: impl Into<As>) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(LONG))
            .proxy(None)
            .build()
            .into();
        Self {
            agent,
            base: mock.api_url().to_owned(),
            who: who.into(),
        }
    }

    fn url(&self, path: &str) -> String {
        if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.base)
        }
    }

    pub(super) fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<(&str, &[u8])>,
    ) -> Result<Received, ureq::Error> {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(self.url(path));
        match &self.who {
            As::Nobody => {}
            As::Basic(user, password) => {
                use base64::Engine as _;
                let encoded =
                    base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
                request = request.header("Authorization", format!("Basic {encoded}"));
            }
            As::Bearer(token) => {
                request = request.header("Authorization", format!("Bearer {token}"))
            }
        }
        let mut response = match body {
            Some((content_type, bytes)) => self.agent.run(
                request
                    .header("Content-Type", content_type)
                    .body(bytes)
                    .expect("request"),
            )?,
            None => self.agent.run(request.body(()).expect("request"))?,
        };
        Ok(Received {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.body_mut().read_to_string()?,
        })
    }

    pub(super) fn get(&self, path: &str) -> Received {
        self.send("GET", path, None).expect("a response")
    }

    pub(super) fn delete(&self, path: &str) -> Received {
        self.send("DELETE", path, None).expect("a response")
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Received {
        self.send(
            "POST",
            path,
            Some(("application/json", body.to_string().as_bytes())),
        )
        .expect("a response")
    }

    pub(super) fn put(&self, path: &str, body: &Value) -> Received {
        self.send(
            "PUT",
            path,
            Some(("application/json", body.to_string().as_bytes())),
        )
        .expect("a response")
    }
}

/// Subscribes `team/app` to events. The receiver is not there, but the log of
/// deliveries is.
pub(super) fn subscribe(client: &Client, events: &[&str]) {
    let hook = client.post(
        "/repositories/team/app/hooks",
        &json!({
            "description": "test",
            "url": "http://127.0.0.1:9/hook",
            "active": true,
            "events": events,
        }),
    );
    assert_eq!(hook.status, 201, "{}", hook.text);
}

/// Events and bodies delivered so far.
pub(super) fn delivered(mock: &MockBitbucket) -> Vec<(String, Value)> {
    assert!(mock.wait_until_delivered(LONG));
    mock.deliveries()
        .into_iter()
        .map(|one| {
            let body = serde_json::from_slice(&one.body).expect("JSON");
            (one.event, body)
        })
        .collect()
}

/// The keys of the events delivered so far, sorted.
pub(super) fn events(mock: &MockBitbucket) -> Vec<String> {
    let mut events: Vec<String> = delivered(mock)
        .into_iter()
        .map(|(event, _)| event)
        .collect();
    events.sort();
    events
}
