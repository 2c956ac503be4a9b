//! What follows from a poll that failed.

use crate::clock::later;
use crate::engine::Engine;
use crate::store::Application;
use std::time::Duration;
use vcs_provider_interface::error::{ErrorKind, VcsError};

/// The time before a server is asked again that did not respond as it should.
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// Logs a failed poll and says when to try again.
pub(super) fn failed(engine: &Engine, application: &Application, error: &VcsError) -> i64 {
    tracing::warn!(
        project = application.project,
        application = application.name,
        %error,
        "polling failed and is tried again later"
    );
    after_failure(engine, error)
}

/// When to try again.
pub(super) fn after_failure(engine: &Engine, error: &VcsError) -> i64 {
    let wait = if error.retryable {
        error.retry_after().unwrap_or(AFTER_FAILURE)
    } else {
        // It will fail again until somebody changes something.
        engine.settings.poll_interval
    };
    later(engine.now(), wait.max(AFTER_FAILURE))
}

/// Whether nothing more is asked for now.
pub(super) fn wants_rest(error: &VcsError) -> bool {
    matches!(error.kind, ErrorKind::RATE_LIMITED | ErrorKind::CANCELLED)
}
