//! Sending one message to its service.

use super::pauses::{is_uncertain, pause_after};
use crate::clock::later;
use crate::engine::{Engine, blocking};
use crate::runs::build_status::RunComment;
use crate::store::{MessageKind, OutboxMessage, Result};
use std::sync::Arc;
use std::time::Duration;
use vcs_provider_interface::context::CallContext;
use vcs_provider_interface::error::{ErrorKind, Result as VcsResult, VcsError};
use vcs_provider_interface::provider::AuthorizedClient;
use vcs_provider_interface::records::{
    CommentsRequest, CreateCommentRequest, StatusRequest, UpdateCommentRequest,
};
use vcs_provider_interface::sink::collect;

/// How long sending may take.
const SEND_LIMIT: Duration = Duration::from_secs(30);

/// When a message is sent once more that followed one of which nobody knows
/// whether the service took it: a late one could have taken its place.
const CONFIRM_AFTER: Duration = Duration::from_secs(30);

/// Comments of a pull request that are looked through for the engine's own.
const LOOKED_THROUGH: u64 = 500;

/// Sends a message. Returns until when its credential wants to be left alone.
pub(super) async fn send(engine: &Arc<Engine>, id: i64) -> Result<Option<i64>> {
    let Some(message) = engine.store.begin_sending(id, engine.now()).await? else {
        return Ok(None);
    };
    let sending = {
        let (engine, message) = (Arc::clone(engine), message.clone());
        blocking(move || {
            let name = match message.kind {
                MessageKind::Status => "set_status",
                MessageKind::Comment => "pull_request_comment",
            };
            let context = engine.background(name).with_time_limit(SEND_LIMIT);
            engine.ask(&message.project, &message.server, |client| {
                match message.kind {
                    MessageKind::Status => set_status(client, &context, &message),
                    MessageKind::Comment => comment(client, &context, &message),
                }
            })
        })
    };
    match sending.await {
        Ok(remote_id) => {
            let others = message
                .uncertain_sequence
                .is_some_and(|earlier| earlier != message.sequence);
            let confirm_at = others.then(|| later(engine.now(), CONFIRM_AFTER));
            let (run, sequence) = (message.run, message.sequence);
            tracing::info!(message = id, run, sequence, kind = ?message.kind, key = message.key, "the service was told of a run");
            let now = engine.now();
            engine
                .store
                .end_sending(&message, remote_id, confirm_at, now)
                .await?;
            Ok(None)
        }
        Err(error) => failed(engine, &message, &error).await,
    }
}

async fn failed(
    engine: &Arc<Engine>,
    message: &OutboxMessage,
    error: &VcsError,
) -> Result<Option<i64>> {
    let now = engine.now();
    let age = Duration::from_millis(now.saturating_sub(message.queued_at).max(0).unsigned_abs());
    let pause = match error.kind {
        // The engine is stopping: the next one sends it.
        ErrorKind::CANCELLED => Some(Duration::ZERO),
        _ => pause_after(error, message.attempts, age),
    };
    let retry_at = pause.map(|pause| later(now, pause));
    let (id, run) = (message.id, message.run);
    match pause {
        Some(pause) => tracing::warn!(
            message = id, run, key = message.key, attempts = message.attempts + 1,
            again_in_seconds = pause.as_secs(), %error,
            "the service could not be told of a run; it is tried again"
        ),
        None => tracing::error!(
            message = id, run, key = message.key, %error,
            "the service rejects what it is told of a run; it is not tried again"
        ),
    }
    let reason = error.to_string();
    let uncertain = is_uncertain(error);
    engine
        .store
        .fail_sending(message, reason, retry_at, uncertain, now)
        .await?;
    let limited = error.kind == ErrorKind::RATE_LIMITED;
    Ok(retry_at.filter(|_| limited))
}

fn set_status(
    client: &dyn AuthorizedClient,
    context: &dyn CallContext,
    message: &OutboxMessage,
) -> VcsResult<Option<String>> {
    let request: StatusRequest = read(&message.payload)?;
    client.set_status(context, request)?;
    Ok(None)
}

/// Writes the comment of a run, or changes the one that is there.
fn comment(
    client: &dyn AuthorizedClient,
    context: &dyn CallContext,
    message: &OutboxMessage,
) -> VcsResult<Option<String>> {
    let wanted: RunComment = read(&message.payload)?;
    let repo = wanted.repo.clone();
    let mut known = message.remote_id.clone();
    if known.is_none() && message.uncertain_sequence.is_some() {
        // It was sent before, and nobody knows what became of it.
        let request = CommentsRequest {
            repo: repo.clone(),
            pull_request: wanted.pull_request,
            limit: Some(LOOKED_THROUGH),
            ..CommentsRequest::default()
        };
        let comments = collect(|sink| client.pull_request_comments(context, request, sink))?;
        known = comments
            .iter()
            .find(|comment| !comment.deleted && comment.text.contains(&wanted.run_url))
            .map(|comment| comment.id.clone());
    }
    let id = match known {
        Some(id) => {
            let request = UpdateCommentRequest {
                repo,
                pull_request: wanted.pull_request,
                id: id.clone(),
                text: wanted.text,
                ..UpdateCommentRequest::default()
            };
            match client.pull_request_comment_update(context, request) {
                // Somebody has deleted it: it is not written again.
                Err(error) if error.kind == ErrorKind::NOT_FOUND => id,
                result => result?.id,
            }
        }
        None => {
            let request = CreateCommentRequest {
                repo,
                pull_request: wanted.pull_request,
                text: wanted.text,
                ..CreateCommentRequest::default()
            };
            client.pull_request_comment_create(context, request)?.id
        }
    };
    Ok(Some(id))
}

fn read<T: serde::de::DeserializeOwned>(payload: &str) -> VcsResult<T> {
    serde_json::from_str(payload).map_err(|error| {
        VcsError::new(
            ErrorKind::INVALID_INPUT,
            format!("its stored form cannot be read: {error}"),
        )
    })
}
