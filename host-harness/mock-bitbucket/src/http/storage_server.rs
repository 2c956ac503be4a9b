//! The storage host's own socket.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response as HttpResponse};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::model::storage_host::Storage;

/// Accepts connections until the runtime ends.
pub(crate) async fn serve(
    storage: Arc<Storage>,
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: wait for some to come back.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let storage = Arc::clone(&storage);
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let (status, bytes) = storage.respond(request.uri().path(), request.headers());
                async move {
                    let mut response = HttpResponse::new(Full::new(bytes));
                    *response.status_mut() = hyper::StatusCode::from_u16(status)
                        .unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
                    response.headers_mut().insert(
                        "content-type",
                        hyper::header::HeaderValue::from_static("application/octet-stream"),
                    );
                    Ok::<_, Infallible>(response)
                }
            });
            // Clients that go away in the middle are their own business.
            let http = hyper::server::conn::http1::Builder::new();
            match acceptor {
                None => drop(http.serve_connection(TokioIo::new(stream), service).await),
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        drop(http.serve_connection(TokioIo::new(stream), service).await);
                    }
                }
            }
        });
    }
}
