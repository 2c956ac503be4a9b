//! A git server over HTTP: `git http-backend` behind a socket, with the manners
//! of services that the mock does not have. It keeps what was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How the server behaves.
#[derive(Clone, Default)]
pub(crate) struct Manner {
    /// Speaks protocol v0 only, and so gives out tips of refs only.
    pub(crate) only_tips: bool,
    /// Wants this user and password, as the value of the header.
    pub(crate) authorization: Option<String>,
    /// Waits before each response.
    pub(crate) delay: Duration,
    /// Stands behind TLS, and so names addresses with `https`.
    pub(crate) behind_tls: bool,
    /// Sends everybody to this address instead.
    pub(crate) redirect: Option<String>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    method: String,
    query: String,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// A running server over the repositories of a directory.
pub(crate) struct GitServer {
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl GitServer {
    /// Serves the directories in `root`; LFS objects are in `root/lfs-objects`.
    pub(crate) fn start(root: &Path, manner: Manner) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let (shared, root) = (Arc::clone(&requests), root.to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (requests, manner, root) = (Arc::clone(&shared), manner.clone(), root.clone());
                std::thread::spawn(move || {
                    let Some(request) = read_request(&stream) else {
                        return;
                    };
                    lock(&requests).push(request.clone());
                    std::thread::sleep(manner.delay);
                    // A client that is gone does not mind.
                    let _ = respond(&stream, &request, &manner, &root);
                });
            }
        });
        Self { port, requests }
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}", self.port)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        lock(&self.requests).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read_request(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut request = Request {
        path: path.to_owned(),
        query: query.to_owned(),
        method,
        headers,
        body: Vec::new(),
    };
    if request.header("expect").is_some() {
        let mut stream = stream;
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    if request.header("transfer-encoding") == Some("chunked") {
        loop {
            line.clear();
            reader.read_line(&mut line).ok()?;
            let size = u64::from_str_radix(line.trim(), 16).ok()?;
            reader
                .by_ref()
                .take(size)
                .read_to_end(&mut request.body)
                .ok()?;
            reader.read_line(&mut line).ok()?;
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = request.header("content-length") {
        let length = length.parse().ok()?;
        reader.take(length).read_to_end(&mut request.body).ok()?;
    }
    Some(request)
}

fn respond(
    mut stream: &TcpStream,
    request: &Request,
    manner: &Manner,
    root: &Path,
) -> std::io::Result<()> {
    if let Some(target) = &manner.redirect {
        let location = format!("{target}{}?{}", request.path, request.query);
        let head = format!("Location: {location}\r\n");
        return write(&mut stream, "302 Found", &head, b"");
    }
    let given = request.header("authorization");
    if manner.authorization.is_some() && given != manner.authorization.as_deref() {
        let head = "WWW-Authenticate: Basic realm=\"tests\"\r\n";
        return write(&mut stream, "401 Unauthorized", head, b"");
    }
    if request.path.ends_with("/info/lfs/objects/batch") {
        return write_batch(&mut stream, request, manner.behind_tls);
    }
    if let Some(oid) = request.path.strip_prefix("/lfs-objects/") {
        return match std::fs::read(root.join("lfs-objects").join(oid)) {
            Ok(object) => write(&mut stream, "200 OK", "", &object),
            Err(_) => write(&mut stream, "404 Not Found", "", b""),
        };
    }
    let (head, body) = backend(request, manner, root);
    let status = head
        .lines()
        .find_map(|line| line.strip_prefix("Status: "))
        .unwrap_or("200 OK")
        .to_owned();
    write(
        &mut stream,
        &status,
        &format!("{}\r\n", head.trim_end()),
        &body,
    )
}

fn write_batch(
    stream: &mut &TcpStream,
    request: &Request,
    behind_tls: bool,
) -> std::io::Result<()> {
    let mut batch: serde_json::Value = serde_json::from_slice(&request.body)?;
    let host = request.header("host").unwrap_or_default();
    let scheme = if behind_tls { "https" } else { "http" };
    for object in batch["objects"].as_array_mut().into_iter().flatten() {
        let oid = object["oid"].as_str().unwrap_or_default().to_owned();
        let href = format!("{scheme}://{host}/lfs-objects/{oid}");
        object["actions"] = serde_json::json!({ "download": { "href": href } });
    }
    let body = serde_json::json!({ "transfer": "basic", "objects": batch["objects"] });
    let head = "Content-Type: application/vnd.git-lfs+json\r\n";
    write(stream, "200 OK", head, body.to_string().as_bytes())
}

fn write(stream: &mut &TcpStream, status: &str, head: &str, body: &[u8]) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status}\r\n{head}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)
}

/// The head and the body of `git http-backend`.
fn backend(request: &Request, manner: &Manner, root: &Path) -> (String, Vec<u8>) {
    let mut command = Command::new("git");
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "safe.directory")
        .env("GIT_CONFIG_VALUE_0", "*")
        .env("PATH_INFO", &request.path)
        .env("QUERY_STRING", &request.query)
        .env("REQUEST_METHOD", &request.method)
        .env("REMOTE_USER", "somebody")
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env_remove("GIT_PROTOCOL")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    for (variable, header) in [
        ("CONTENT_TYPE", "content-type"),
        ("HTTP_CONTENT_ENCODING", "content-encoding"),
    ] {
        command.env(variable, request.header(header).unwrap_or_default());
    }
    if let Some(version) = request.header("git-protocol").filter(|_| !manner.only_tips) {
        command.env("GIT_PROTOCOL", version);
    }
    let mut child = command.spawn().expect("git");
    let mut input = child.stdin.take().expect("its input");
    let body = request.body.clone();
    let writer = std::thread::spawn(move || input.write_all(&body));
    let output = child.wait_with_output().expect("its output");
    // A backend that does not read it all has said why.
    let _ = writer.join();
    let end = output
        .stdout
        .windows(4)
        .position(|four| four == b"\r\n\r\n");
    let end = end.expect("a head");
    (
        String::from_utf8_lossy(&output.stdout[..end]).into_owned(),
        output.stdout[end + 4..].to_vec(),
    )
}

/// Where the repositories of a test are.
pub(crate) fn repository_path(root: &Path, name: &str) -> PathBuf {
    root.join(name)
}
