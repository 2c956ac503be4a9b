//! The control API: what tests in any language can do with a running mock, over
//! HTTP on a socket of its own. `GET /` lists it. It asks for no credential, so it
//! belongs on a loopback address.
//!
//! | request | what it does |
//! |---|---|
//! | `GET /` | this list |
//! | `GET /state` | dumps the state; see [`StateFile`] |
//! | `POST /state` | adds what a document of the same form holds |
//! | `POST /push` | `{"repository", "branch", "message", "files", "author"}`: a commit, delivered as a push |
//! | `GET /clock`, `POST /clock` | the time; `{"advance": seconds}` moves it forward |
//! | `POST /faults`, `DELETE /faults` | adds a rule of a fault plan; takes all away |
//! | `POST /tokens`, `DELETE /tokens` | makes a credential, see [`TokenEntry`]; `{"token"}` revokes one |
//! | `GET /requests`, `DELETE /requests` | the requests so far; forgets them |
//! | `GET /deliveries` | every try to deliver an event |

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response as HttpResponse};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::control::handle::MockBitbucket;
use crate::control::state_file::{CommitEntry, StateFile, TokenEntry};
use crate::events::push;
use crate::http::faults::FaultRule;
use crate::model::deliveries::DeliveryOutcome;
use crate::model::errors::ApiError;
use crate::model::tokens::Secret;
use crate::sync::lock;

/// Largest body of a request.
const LARGEST_REQUEST: usize = 64 * 1024 * 1024;

/// Status and body of a response.
type Outcome = Result<(u16, Value), (u16, String)>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    token: String,
}

#[derive(Deserialize)]
struct Push {
    repository: String,
    #[serde(flatten)]
    commit: CommitEntry,
}

/// Accepts connections until the runtime ends.
pub(crate) async fn serve(mock: MockBitbucket, listener: TcpListener) {
    let mock = Arc::new(mock);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let mock = Arc::clone(&mock);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let mock = Arc::clone(&mock);
                async move { Ok::<_, Infallible>(handle(mock, request).await) }
            });
            // Clients that go away in the middle are their own business.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn handle(mock: Arc<MockBitbucket>, request: Request<Incoming>) -> HttpResponse<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, LARGEST_REQUEST).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return respond(413, &json!({ "error": "the body is too large" })),
    };
    let path = head.uri.path().trim_end_matches('/').to_owned();
    // Git may be started.
    let outcome =
        tokio::task::spawn_blocking(move || route(&mock, &head.method, &path, &body)).await;
    match outcome {
        Ok(Ok((status, value))) => respond(status, &value),
        Ok(Err((status, message))) => respond(status, &json!({ "error": message })),
        Err(_) => respond(500, &json!({ "error": "the mock failed while responding" })),
    }
}

fn respond(status: u16, value: &Value) -> HttpResponse<Full<Bytes>> {
    let mut response = HttpResponse::new(Full::new(Bytes::from(value.to_string())));
    *response.status_mut() =
        hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(
        "content-type",
        hyper::header::HeaderValue::from_static("application/json"),
    );
    response
}

fn route(mock: &MockBitbucket, method: &Method, path: &str, body: &[u8]) -> Outcome {
    let done = || Ok((200, json!({})));
    match (method.as_str(), path) {
        ("GET", "") => Ok((200, index())),
        ("GET", "/state") => Ok((200, shown(&mock.dump_state())?)),
        ("POST", "/state") => {
            let state: StateFile = read(body)?;
            mock.load_state(&state).map_err(bad_request)?;
            done()
        }
        ("GET", "/clock") => Ok((200, clock(mock))),
        ("POST", "/clock") => {
            let Advance { advance } = read(body)?;
            let step = Duration::try_from_secs_f64(advance).map_err(bad_request)?;
            mock.advance(step);
            Ok((200, clock(mock)))
        }
        ("POST", "/faults") => {
            mock.add_fault(read::<FaultRule>(body)?);
            done()
        }
        ("DELETE", "/faults") => {
            mock.clear_faults();
            done()
        }
        ("POST", "/tokens") => {
            let entry: TokenEntry = read(body)?;
            let secret = mock.load_token(&entry).map_err(bad_request)?;
            Ok((201, json!({ "token": secret.expose() })))
        }
        ("DELETE", "/tokens") => {
            let Revoke { token } = read(body)?;
            if mock.revoke_token(&Secret::new(token)) {
                done()
            } else {
                Err((404, "no such token".to_owned()))
            }
        }
        ("POST", "/push") => push_commit(mock, &read(body)?),
        ("GET", "/requests") => Ok((200, requests(mock))),
        ("DELETE", "/requests") => {
            mock.clear_requests();
            done()
        }
        ("GET", "/deliveries") => Ok((200, deliveries(mock))),
        _ => Err((404, "GET / lists what there is".to_owned())),
    }
}

fn index() -> Value {
    json!({
        "GET /state": "dump",
        "POST /state": "add users, workspaces, repositories, tokens, hooks, pull_requests",
        "POST /push": "repository, branch, message, files, author",
        "GET /clock": "now",
        "POST /clock": "advance (seconds)",
        "POST /faults": "a rule of a fault plan",
        "DELETE /faults": "takes all rules away",
        "POST /tokens": "kind, scopes, email, repository, workspace, expires_in, token",
        "DELETE /tokens": "token",
        "GET /requests": "requests so far",
        "DELETE /requests": "forgets them",
        "GET /deliveries": "every try to deliver an event",
    })
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, (u16, String)> {
    serde_json::from_slice(body).map_err(bad_request)
}

fn shown(value: &impl Serialize) -> Result<Value, (u16, String)> {
    serde_json::to_value(value).map_err(|error| (500, error.to_string()))
}

fn bad_request(error: impl std::fmt::Display) -> (u16, String) {
    (400, error.to_string())
}

fn clock(mock: &MockBitbucket) -> Value {
    json!({ "now": mock.service().clock.timestamp() })
}

fn push_commit(mock: &MockBitbucket, given: &Push) -> Outcome {
    let repository = mock.repository(&given.repository).map_err(bad_request)?;
    let service = mock.service();
    let actor = lock(&service.state).users.first().cloned();
    let mut made = Ok(String::new());
    let pushed = push::around(service, &repository, actor.as_deref(), || {
        made = mock.commit(&given.repository, &given.commit);
        Ok::<(), ApiError>(())
    });
    let hash = made.map_err(bad_request)?;
    pushed.map_err(|error| (500, error.into_response().describe().1))?;
    Ok((201, json!({ "hash": hash })))
}

fn requests(mock: &MockBitbucket) -> Value {
    mock.requests()
        .iter()
        .map(|one| {
            json!({
                "number": one.number,
                "connection": one.connection,
                "method": one.method,
                "path": one.path,
                "query": one.query,
                "route": one.route,
                "status": one.status,
                "faulted": one.faulted,
            })
        })
        .collect()
}

fn deliveries(mock: &MockBitbucket) -> Value {
    mock.deliveries()
        .iter()
        .map(|one| {
            let (status, problem) = match &one.outcome {
                DeliveryOutcome::Responded(status) => (Some(*status), None),
                DeliveryOutcome::TimedOut => (None, Some("timed out".to_owned())),
                DeliveryOutcome::TooLarge => (None, Some("too large".to_owned())),
                DeliveryOutcome::Failed(text) => (None, Some(text.clone())),
            };
            json!({
                "event": one.event,
                "hook": one.hook_uuid,
                "url": one.url,
                "request_uuid": one.request_uuid,
                "attempt": one.attempt,
                "status": status,
                "problem": problem,
                "body": serde_json::from_slice::<Value>(&one.body).unwrap_or(Value::Null),
            })
        })
        .collect()
}
