//! A small GitLab: the API v4 that the provider uses, over a real git
//! repository, as GitLab's documentation has it. It knows nothing of the provider.
//!
//! Strict where GitLab is: a token is wanted, an encoded full name is one
//! segment, a keyset list has no page numbers, the code of consent is bound to
//! its challenge and good once.

mod pages;
mod project;
mod repository;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pages::projects;
use percent_encoding::percent_decode_str;
use project::of_project;
use repository::git;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use vcs_conformance::ServerFaults;

/// The token of the one account.
pub(crate) const TOKEN: &str = "glpat-not-a-real-token";
/// The OAuth application.
pub(crate) const CLIENT: (&str, &str) = ("app-id", "gloas-not-a-real-secret");

/// A project.
struct Project {
    id: u64,
    path: String,
    git: PathBuf,
    hooks: Vec<Value>,
    /// The tokens of the hooks, by their ids.
    tokens: HashMap<u64, Value>,
    statuses: Vec<Value>,
    merge_requests: Vec<Value>,
}

/// The state of the service.
#[derive(Default)]
struct State {
    projects: Vec<Project>,
    /// Codes that were given out, with their challenges.
    codes: HashMap<String, String>,
    tokens: Vec<String>,
    next_id: u64,
    requests: Vec<String>,
}

/// A running service; it ends with the process.
pub(crate) struct GitLabServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    faults: Arc<Faults>,
}

struct Faults {
    delay_ms: AtomicU64,
    answered: AtomicU64,
    retry_after: AtomicU64,
}

impl ServerFaults for GitLabServer {
    fn slow_down(&self, delay: Duration) {
        let delay = u64::try_from(delay.as_millis()).unwrap();
        self.faults.delay_ms.store(delay, Ordering::SeqCst);
    }

    fn fail_after(&self, answered: u64) {
        self.faults.answered.store(answered, Ordering::SeqCst);
    }

    fn limit_rate(&self, wait: Duration) {
        self.faults
            .retry_after
            .store(wait.as_secs().max(1), Ordering::SeqCst);
    }

    fn restore(&self) {
        self.faults.delay_ms.store(0, Ordering::SeqCst);
        self.faults.answered.store(u64::MAX, Ordering::SeqCst);
        self.faults.retry_after.store(0, Ordering::SeqCst);
    }
}

struct Request {
    method: String,
    path: String,
    query: HashMap<String, String>,
    headers: HashMap<String, String>,
    body: Value,
}

struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Value,
}

fn reply(status: u16, body: Value) -> Reply {
    Reply {
        status,
        headers: Vec::new(),
        body,
    }
}

fn not_found(what: &str) -> Reply {
    reply(404, json!({ "message": format!("404 {what} Not Found") }))
}

impl GitLabServer {
    /// Starts a service without projects.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            state: Arc::default(),
            faults: Arc::new(Faults {
                delay_ms: AtomicU64::new(0),
                answered: AtomicU64::new(u64::MAX),
                retry_after: AtomicU64::new(0),
            }),
        };
        let (state, faults, base) = (
            Arc::clone(&server.state),
            Arc::clone(&server.faults),
            server.url(),
        );
        std::thread::Builder::new()
            .name("gitlab".to_owned())
            .spawn(move || {
                for stream in listener.incoming().flatten() {
                    let (state, faults, base) =
                        (Arc::clone(&state), Arc::clone(&faults), base.clone());
                    let serve = move || serve(&stream, &state, &faults, &base);
                    let thread = std::thread::Builder::new().name("gitlab".to_owned());
                    drop(thread.spawn(serve).unwrap());
                }
            })
            .unwrap();
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A project over a bare repository.
    pub(crate) fn add_project(&self, path: &str, git: &Path) {
        let mut state = self.state.lock().unwrap();
        state.next_id += 1;
        let id = state.next_id;
        state.projects.push(Project {
            id,
            path: path.to_owned(),
            git: git.to_owned(),
            hooks: Vec::new(),
            tokens: HashMap::new(),
            statuses: Vec::new(),
            merge_requests: Vec::new(),
        });
    }

    /// Opens a merge request of a branch into `main`; returns its `iid`.
    pub(crate) fn open_merge_request(&self, path: &str, branch: &str, title: &str) -> u64 {
        let mut state = self.state.lock().unwrap();
        state.next_id += 1;
        let global = state.next_id;
        let found = state.projects.iter_mut().find(|one| one.path == path);
        let project = found.unwrap();
        let iid = project.merge_requests.len() as u64 + 1;
        let sha = git(
            &project.git,
            &["rev-parse", &format!("refs/heads/{branch}")],
        );
        project.merge_requests.push(json!({
            "id": global, "iid": iid, "title": title, "description": "", "state": "opened",
            "source_branch": branch, "target_branch": "main", "sha": sha.trim(),
            "source_project_id": project.id, "target_project_id": project.id,
            "draft": true, "labels": ["ci", "wish"], "author": account(),
            "web_url": format!("https://gitlab.example/{path}/-/merge_requests/{iid}"),
            "created_at": "2024-01-02T03:04:05.000Z", "updated_at": "2024-01-02T03:04:06.000Z",
        }));
        iid
    }

    /// What a user's browser does at the consent page: gives a code for it.
    pub(crate) fn consent(&self, address: &str) -> String {
        let (_, query) = address.split_once('?').unwrap();
        let query = query_of(query);
        assert_eq!(query["response_type"], "code");
        assert_eq!(query["client_id"], CLIENT.0);
        assert_eq!(query["code_challenge_method"], "S256");
        let mut state = self.state.lock().unwrap();
        state.next_id += 1;
        let code = format!("code-{}", state.next_id);
        let challenge = query["code_challenge"].clone();
        state.codes.insert(code.clone(), challenge);
        code
    }

    /// Delivers a push of a branch to every hook of a project; the statuses of the
    /// responses.
    pub(crate) fn deliver_push(&self, path: &str, branch: &str) -> Vec<u16> {
        let (deliveries, body) = {
            let state = self.state.lock().unwrap();
            let found = state.projects.iter().find(|one| one.path == path);
            let project = found.unwrap();
            let hash = git(
                &project.git,
                &["rev-parse", &format!("refs/heads/{branch}")],
            );
            let body = json!({
                "object_kind": "push", "event_name": "push", "ref": format!("refs/heads/{branch}"),
                "before": "0".repeat(40), "after": hash.trim(), "checkout_sha": hash.trim(),
                "user_id": 9, "user_name": "Ada L.", "user_username": "ada",
                "project_id": project.id, "total_commits_count": 1, "commits": [],
                "project": project_json(project, &self.url()),
            });
            let hooks = project.hooks.iter().map(|hook| {
                let token = &project.tokens[&hook["id"].as_u64().unwrap()];
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                (text(&hook["url"]), text(token))
            });
            (hooks.collect::<Vec<_>>(), body.to_string())
        };
        let mut statuses = Vec::new();
        for (number, (url, token)) in deliveries.iter().enumerate() {
            let (host, target) = url
                .strip_prefix("http://")
                .unwrap()
                .split_once('/')
                .unwrap();
            let mut stream = TcpStream::connect(host).unwrap();
            let request = format!(
                "POST /{target} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
                 X-Gitlab-Event: Push Hook\r\nX-Gitlab-Event-UUID: {path}-{branch}-{number}\r\n\
                 X-Gitlab-Token: {token}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(request.as_bytes()).unwrap();
            let mut response = String::new();
            stream.read_to_string(&mut response).unwrap();
            let status = response.split(' ').nth(1).unwrap();
            statuses.push(status.parse().unwrap());
        }
        statuses
    }

    /// The requests so far, as `METHOD path`.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }

    /// The statuses of a project, as `name status`.
    pub(crate) fn statuses(&self, path: &str) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let found = state.projects.iter().find(|one| one.path == path);
        let text = |status: &Value, key: &str| status[key].as_str().unwrap().to_owned();
        let statuses = found.unwrap().statuses.iter();
        statuses
            .map(|status| format!("{} {}", text(status, "name"), text(status, "status")))
            .collect()
    }
}

fn account() -> Value {
    json!({ "id": 9, "username": "ada", "name": "Ada L.", "avatar_url": null })
}

fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " "))
        .decode_utf8_lossy()
        .into_owned()
}

fn query_of(text: &str) -> HashMap<String, String> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(key, value)| (decoded(key), decoded(value)))
        .collect()
}

fn read_request(stream: &TcpStream) -> Option<(Request, String)> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers
        .get("content-length")
        .and_then(|text| text.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let request = Request {
        method,
        path: path.to_owned(),
        query: query_of(query),
        headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    Some((request, target))
}

fn serve(stream: &TcpStream, state: &Mutex<State>, faults: &Faults, base: &str) {
    let Some((request, target)) = read_request(stream) else {
        return;
    };
    std::thread::sleep(Duration::from_millis(
        faults.delay_ms.load(Ordering::SeqCst),
    ));
    let retry_after = faults.retry_after.load(Ordering::SeqCst);
    let answered = faults.answered.load(Ordering::SeqCst);
    let reply = if retry_after > 0 {
        let mut limited = reply(429, json!({ "message": "Too many requests" }));
        limited
            .headers
            .push(("Retry-After".to_owned(), retry_after.to_string()));
        limited
    } else if answered == 0 {
        reply(500, json!({ "message": "500 Internal Server Error" }))
    } else {
        if answered < u64::MAX {
            faults.answered.store(answered - 1, Ordering::SeqCst);
        }
        let mut state = state.lock().unwrap();
        state.requests.push(format!("{} {target}", request.method));
        respond(&mut state, &request, base)
    };
    let body = match &reply.body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    let mut text = format!(
        "HTTP/1.1 {} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\nX-Request-Id: 01HZ\r\n",
        reply.status,
        body.len()
    );
    for (name, value) in &reply.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    let mut stream = stream;
    let _ = stream.write_all(text.as_bytes());
    let _ = stream.write_all(body.as_bytes());
}

fn respond(state: &mut State, request: &Request, base: &str) -> Reply {
    if request.path == "/oauth/token" {
        return exchange(state, request);
    }
    let given = request
        .headers
        .get("authorization")
        .map_or("", String::as_str);
    let is_known = given
        .strip_prefix("Bearer ")
        .is_some_and(|token| token == TOKEN || state.tokens.iter().any(|known| known == token));
    if !is_known {
        return reply(401, json!({ "message": "401 Unauthorized" }));
    }
    let segments: Vec<String> = request
        .path
        .trim_start_matches("/api/v4/")
        .split('/')
        .map(decoded)
        .collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["user"] => reply(200, account()),
        ["projects"] => projects(state, request, base, ""),
        ["groups", group, "projects"] => projects(state, request, base, group),
        ["projects", path, rest @ ..] => {
            state.next_id += 1;
            let next_id = state.next_id;
            match state.projects.iter_mut().find(|one| one.path == *path) {
                Some(project) => of_project(project, next_id, request, rest, base),
                None => not_found("Project"),
            }
        }
        _ => not_found("Page"),
    }
}

fn exchange(state: &mut State, request: &Request) -> Reply {
    let text = |key: &str| request.body[key].as_str().unwrap_or_default();
    let challenge = state.codes.remove(text("code"));
    let verifier = URL_SAFE_NO_PAD.encode(Sha256::digest(text("code_verifier").as_bytes()));
    let is_right = text("grant_type") == "authorization_code"
        && (text("client_id"), text("client_secret")) == CLIENT
        && challenge.is_some_and(|challenge| challenge == verifier);
    if !is_right {
        return reply(400, json!({ "error": "invalid_grant" }));
    }
    let token = format!("oauth-{}", state.tokens.len());
    state.tokens.push(token.clone());
    reply(
        200,
        json!({ "access_token": token, "refresh_token": "r", "expires_in": 7200, "scope": "api", "token_type": "Bearer" }),
    )
}

fn project_json(project: &Project, base: &str) -> Value {
    let name = project.path.rsplit('/').next().unwrap();
    let is_empty = git(&project.git, &["for-each-ref", "--count=1"]).is_empty();
    let default_branch = (!is_empty).then_some("main");
    json!({
        "id": project.id, "name": name, "path": name, "path_with_namespace": project.path,
        "web_url": format!("{base}/{}", project.path), "default_branch": default_branch,
        "http_url_to_repo": format!("{base}/{}.git", project.path),
        "ssh_url_to_repo": format!("git@gitlab.example:{}.git", project.path),
        "visibility": "internal", "archived": false, "empty_repo": is_empty,
    })
}
