//! A proxy on this machine that adds the password of the configured one.
//!
//! Git can ask a credential helper for a proxy's password, git-lfs cannot. So
//! neither of them is told: both go to a port of this process, which passes their
//! connections on to the proxy with the right header. The port wants a token of
//! its own, made for this checkout, so that other users of the machine cannot use
//! the proxy through it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use url::Url;
use vcs_provider_interface::secret::Secret;

/// The longest head of a request that is read.
const LONGEST_HEAD: usize = 64 * 1024;
/// How long a client may take for its head, and the proxy to be connected to.
const PATIENCE: Duration = Duration::from_secs(30);
/// The user of the relay's own token.
const USER: &str = "checkout";

/// What a client that does not know the token is told.
const UNAUTHORIZED: &[u8] = b"HTTP/1.1 407 Proxy Authentication Required\r\n\
    Proxy-Authenticate: Basic realm=\"checkout\"\r\n\
    Content-Length: 0\r\nConnection: close\r\n\r\n";

/// What a client is told where the proxy cannot be reached.
const UNREACHABLE: &[u8] =
    b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// A running relay; it ends when it is dropped.
pub(super) struct Relay {
    port: u16,
    token: String,
    has_ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Where connections are passed on to, and as whom.
struct Target {
    host: String,
    port: u16,
    /// The value of the header for the proxy.
    authorization: Secret,
    /// The value of the header for the relay.
    token: String,
}

impl Relay {
    /// Starts a relay to this proxy; `None` for one that is not spoken to in
    /// plain HTTP.
    pub(super) fn start(
        proxy: &Url,
        username: &str,
        password: &Secret,
    ) -> io::Result<Option<Self>> {
        let (Some(host), "http") = (proxy.host_str(), proxy.scheme()) else {
            return Ok(None);
        };
        let basic = |user: &str, password: &str| {
            format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
        };
        let token = uuid::Uuid::new_v4().simple().to_string();
        let target = Arc::new(Target {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: proxy.port_or_known_default().unwrap_or(80),
            authorization: Secret::from(basic(username, password.expose())),
            token: basic(USER, &token),
        });
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let has_ended = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&has_ended);
        let thread = std::thread::Builder::new()
            .name("git-proxy".to_owned())
            .spawn(move || accept(&listener, &target, &ended))?;
        Ok(Some(Self {
            port,
            token,
            has_ended,
            thread: Some(thread),
        }))
    }

    /// The address of the relay with its token, for git and git-lfs.
    pub(super) fn address(&self) -> String {
        format!("http://{USER}:{}@127.0.0.1:{}", self.token, self.port)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.has_ended.store(true, Ordering::Release);
        // Wakes the thread, so that it sees the end.
        let woken = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], self.port)));
        if let (Ok(_), Some(thread)) = (woken, self.thread.take()) {
            // It does not panic; if it did, its work is over as well.
            let _ = thread.join();
        }
    }
}

fn accept(listener: &TcpListener, target: &Arc<Target>, has_ended: &AtomicBool) {
    for client in listener.incoming() {
        if has_ended.load(Ordering::Acquire) {
            return;
        }
        let Ok(client) = client else { continue };
        let target = Arc::clone(target);
        // Connections end with git, which is ended before the relay.
        let started = std::thread::Builder::new()
            .name("git-proxy".to_owned())
            .spawn(move || pass_on(&client, &target));
        if let Err(error) = started {
            tracing::warn!(%error, "a connection to the proxy cannot be passed on");
        }
    }
}

fn pass_on(client: &TcpStream, target: &Target) -> io::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    let (head, rest) = read_head(client)?;
    let mut writer = client;
    let Some(head) = with_authorization(&head, target) else {
        return writer.write_all(UNAUTHORIZED);
    };
    let Ok(proxy) = connect(target) else {
        return writer.write_all(UNREACHABLE);
    };
    client.set_read_timeout(None)?;
    (&proxy).write_all(head.expose().as_bytes())?;
    (&proxy).write_all(&rest)?;
    std::thread::scope(|scope| {
        scope.spawn(|| pump(&proxy, client));
        pump(client, &proxy);
    });
    Ok(())
}

fn connect(target: &Target) -> io::Result<TcpStream> {
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    for address in (target.host.as_str(), target.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// The head of a request, and what was read behind it.
fn read_head(mut client: &TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = end {
            let rest = bytes.split_off(end + 4);
            let head = String::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData)?;
            return Ok((head, rest));
        }
        let count = client.read(&mut buffer)?;
        if count == 0 || bytes.len() > LONGEST_HEAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
        bytes.extend_from_slice(&buffer[..count]);
    }
}

/// The head as the proxy gets it; `None` if the client does not know the token.
fn with_authorization(head: &str, target: &Target) -> Option<Secret> {
    let is_named = |line: &str, name: &str| {
        line.split_once(':')
            .is_some_and(|(found, _)| found.eq_ignore_ascii_case(name))
    };
    let knows_token = head.lines().any(|line| {
        is_named(line, "proxy-authorization")
            && line
                .split_once(':')
                .is_some_and(|(_, value)| value.trim() == target.token)
    });
    if !knows_token {
        return None;
    }
    let is_tunnel = head.starts_with("CONNECT ");
    let mut lines = head.trim_end().lines();
    let mut text = format!("{}\r\n", lines.next()?);
    for line in lines {
        let is_replaced = is_named(line, "proxy-authorization")
            || (!is_tunnel && (is_named(line, "connection") || is_named(line, "proxy-connection")));
        if !is_replaced {
            text.push_str(&format!("{line}\r\n"));
        }
    }
    text.push_str(&format!(
        "Proxy-Authorization: {}\r\n",
        target.authorization.expose()
    ));
    if !is_tunnel {
        // The head of another request on this connection would not be seen.
        text.push_str("Connection: close\r\n");
    }
    text.push_str("\r\n");
    Some(Secret::from(text))
}

/// Passes bytes on until one side ends.
fn pump(mut from: &TcpStream, mut to: &TcpStream) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    // Either side may be gone already.
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(relay: &Relay, head: &str) -> String {
        let mut client = TcpStream::connect(("127.0.0.1", relay.port)).unwrap();
        client.write_all(head.as_bytes()).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut response = String::new();
        client.read_to_string(&mut response).unwrap();
        response
    }

    #[test]
    fn who_knows_the_token_reaches_the_proxy_with_its_password() {
        let proxy = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", proxy.local_addr().unwrap());
        let seen = std::thread::spawn(move || {
            let (stream, _) = proxy.accept().unwrap();
            let (head, _) = read_head(&stream).unwrap();
            (&stream).write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            head
        });
        let password = Secret::from("s3cr3t");
        let relay = Relay::start(&Url::parse(&url).unwrap(), "user", &password)
            .unwrap()
            .unwrap();
        let without = asked(&relay, "CONNECT a:1 HTTP/1.1\r\n\r\n");
        assert!(without.starts_with("HTTP/1.1 407 "), "{without}");
        let token = STANDARD.encode(format!("{USER}:{}", relay.token));
        let head = format!("CONNECT a:1 HTTP/1.1\r\nproxy-authorization: Basic {token}\r\n\r\n");
        assert!(asked(&relay, &head).starts_with("HTTP/1.1 200 "));
        let seen = seen.join().unwrap();
        assert!(seen.contains(&STANDARD.encode("user:s3cr3t")), "{seen}");
        assert!(!seen.contains(&token), "{seen}");
    }
}
