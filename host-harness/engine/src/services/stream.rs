//! Long responses and requests: lists and files go on as they come, and are never
//! whole in memory.
//!
//! The status is decided by what comes first. When a service fails later, the response
//! is cut off, which every client sees: half a list is never taken for a whole one.

use super::Shared;
use super::call::{Target, call_of, on_client};
use super::response::Failure;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use hyper::body::Frame;
use serde::Serialize;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use vcs_provider_interface::context::CallContext;
use vcs_provider_interface::error::{ErrorKind, Result, VcsError};
use vcs_provider_interface::prelude::{ByteSink, ByteSource, Flow, PageSink};
use vcs_provider_interface::provider::AuthorizedClient;
use vcs_provider_interface::records::StreamedContent;

/// Parts that wait for a slow client, or for a slow service.
const WAITING: usize = 4;

/// How long a client may send nothing of a file.
const UPLOAD_PAUSE: Duration = Duration::from_secs(15);

/// What a route answers with that streams.
pub(super) type StreamResult = std::result::Result<Response, Failure>;

type Parts = mpsc::Sender<Result<Bytes>>;

/// Responds with a list as its pages come, each record in this form.
///
/// # Errors
/// What the call returns before its first page.
pub(super) async fn stream_list<T: 'static, C: Serialize + 'static>(
    shared: &Arc<Shared>,
    target: Target,
    name: &'static str,
    form: fn(T) -> C,
    list: impl FnOnce(&dyn AuthorizedClient, &dyn CallContext, &mut dyn PageSink<T>) -> Result<()>
    + Send
    + 'static,
) -> StreamResult {
    stream(
        shared,
        target,
        name,
        "application/json",
        move |parts, redact| {
            move |client: &dyn AuthorizedClient, context: &dyn CallContext| {
                let mut pages = Pages {
                    parts,
                    redact,
                    form,
                    is_open: false,
                };
                list(client, context, &mut pages)?;
                pages.close()
            }
        },
    )
    .await
}

/// Responds with the bytes of a file as they come.
///
/// # Errors
/// What the call returns before its first bytes.
pub(super) async fn stream_bytes(
    shared: &Arc<Shared>,
    target: Target,
    name: &'static str,
    content_type: &'static str,
    read: impl FnOnce(
        &dyn AuthorizedClient,
        &dyn CallContext,
        &mut dyn ByteSink,
    ) -> Result<StreamedContent>
    + Send
    + 'static,
) -> StreamResult {
    stream(shared, target, name, content_type, move |parts, _| {
        move |client: &dyn AuthorizedClient, context: &dyn CallContext| {
            read(client, context, &mut Chunks(parts)).map(drop)
        }
    })
    .await
}

type Redact = Box<dyn Fn(String) -> String + Send>;

async fn stream<W>(
    shared: &Arc<Shared>,
    target: Target,
    name: &'static str,
    content_type: &'static str,
    work: impl FnOnce(Parts, Redact) -> W + Send + 'static,
) -> StreamResult
where
    W: FnOnce(&dyn AuthorizedClient, &dyn CallContext) -> Result<()>,
{
    let (sender, mut receiver) = mpsc::channel(WAITING);
    let calling = Arc::clone(shared);
    let server = target.server.clone();
    let task = AbortOnDrop(tokio::spawn(async move {
        let parts = sender.clone();
        let redacting = Arc::clone(&calling);
        let redact: Redact = Box::new(move |text| {
            let secrets = &redacting.engine.guard.secrets;
            match secrets.is_in(&text) {
                true => secrets.redact(&text).into_owned(),
                false => text,
            }
        });
        let ended = call_of(&calling, Some(&server), name, move |engine, context| {
            let work = work(parts, redact);
            on_client(engine, &target, |client| work(client, context))
        });
        if let Err(Failure(error)) = ended.await {
            // Nobody listens if the client went away.
            let _ = sender.send(Err(error)).await;
        }
    }));
    let first = match receiver.recv().await {
        Some(Err(error)) => return Err(Failure(error)),
        Some(Ok(first)) => Some(first),
        None => None,
    };
    let body = Body::new(Streamed {
        first,
        rest: receiver,
        _task: task,
    });
    Ok(([(header::CONTENT_TYPE, content_type)], body).into_response())
}

/// Ends a call when its response is dropped, because the client went away.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Streamed {
    first: Option<Bytes>,
    rest: mpsc::Receiver<Result<Bytes>>,
    _task: AbortOnDrop,
}

impl HttpBody for Streamed {
    type Data = Bytes;
    type Error = VcsError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        let part = self.rest.poll_recv(context);
        part.map(|part| part.map(|part| part.map(Frame::data)))
    }
}

fn send(parts: &Parts, bytes: Bytes) -> Result<Flow> {
    let gone = |_| VcsError::new(ErrorKind::CANCELLED, "the client went away");
    parts.blocking_send(Ok(bytes)).map_err(gone)?;
    Ok(Flow::CONTINUE)
}

/// Makes one JSON array of many pages.
struct Pages<T, C> {
    parts: Parts,
    redact: Redact,
    form: fn(T) -> C,
    is_open: bool,
}

impl<T, C: Serialize> PageSink<T> for Pages<T, C> {
    fn page(&mut self, items: Vec<T>, _: Option<u64>) -> Result<Flow> {
        let mut text = String::new();
        for item in items {
            text.push(if self.is_open { ',' } else { '[' });
            self.is_open = true;
            let item = serde_json::to_string(&(self.form)(item))
                .map_err(|error| VcsError::new(ErrorKind::INTERNAL, error.to_string()))?;
            text.push_str(&item);
        }
        if text.is_empty() {
            return Ok(Flow::CONTINUE);
        }
        send(&self.parts, Bytes::from((self.redact)(text)))
    }
}

impl<T, C> Pages<T, C> {
    fn close(self) -> Result<()> {
        let end = if self.is_open { "]" } else { "[]" };
        send(&self.parts, Bytes::from_static(end.as_bytes())).map(drop)
    }
}

struct Chunks(Parts);

impl ByteSink for Chunks {
    fn chunk(&mut self, bytes: &[u8]) -> Result<Flow> {
        send(&self.0, Bytes::copy_from_slice(bytes))
    }
}

/// The body of a request as a provider reads it.
pub(super) struct UploadSource {
    parts: mpsc::Receiver<Result<Bytes>>,
    left: Bytes,
}

/// Has a body read by a provider while it arrives.
pub(super) fn upload(mut body: Body) -> UploadSource {
    let (sender, parts) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let stopped = |what: &str| Err(VcsError::new(ErrorKind::INVALID_INPUT, what));
        loop {
            let part = match tokio::time::timeout(UPLOAD_PAUSE, body.frame()).await {
                Ok(None) => return,
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(bytes) => Ok(bytes),
                    Err(_) => continue,
                },
                Ok(Some(Err(_))) => stopped("the upload was cut off"),
                Err(_) => stopped("the upload took too long"),
            };
            let is_over = part.is_err();
            if sender.send(part).await.is_err() || is_over {
                return;
            }
        }
    });
    UploadSource {
        parts,
        left: Bytes::new(),
    }
}

impl ByteSource for UploadSource {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while self.left.is_empty() {
            match self.parts.blocking_recv() {
                Some(part) => self.left = part?,
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.left.len());
        buffer[..length].copy_from_slice(&self.left.split_to(length));
        Ok(length)
    }
}
