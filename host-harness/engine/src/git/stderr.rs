//! What git says on standard error: progress to hand on, and the words from
//! which the kind of a failure is told.

use super::{GitError, Progress, Remote};
use vcs_provider_interface::error::{ErrorKind, VcsError};

/// How much of git's error output is kept for the message.
const KEPT_LINES: usize = 12;

/// What git says on standard error.
pub(super) struct Words<'a> {
    remote: Option<&'a Remote>,
    kept: Vec<String>,
}

impl<'a> Words<'a> {
    pub(super) fn new(remote: Option<&'a Remote>) -> Self {
        Self {
            remote,
            kept: Vec::new(),
        }
    }

    pub(super) fn take(&mut self, line: &str, progress: Progress<'_>) {
        let clean = match self.remote {
            Some(remote) => remote.redact(line),
            None => line.to_owned(),
        };
        progress(&clean);
        // Lines of progress end in a percentage and say nothing of a failure.
        if clean.contains("% (") {
            return;
        }
        if self.kept.len() == KEPT_LINES {
            self.kept.remove(0);
        }
        self.kept.push(clean);
    }

    pub(super) fn into_error(self, command: String, remote: Option<&Remote>) -> GitError {
        let message = self.kept.join("; ");
        let lower = message.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        let place = remote.map_or_else(String::new, |remote| format!(" {}", remote.url()));
        let meaning = if says(&[
            "authentication failed",
            "could not read username",
            "could not read password",
            "error: 401",
        ]) {
            Some((
                ErrorKind::UNAUTHENTICATED,
                "the service does not accept the credential for",
            ))
        } else if says(&["error: 403"]) {
            Some((
                ErrorKind::PERMISSION_DENIED,
                "the credential may not do this on",
            ))
        } else if says(&["couldn't find remote ref", "not our ref", "no such ref"]) {
            Some((ErrorKind::NOT_FOUND, "there is no such ref or commit on"))
        } else if says(&["repository not found", "error: 404", "not found"]) && remote.is_some() {
            Some((
                ErrorKind::NOT_FOUND,
                "there is no such repository, or the credential may not see it:",
            ))
        } else if says(&[
            "could not resolve host",
            "failed to connect",
            "couldn't connect",
            "connection refused",
        ]) {
            Some((ErrorKind::UNAVAILABLE, "the service cannot be reached at"))
        } else {
            None
        };
        match meaning {
            Some((kind, words)) => VcsError::new(
                kind,
                format!("git {command}: {words}{place} (git says: {message})"),
            )
            .into(),
            None => GitError::Failed { command, message },
        }
    }
}
