//! A tiny HTTP service over a socket, and a host that remembers its log.

use crate::BitbucketCloud;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::prelude::*;

/// The token of the configured credential in these tests.
pub(crate) const TOKEN: &str = "ATCT-secret-of-the-tests";

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// Counts the connections, from zero.
    pub(crate) connection: usize,
}

impl Received {
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(present, _)| present.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// A query parameter as it stands, still encoded.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(present, _)| *present == name)
            .map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("the request has a JSON body")
    }
}

/// The bytes of a response.
pub(crate) struct Reply {
    bytes: Vec<u8>,
    hang_up: bool,
}

impl Reply {
    pub(crate) fn json(status: u16, body: impl ToString) -> Self {
        Self::with(
            status,
            &[("Content-Type", "application/json")],
            &body.to_string(),
        )
    }

    pub(crate) fn with(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let mut head = format!(
            "HTTP/1.1 {status} Status\r\nContent-Length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut bytes = format!("{head}\r\n").into_bytes();
        bytes.extend_from_slice(body.as_bytes());
        Self {
            bytes,
            hang_up: false,
        }
    }

    /// Nothing, on a connection that stays open.
    pub(crate) fn silence() -> Self {
        Self {
            bytes: Vec::new(),
            hang_up: false,
        }
    }

    /// These bytes, and then the connection ends.
    pub(crate) fn raw_then_hang_up(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            bytes: bytes.into(),
            hang_up: true,
        }
    }

    /// The same response, after which the connection ends without a warning.
    pub(crate) fn then_hang_up(mut self) -> Self {
        self.hang_up = true;
        self
    }

    pub(crate) fn not_found() -> Self {
        Self::json(
            404,
            r#"{"type":"error","error":{"message":"Resource not found"}}"#,
        )
    }
}

type Handler = dyn Fn(&Received) -> Reply + Send + Sync;

/// A service on a port of this machine; ends when it is dropped.
pub(crate) struct Service {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    ended: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Service {
    pub(crate) fn start(handler: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("the port is known");
        let received = Arc::new(Mutex::new(Vec::new()));
        let ended = Arc::new(AtomicBool::new(false));
        let handler: Arc<Handler> = Arc::new(handler);
        let accepting = {
            let received = Arc::clone(&received);
            let ended = Arc::clone(&ended);
            let connections = AtomicUsize::new(0);
            thread::spawn(move || {
                for stream in listener.incoming() {
                    if ended.load(Ordering::Acquire) {
                        return;
                    }
                    let Ok(stream) = stream else { return };
                    let number = connections.fetch_add(1, Ordering::AcqRel);
                    let received = Arc::clone(&received);
                    let handler = Arc::clone(&handler);
                    thread::spawn(move || serve(stream, number, &received, &*handler));
                }
            })
        };
        Self {
            address,
            received,
            ended,
            accepting: Some(accepting),
        }
    }

    /// A service that gives these responses one after the other, then the last again.
    pub(crate) fn scripted(replies: Vec<fn() -> Reply>) -> Self {
        let next = AtomicUsize::new(0);
        Self::start(move |_| {
            let index = next.fetch_add(1, Ordering::AcqRel).min(replies.len() - 1);
            replies[index]()
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().expect("no test panicked").clone()
    }

    /// A client of this service with an access token; `settings` is further TOML.
    pub(crate) fn client(&self, settings: &str) -> Box<dyn AuthorizedClient> {
        self.client_with(settings, Arc::new(SilentHost::default()))
    }

    pub(crate) fn client_with(
        &self,
        settings: &str,
        host: Arc<dyn HostServices>,
    ) -> Box<dyn AuthorizedClient> {
        self.server(settings, host)
            .authorized_client(Credential::access_token(Secret::from(TOKEN)))
            .expect("the credential is accepted")
    }

    pub(crate) fn server(&self, settings: &str, host: Arc<dyn HostServices>) -> Box<dyn VcsServer> {
        let config = format!(
            "apiUrl = '{}/2.0'\nbackoffMilliseconds = 1\n{settings}",
            self.url()
        );
        BitbucketCloud::new_server(&config, host).expect("the configuration is accepted")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        // Wakes the accepting thread.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn serve(stream: TcpStream, connection: usize, received: &Mutex<Vec<Received>>, handler: &Handler) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
    let Ok(mut writer) = stream.try_clone() else {
        return;
    };
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader, connection) {
        received
            .lock()
            .expect("no test panicked")
            .push(request.clone());
        let reply = handler(&request);
        if writer.write_all(&reply.bytes).is_err() || reply.hang_up {
            return;
        }
    }
}

fn read_request(reader: &mut impl BufRead, connection: usize) -> Option<Received> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut words = line.split_whitespace();
    let method = words.next()?.to_owned();
    let target = words.next()?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
            None => break,
        }
    }
    let mut request = Received {
        method,
        target,
        headers,
        body: String::new(),
        connection,
    };
    let length = request
        .header("content-length")
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    request.body = String::from_utf8(body).ok()?;
    Some(request)
}

/// A host without grants that remembers its log.
#[derive(Default)]
pub(crate) struct SilentHost {
    pub(crate) lines: Mutex<Vec<LogRecord>>,
}

impl HostServices for SilentHost {
    fn log(&self, record: LogRecord) {
        self.lines.lock().expect("no test panicked").push(record);
    }

    fn is_log_enabled(&self, _level: LogLevel) -> bool {
        true
    }

    fn load_grant(&self, _grant_id: &str) -> Result<Option<Grant>> {
        Ok(None)
    }

    fn store_grant(&self, _grant_id: &str, _grant: Grant) -> Result<()> {
        Ok(())
    }

    fn lock_grant(&self, _grant_id: &str, _wait_ms: u64) -> Result<u64> {
        Ok(0)
    }

    fn unlock_grant(&self, _grant_id: &str, _lock: u64) {}
}

/// A context with time enough.
pub(crate) fn context() -> HostCallContext {
    HostCallContext::new("test").with_time_limit(Duration::from_secs(30))
}

/// The response that says what a repository's main branch is.
pub(crate) fn main_branch() -> Reply {
    Reply::json(200, r#"{"uuid":"{1}","mainbranch":{"name":"main"}}"#)
}

pub(crate) const HASH: &str = "0123456789abcdef0123456789abcdef01234567";

/// The repository of the tests.
pub(super) fn repo() -> String {
    "team/repo".to_owned()
}

/// The method and path of each request that came, in order.
pub(super) fn targets(service: &Service) -> Vec<String> {
    let received = service.received();
    received
        .iter()
        .map(|request| format!("{} {}", request.method, request.path()))
        .collect()
}
