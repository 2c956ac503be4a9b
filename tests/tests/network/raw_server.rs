//! A server whose answers are given byte by byte.

use crate::tls_front::{Port, Serving};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What answers a request, given as it was received.
type Answerer = dyn Fn(&str) -> Vec<u8> + Send + Sync;

/// A server over plain TCP. It answers one request for each connection.
pub(crate) struct RawServer {
    port: u16,
    received: Arc<Mutex<Vec<String>>>,
    _serving: Serving,
}

impl RawServer {
    /// Answers every request with these bytes and closes the connection.
    pub(crate) fn start(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let serving = Serving::new();
        let port = Port::take();
        let number = port.number();
        let listener = port.into_tokio(serving.runtime());
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        let answer: Arc<Answerer> = Arc::new(answer);
        serving.runtime().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&kept), Arc::clone(&answer)));
            }
        });
        Self {
            port: number,
            received,
            _serving: serving,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The origin, without a slash at its end.
    pub(crate) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The requests so far: head and body.
    pub(crate) fn received(&self) -> Vec<String> {
        let received = self.received.lock();
        received.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    received: Arc<Mutex<Vec<String>>>,
    answer: Arc<Answerer>,
) -> io::Result<()> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while !is_whole(&bytes) {
        let length = stream.read(&mut buffer).await?;
        bytes.extend_from_slice(buffer.get(..length).unwrap_or_default());
        // What is no HTTP has no end: its first bytes are answered.
        if length == 0 || !bytes.first().is_some_and(u8::is_ascii_uppercase) {
            break;
        }
    }
    let request = String::from_utf8_lossy(&bytes).into_owned();
    let answer = without_reuse(answer(&request));
    let kept = received.lock();
    kept.unwrap_or_else(PoisonError::into_inner).push(request);
    stream.write_all(&answer).await?;
    stream.shutdown().await
}

/// The answer with the word that the connection ends after it: a client that
/// used it once more would find it closed, and rightly send its request again.
fn without_reuse(mut answer: Vec<u8>) -> Vec<u8> {
    let first_line = answer.windows(2).position(|pair| pair == b"\r\n");
    if let (true, Some(end)) = (answer.starts_with(b"HTTP/1.1 "), first_line) {
        answer.splice(end + 2..end + 2, *b"Connection: close\r\n");
    }
    answer
}

/// Whether a request has its head and, if it has one, its body.
fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok());
    body.len() >= length.unwrap_or(0)
}
