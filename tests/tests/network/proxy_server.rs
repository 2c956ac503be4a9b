//! An HTTP proxy that makes tunnels, and remembers what it saw.

use crate::tls_front::{Port, Serving};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What a proxy does with those who ask it for a tunnel.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    /// Makes the tunnel.
    Tunnel,
    /// Makes the tunnel for this user with this password.
    TunnelFor(&'static str, &'static str),
    /// Says this instead of making a tunnel.
    Say(&'static str),
    /// Says this to Git, and makes a tunnel for others.
    SayToGit(&'static str),
    /// Closes the connection without a word.
    Close,
    /// Says nothing.
    Silence,
}

/// The answer of a proxy that does not know who asks.
pub(crate) const WANTS_PASSWORD: &str = "HTTP/1.1 407 Proxy Authentication Required\r\n\
    Proxy-Authenticate: Basic realm=\"tests\"\r\n\
    Content-Length: 0\r\nConnection: close\r\n\r\n";

/// What a proxy saw.
#[derive(Default)]
struct Seen {
    heads: Vec<String>,
    tunnelled: Vec<u8>,
}

/// A running proxy.
pub(crate) struct ProxyServer {
    port: u16,
    seen: Arc<Mutex<Seen>>,
    _serving: Serving,
}

impl ProxyServer {
    pub(crate) fn start(manner: Manner) -> Self {
        let serving = Serving::new();
        let port = Port::take();
        let number = port.number();
        let listener = port.into_tokio(serving.runtime());
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        serving.runtime().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, manner, Arc::clone(&shared)));
            }
        });
        Self {
            port: number,
            seen,
            _serving: serving,
        }
    }

    /// The line of configuration that names it.
    pub(crate) fn config(&self) -> String {
        format!("proxy = 'http://127.0.0.1:{}'\n", self.port)
    }

    /// The same with a user and a password.
    pub(crate) fn config_with(&self, user: &str, password: &str) -> String {
        format!(
            "proxy = 'http://{user}:{password}@127.0.0.1:{}'\n",
            self.port
        )
    }

    /// The requests for tunnels so far, with their headers.
    pub(crate) fn heads(&self) -> Vec<String> {
        held(&self.seen).heads.clone()
    }

    /// What went through the tunnels towards the service, as text.
    pub(crate) fn tunnelled(&self) -> String {
        String::from_utf8_lossy(&held(&self.seen).tunnelled).into_owned()
    }
}

fn held(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(mut client: TcpStream, manner: Manner, seen: Arc<Mutex<Seen>>) -> io::Result<()> {
    let Some(head) = read_head(&mut client).await? else {
        return Ok(());
    };
    held(&seen).heads.push(head.clone());
    let refusal = match manner {
        Manner::Tunnel => None,
        Manner::TunnelFor(user, password) => {
            let proof = STANDARD.encode(format!("{user}:{password}"));
            let shown =
                head.lines()
                    .filter_map(|line| line.split_once(": "))
                    .any(|(name, value)| {
                        name.eq_ignore_ascii_case("proxy-authorization")
                            && value == format!("Basic {proof}")
                    });
            (!shown).then_some(WANTS_PASSWORD)
        }
        Manner::Say(words) => Some(words),
        Manner::SayToGit(words) => is_git(&head).then_some(words),
        Manner::Close => return Ok(()),
        Manner::Silence => {
            // Until the client gives up.
            let mut rest = Vec::new();
            client.read_to_end(&mut rest).await?;
            return Ok(());
        }
    };
    if let Some(words) = refusal {
        client.write_all(words.as_bytes()).await?;
        return client.shutdown().await;
    }
    let target = head.split(' ').nth(1).unwrap_or_default();
    // Only the proxy knows where these hosts are.
    let target = match target.split_once(".test:") {
        Some((_, port)) => format!("127.0.0.1:{port}"),
        None => target.to_owned(),
    };
    let service = TcpStream::connect(target).await?;
    let established = b"HTTP/1.1 200 Connection established\r\n\r\n";
    client.write_all(established).await?;
    tunnel(client, service, |bytes| {
        held(&seen).tunnelled.extend_from_slice(bytes);
    })
    .await
}

/// Whether a request for a tunnel comes from Git.
pub(crate) fn is_git(head: &str) -> bool {
    head.lines()
        .any(|line| line.starts_with("User-Agent: git/"))
}

/// The head of a request; `None` if the client goes away before its end.
async fn read_head(client: &mut TcpStream) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if client.read(&mut byte).await? == 0 {
            return Ok(None);
        }
        head.extend_from_slice(&byte);
    }
    Ok(Some(String::from_utf8_lossy(&head).into_owned()))
}

/// Hands bytes on in both directions until one side ends, and shows those of
/// the client on the way.
pub(crate) async fn tunnel(
    client: TcpStream,
    service: TcpStream,
    mut look: impl FnMut(&[u8]),
) -> io::Result<()> {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_service, mut to_service) = service.into_split();
    let mut unseen = |_: &[u8]| {};
    tokio::select! {
        ended = pump(&mut from_client, &mut to_service, &mut look) => ended,
        ended = pump(&mut from_service, &mut to_client, &mut unseen) => ended,
    }
}

async fn pump(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    look: &mut impl FnMut(&[u8]),
) -> io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        let bytes = buffer.get(..length).unwrap_or_default();
        if bytes.is_empty() {
            return to.shutdown().await;
        }
        look(bytes);
        to.write_all(bytes).await?;
    }
}
