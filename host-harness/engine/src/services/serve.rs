//! Listening and answering: one task for each connection, a bounded number of
//! them, and an orderly end.

use super::connections::{Admitted, Connection, Connections};
use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;

/// How long the head of a request may take to arrive, also on a connection
/// that stays open between requests.
const HEAD_LIMIT: Duration = Duration::from_secs(15);

/// How long a client may take nothing of a response.
const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// How much is read ahead of what a request's reader takes, and how large the head
/// of a request may be.
const READ_AHEAD: usize = 16 * 1024;

/// How long requests under way may take to end when the service stops.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// Serves until `stop` says so, then takes no new connections and waits for the
/// requests under way, within a bound.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    open: Arc<Connections>,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener) => accepted,
            Some(_) = connections.join_next() => continue,
            _ = stop.wait_for(|stopped| *stopped) => break,
        };
        let Some((stream, peer)) = accepted else {
            continue;
        };
        // Dropping the stream closes it: there is no room and nobody gives way.
        let Some(admitted) = open.admit(peer) else {
            continue;
        };
        let service = ConnectionService {
            router: TowerToHyperService::new(router.clone()),
            connection: Arc::clone(admitted.connection()),
        };
        connections.spawn(answer(stream, service, admitted, stop.clone()));
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_LIMIT, drained).await.is_err() {
        tracing::warn!("requests were still under way when the service stopped");
    }
}

async fn accept(listener: &TcpListener) -> Option<(TcpStream, IpAddr)> {
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer.ip())),
        Err(error) => {
            // Such as too many open files: it passes when connections end.
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

/// The routes, with the connection that a request came by among its extensions.
struct ConnectionService {
    router: TowerToHyperService<Router>,
    connection: Arc<Connection>,
}

impl Service<Request<Incoming>> for ConnectionService {
    type Response = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Response;
    type Error = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Error;
    type Future = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request
            .extensions_mut()
            .insert(Arc::clone(&self.connection));
        self.router.call(request)
    }
}

async fn answer(
    stream: TcpStream,
    service: ConnectionService,
    admitted: Admitted,
    mut stop: watch::Receiver<bool>,
) {
    // Responses are small; waiting to fill packets would only delay them.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_LIMIT));
    let stream = Box::pin(stream);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(READ_AHEAD)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let mut stopping = false;
    loop {
        tokio::select! {
            // A connection that breaks is the other side's business.
            _ = connection.as_mut() => return,
            () = admitted.closing() => return,
            _ = stop.wait_for(|stopped| *stopped), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}
