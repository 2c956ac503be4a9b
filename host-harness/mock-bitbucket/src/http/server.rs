//! The HTTP server: accepts connections, reads requests, applies faults and
//! latency, compresses, records, and sends.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response as HttpResponse};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::runtime::{Handle, Runtime};
use tokio_rustls::TlsAcceptor;

use crate::api::service::{Api, Request as ApiRequest};
use crate::http::connection::{Connection, Ending, OutgoingBody};
use crate::http::faults::{Fault, FaultInjector};
use crate::http::git_http;
use crate::http::record::{RecordedExchange, Recorder, header_pairs, kept_part};
use crate::model::errors::ApiError;
use crate::model::mock::Mock;
use crate::model::response::{Body, Response};
use crate::sync::lock;

/// Largest body of an API request.
const LARGEST_REQUEST: usize = 256 * 1024 * 1024;
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Responses smaller than this are not compressed.
const SMALLEST_COMPRESSED: usize = 1024;

/// A runtime that ends without being waited for, so that it can be dropped
/// anywhere, also inside another runtime.
pub(crate) struct BackgroundRuntime(Option<Runtime>, Handle);

impl BackgroundRuntime {
    pub(crate) fn new(runtime: Runtime) -> Self {
        let handle = runtime.handle().clone();
        Self(Some(runtime), handle)
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.1
    }
}

impl Drop for BackgroundRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Everything that connections share.
pub(crate) struct Server {
    pub(crate) mock: Arc<Mock>,
    pub(crate) api: Api,
    pub(crate) faults: FaultInjector,
    pub(crate) recorder: Recorder,
    /// With it, connections speak TLS.
    pub(crate) acceptor: Option<TlsAcceptor>,
}

/// Accepts connections until the runtime ends.
pub(crate) async fn serve(server: Arc<Server>, listener: TcpListener) {
    let mut connections: u64 = 0;
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: wait for some to come back.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        connections += 1;
        let number = connections;
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let ending = Ending::default();
            let connection = Connection::new(stream, ending.clone());
            let acceptor = server.acceptor.clone();
            let service = service_fn(move |request| {
                let exchange = RequestHandler {
                    server: Arc::clone(&server),
                    ending: ending.clone(),
                    connection: number,
                };
                exchange.handle(request)
            });
            // Clients that go away in the middle are their own business.
            let http = hyper::server::conn::http1::Builder::new();
            match acceptor {
                None => drop(
                    http.serve_connection(TokioIo::new(connection), service)
                        .await,
                ),
                Some(acceptor) => {
                    let accepted = acceptor.accept(connection);
                    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, accepted).await {
                        drop(http.serve_connection(TokioIo::new(stream), service).await);
                    }
                }
            }
        });
    }
}

/// One request on one connection.
struct RequestHandler {
    server: Arc<Server>,
    ending: Ending,
    connection: u64,
}

impl RequestHandler {
    async fn handle(self, request: Request<Incoming>) -> io::Result<HttpResponse<OutgoingBody>> {
        let server = Arc::clone(&self.server);
        let mock = &server.mock;
        let arrived = Instant::now();
        let (head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        let query = head.uri.query().unwrap_or_default().to_owned();
        let git = git_http::parse_path(&path);
        let found = server.api.find_route(&head.method, &path);
        let route = match (&git, &found) {
            (Some(_), _) => "git",
            (None, Ok(found)) => found.route.operation(),
            (None, Err(_)) => "",
        };
        let fault = server
            .faults
            .next(head.method.as_str(), route, &path, &query);
        let mut exchange = RecordedExchange {
            number: server.recorder.next_number(),
            connection: self.connection,
            method: head.method.to_string(),
            path: path.clone(),
            query: query.clone(),
            route: route.to_owned(),
            headers: header_pairs(&head.headers),
            body: Vec::new(),
            status: 0,
            response_headers: Vec::new(),
            response_body: Vec::new(),
            faulted: fault.is_some(),
            started: mock.clock.now(),
            duration: Duration::ZERO,
        };
        let headers = head.headers.clone();
        let performs = fault.as_ref().is_none_or(Fault::performs);
        let response = if let Some(target) = git {
            if performs {
                git_http::respond(Arc::clone(mock), target, &head, body).await
            } else {
                Response::empty(200)
            }
        } else {
            let body = match Limited::new(body, LARGEST_REQUEST).collect().await {
                Ok(body) => body.to_bytes(),
                Err(error) => return Err(io::Error::other(error)),
            };
            exchange.body = kept_part(&body);
            let request = ApiRequest {
                raw_path: path.clone(),
                raw_query: query.clone(),
                headers: head.headers,
                body,
            };
            if performs {
                let working = Arc::clone(&server);
                tokio::task::spawn_blocking(move || working.api.respond(request, found))
                    .await
                    .unwrap_or_else(|_| {
                        ApiError::internal("the mock failed while answering").into_response()
                    })
            } else {
                Response::empty(200)
            }
        };
        let response = match &fault {
            Some(fault) if performs => {
                fault.change(response, &format!("{}{path}?{query}", mock.urls.origin))
            }
            Some(fault) => fault.own_response(),
            None => response,
        };
        self.finish(exchange, &headers, response, fault, arrived)
            .await
    }

    /// Waits, records and turns the response into a response.
    async fn finish(
        self,
        mut exchange: RecordedExchange,
        request_headers: &HeaderMap,
        response: Response,
        fault: Option<Fault>,
        arrived: Instant,
    ) -> io::Result<HttpResponse<OutgoingBody>> {
        let delay = fault.as_ref().and_then(|fault| fault.delay_ms).unwrap_or(0);
        let wait = self.server.mock.settings.latency + Duration::from_millis(delay);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let reset = fault.as_ref().is_some_and(|fault| fault.reset);
        let cut = fault.as_ref().and_then(|fault| fault.cut_after_bytes);
        let mut encoded = encode(response, request_headers);
        encoded.headers.push((
            "x-request-id".to_owned(),
            uuid::Uuid::new_v4().simple().to_string(),
        ));
        let unanswered = reset && cut.is_none();
        exchange.duration = arrived.elapsed();
        exchange.status = if unanswered { 0 } else { encoded.status };
        exchange.response_headers = encoded.headers.clone();
        exchange.response_body = encoded.plain;
        let secrets = lock(&self.server.mock.tokens).secrets().to_vec();
        self.server.recorder.keep(exchange, &secrets);
        if unanswered {
            self.ending.reset();
            return Err(io::Error::other("reset by a planned fault"));
        }
        let body = match cut {
            Some(left) => OutgoingBody::Cut {
                inner: Box::new(encoded.body),
                left,
                flushed: false,
                ending: reset.then(|| self.ending.clone()),
            },
            None => encoded.body,
        };
        let mut response = HttpResponse::builder().status(encoded.status);
        for (name, value) in encoded.headers {
            response = response.header(name, value);
        }
        response.body(body).map_err(io::Error::other)
    }
}

/// A response in the form it is sent in.
struct Encoded {
    status: u16,
    headers: Vec<(String, String)>,
    body: OutgoingBody,
    /// The beginning of the body before compression, for the recording.
    plain: Vec<u8>,
}

fn encode(response: Response, request_headers: &HeaderMap) -> Encoded {
    let mut headers = response.headers;
    let bytes = match response.body {
        Body::Stream(chunks) => {
            return Encoded {
                status: response.status,
                headers,
                body: OutgoingBody::Chunks(chunks),
                plain: Vec::new(),
            };
        }
        Body::Empty => Bytes::new(),
        Body::Json(document) => Bytes::from(document.to_string()),
        Body::Bytes(bytes) => bytes,
    };
    let plain = kept_part(&bytes);
    let mut outgoing = bytes;
    let worth_it =
        outgoing.len() >= SMALLEST_COMPRESSED && accepts_gzip(request_headers) && is_text(&headers);
    if let Some(compressed) = worth_it.then(|| compress(&outgoing)).flatten() {
        headers.push(("content-encoding".to_owned(), "gzip".to_owned()));
        headers.push(("vary".to_owned(), "Accept-Encoding".to_owned()));
        outgoing = compressed;
    }
    Encoded {
        status: response.status,
        headers,
        body: OutgoingBody::Whole(Some(outgoing)),
        plain,
    }
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers
        .get("accept-encoding")
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            value.split(',').any(|coding| {
                let mut parts = coding.split(';').map(str::trim);
                parts.next() == Some("gzip") && !parts.any(|part| part == "q=0")
            })
        })
}

/// Whether the response is worth compressing: JSON and pages are, archives are not.
fn is_text(headers: &[(String, String)]) -> bool {
    headers.iter().any(|(name, value)| {
        name == "content-type"
            && (value.starts_with("application/json") || value.starts_with("text/"))
    })
}

fn compress(bytes: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok().map(Bytes::from)
}
