//! The host that large files come from: another origin, with addresses that
//! carry their own permission. A credential that arrives here was leaked.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::locked;

/// What the storage host holds, and who came with a credential.
pub(crate) struct Storage {
    /// Scheme and authority, no slash at the end.
    pub(crate) origin: String,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    objects: HashMap<String, Bytes>,
    requests: u64,
    violations: Vec<String>,
}

impl Storage {
    /// A storage that is reached at `origin`.
    pub(crate) fn new(origin: String) -> Self {
        Self {
            origin,
            inner: Mutex::default(),
        }
    }

    /// Keeps bytes under a fresh address that nobody can guess, and returns it.
    pub(crate) fn offer(&self, bytes: Bytes) -> String {
        let path = format!("/{}", uuid::Uuid::new_v4().simple());
        let address = format!("{}{path}?X-Signature=valid", self.origin);
        locked(&self.inner).objects.insert(path, bytes);
        address
    }

    /// Paths of requests that came with an `Authorization` or `Cookie` header.
    pub(crate) fn violations(&self) -> Vec<String> {
        locked(&self.inner).violations.clone()
    }

    /// How many requests came.
    pub(crate) fn requests(&self) -> u64 {
        locked(&self.inner).requests
    }

    fn answer(&self, request: &Request<Incoming>) -> (u16, Bytes) {
        let path = request.uri().path();
        let mut inner = locked(&self.inner);
        inner.requests += 1;
        let leaked = ["authorization", "cookie"]
            .iter()
            .any(|name| request.headers().contains_key(*name));
        if leaked {
            inner.violations.push(path.to_owned());
            return (
                400,
                Bytes::from_static(b"Only one way to authenticate is allowed"),
            );
        }
        match inner.objects.get(path) {
            Some(bytes) => (200, bytes.clone()),
            None => (
                404,
                Bytes::from_static(b"The specified key does not exist."),
            ),
        }
    }
}

/// Accepts connections until the runtime ends.
pub(crate) async fn serve(storage: Arc<Storage>, listener: TcpListener) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: wait for some to come back.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let storage = Arc::clone(&storage);
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let (status, bytes) = storage.answer(&request);
                async move {
                    let mut response = Response::new(Full::new(bytes));
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
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}
