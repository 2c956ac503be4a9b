//! What git says on standard error: progress to hand on, and the words from
//! which the kind of a failure is told.

use super::{GitError, Progress, Remote};
use vcs_provider_interface::error::{ErrorKind, VcsError};

/// How many lines of git's error output are kept.
const KEPT_LINES: usize = 20;

/// What git says on standard error.
pub(super) struct Stderr<'a> {
    remote: Option<&'a Remote>,
    kept: Vec<String>,
}

/// Words of git (in lower case) and what they mean. The first that matches counts.
const MEANINGS: &[(&[&str], ErrorKind, &str)] = &[
    (
        &["host key verification failed", "no matching host key"],
        ErrorKind::UNAVAILABLE,
        "the SSH host is not among the known hosts, so nothing was sent to it; check its key and \
         add it to the known hosts for",
    ),
    (
        &[
            "permission denied (publickey",
            "no supported authentication methods",
        ],
        ErrorKind::UNAUTHENTICATED,
        "the service does not accept the SSH key for",
    ),
    (
        &["error: 407", "response 407", "http code 407"],
        ErrorKind::UNAVAILABLE,
        "the proxy does not accept its user and password (`proxy`), on the way to",
    ),
    (
        &[
            "proxy connect aborted",
            "from proxy after connect",
            "could not resolve proxy",
            "connect tunnel failed",
        ],
        ErrorKind::UNAVAILABLE,
        "the proxy (`proxy`) makes no connection to",
    ),
    (
        &[
            "authentication failed",
            "could not read username",
            "could not read password",
            "error: 401",
        ],
        ErrorKind::UNAUTHENTICATED,
        "the service does not accept the credential for",
    ),
    (
        &["error: 403"],
        ErrorKind::PERMISSION_DENIED,
        "the credential may not do this on",
    ),
    (
        &["error: 429"],
        ErrorKind::RATE_LIMITED,
        "the service takes no more requests for now for",
    ),
    (
        &["couldn't find remote ref", "not our ref", "no such ref"],
        ErrorKind::NOT_FOUND,
        "there is no such ref or commit on",
    ),
    (
        &["repository not found", "error: 404", "not found"],
        ErrorKind::NOT_FOUND,
        "there is no such repository, or the credential may not see it:",
    ),
    (
        &["certificate", "ssl peer"],
        ErrorKind::UNAVAILABLE,
        "no trusted connection can be made; the authority of the certificate may be one that \
         `caFile` has to name, for",
    ),
    (
        &[
            "could not resolve host",
            "failed to connect",
            "couldn't connect",
            "connection refused",
            "connection timed out",
            "error: 5",
            "operation too slow",
            "early eof",
            "unexpected disconnect",
            "rpc failed",
            "empty reply from server",
            "connection was reset",
            "connection reset",
            "hung up unexpectedly",
        ],
        ErrorKind::UNAVAILABLE,
        "the service cannot be reached, or broke off, at",
    ),
];

impl<'a> Stderr<'a> {
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

    pub(super) fn into_error(self, command: String, code: Option<i32>) -> GitError {
        let output = self.kept.join("\n");
        let message = last_words(&self.kept);
        tracing::debug!(command, output, "git failed");
        let lower = output.to_lowercase();
        let meaning = self.remote.and_then(|remote| {
            let found = MEANINGS
                .iter()
                .find(|(words, ..)| words.iter().any(|word| lower.contains(word)))?;
            Some((remote, found))
        });
        let Some((remote, (_, kind, words))) = meaning else {
            return GitError::Failed {
                command,
                message,
                output,
                code,
            };
        };
        let denied = remote.denied_origins();
        let text = match (*kind, denied.as_slice()) {
            (ErrorKind::UNAUTHENTICATED, [stranger, ..]) => format!(
                "{stranger} asked for a credential and got none: the credential is for {} alone \
                 (git {command}: {message})",
                remote.url()
            ),
            _ => format!("{words} {} (git {command}: {message})", remote.url()),
        };
        VcsError::new(*kind, text).into()
    }
}

/// The last line in which git names a reason.
fn last_words(lines: &[String]) -> String {
    let reason = |line: &&String| {
        ["fatal: ", "error: ", "remote: error: ", "ERROR: "]
            .iter()
            .any(|start| line.starts_with(start))
            // These two follow a reason and name none.
            && !line.contains("the remote end hung up")
            && !line.contains("Could not read from remote repository")
    };
    let line = lines.iter().rev().find(reason).or_else(|| {
        let mut rest = lines.iter().rev();
        rest.find(|line| !line.starts_with("hint:") && !line.starts_with("and the repository"))
    });
    let line = line.map_or("it said nothing", String::as_str);
    line.trim_start_matches("remote: ")
        .trim_start_matches("fatal: ")
        .trim_start_matches("error: ")
        .trim_end_matches('.')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(lines: &[&str]) -> GitError {
        let remote = Remote::new("https://example.com/a/b.git", None, None).unwrap();
        let mut stderr = Stderr::new(Some(&remote));
        for line in lines {
            stderr.take(line, &mut |_| {});
        }
        stderr.into_error("fetch".to_owned(), Some(128))
    }

    #[test]
    fn a_failure_is_one_sentence_with_the_last_reason_of_git() {
        let error = error_of(&[
            "remote: Counting objects",
            "Receiving objects:  10% (1/10)",
            "fatal: couldn't find remote ref refs/heads/x",
            "fatal: the remote end hung up unexpectedly",
        ]);
        let GitError::Vcs(error) = error else {
            panic!("{error:?}")
        };
        assert_eq!(error.kind, ErrorKind::NOT_FOUND);
        assert_eq!(
            error.message,
            "there is no such ref or commit on https://example.com/a/b.git (git fetch: couldn't \
             find remote ref refs/heads/x)"
        );
    }

    #[test]
    fn what_the_network_does_is_worth_another_try() {
        for line in [
            "fatal: unable to access 'https://example.com/': Could not resolve host: example.com",
            "fatal: unable to access 'https://example.com/': The requested URL returned error: 503",
            "error: RPC failed; curl 18 transfer closed with outstanding read data remaining",
            "fatal: unable to access 'https://example.com/': CONNECT tunnel failed, response 407",
        ] {
            let GitError::Vcs(error) = error_of(&[line]) else {
                panic!("{line}")
            };
            assert!(error.retryable, "{line}: {error:?}");
        }
    }
}
