//! A TLS server in front of the mocked service.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{HandshakeKind, ServerConfig};

/// A port that is taken, so that its number is known before anything serves it.
pub(crate) struct Port(TcpListener);

impl Port {
    pub(crate) fn take() -> Self {
        Self(TcpListener::bind(("127.0.0.1", 0)).expect("a port"))
    }

    pub(crate) fn number(&self) -> u16 {
        self.0.local_addr().expect("its address").port()
    }

    /// The origin of a TLS server here, by the name `localhost`.
    pub(crate) fn https(&self) -> String {
        format!("https://localhost:{}", self.number())
    }

    /// The listener for a task of tokio.
    pub(crate) fn into_tokio(self, runtime: &Runtime) -> tokio::net::TcpListener {
        self.0.set_nonblocking(true).expect("a socket");
        let _inside = runtime.enter();
        tokio::net::TcpListener::from_std(self.0).expect("a socket")
    }
}

/// A runtime for a server of a test; dropping it ends its tasks without waiting.
pub(crate) struct Serving(Option<Runtime>);

impl Serving {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        Self(Some(runtime.expect("a runtime")))
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        self.0.as_ref().expect("it is taken by drop only")
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

struct State {
    config: Mutex<Arc<ServerConfig>>,
    connections: AtomicUsize,
    handshakes: AtomicUsize,
    resumed: AtomicUsize,
    breaks_off: AtomicBool,
}

/// A running TLS server; it hands on what it decrypts.
pub(crate) struct TlsFront {
    state: Arc<State>,
    _serving: Serving,
}

impl TlsFront {
    /// Serves at a port with a certificate and hands on to an address.
    pub(crate) fn start(port: Port, config: Arc<ServerConfig>, to: SocketAddr) -> Self {
        let state = Arc::new(State {
            config: Mutex::new(config),
            connections: AtomicUsize::new(0),
            handshakes: AtomicUsize::new(0),
            resumed: AtomicUsize::new(0),
            breaks_off: AtomicBool::new(false),
        });
        let serving = Serving::new();
        let listener = port.into_tokio(serving.runtime());
        let shared = Arc::clone(&state);
        serving.runtime().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(Arc::clone(&shared), stream, to));
            }
        });
        Self {
            state,
            _serving: serving,
        }
    }

    /// Shows another certificate on new connections.
    pub(crate) fn present(&self, config: Arc<ServerConfig>) {
        *held(&self.state) = config;
    }

    /// From now on, ends connections without the word of TLS that says so, as
    /// somebody does who cuts the wire.
    pub(crate) fn break_off(&self) {
        self.state.breaks_off.store(true, Ordering::SeqCst);
    }

    /// How many connections came.
    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// How many clients accepted the certificate.
    pub(crate) fn handshakes(&self) -> usize {
        self.state.handshakes.load(Ordering::SeqCst)
    }

    /// How many of them resumed the session of an earlier connection.
    pub(crate) fn resumed(&self) -> usize {
        self.state.resumed.load(Ordering::SeqCst)
    }
}

fn held(state: &State) -> std::sync::MutexGuard<'_, Arc<ServerConfig>> {
    state.config.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(state: Arc<State>, stream: TcpStream, to: SocketAddr) -> io::Result<()> {
    let config = Arc::clone(&held(&state));
    let client = TlsAcceptor::from(config).accept(stream).await?;
    state.handshakes.fetch_add(1, Ordering::SeqCst);
    if client.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed) {
        state.resumed.fetch_add(1, Ordering::SeqCst);
    }
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (mut from_service, mut to_service) = TcpStream::connect(to).await?.into_split();
    tokio::select! {
        _ = tokio::io::copy(&mut from_client, &mut to_service) => {}
        _ = tokio::io::copy(&mut from_service, &mut to_client) => {}
    }
    if !state.breaks_off.load(Ordering::SeqCst) {
        to_client.shutdown().await?;
    }
    Ok(())
}
