//! What the provider is tried on: a credential, repositories, and what is
//! known of them.

use super::recorder::RecordingHost;
use super::webhook_dialect::WebhookDialect;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use vcs_provider_interface::records::Credential;
use vcs_provider_interface::secret::Secret;

/// What is on the server, and what the rules may do there.
///
/// Only `credential` and `repo` are needed; each further fact lets more rules
/// run. A rule that lacks one is skipped and says which.
pub struct Target {
    /// The credential that the rules work with.
    pub credential: Credential,
    /// A repository that exists and has commits. Only read from.
    pub repo: String,
    /// A repository that does not exist, in a form that the service could have.
    pub missing_repo: String,
    /// A repository in which the rules may create branches, hooks, pull
    /// requests and build statuses. What can be deleted is deleted again; build
    /// statuses and declined pull requests stay.
    pub writable_repo: Option<String>,
    /// A repository without a commit.
    pub empty_repo: Option<String>,
    /// A clone of `repo` on this machine, with all its branches as
    /// `refs/heads/*` and all its tags, to compare with.
    pub git_clone: Option<PathBuf>,
    /// How the service's deliveries look.
    pub webhooks: Option<WebhookDialect>,
    /// The host's services that the provider was given.
    pub host: Arc<RecordingHost>,
    /// The secrets that the provider was given, to look for where they must not be.
    pub secrets: Vec<Secret>,
    /// Makes the server slow or failing, where the rules control it.
    pub faults: Option<Arc<dyn ServerFaults>>,
    /// Names of threads of the host itself, such as those of a mocked server,
    /// that may begin while a rule counts threads.
    pub host_threads: Vec<String>,
    /// The deadline of an ordinary call.
    pub call_limit: Duration,
    /// How much later than asked a call may end.
    pub tolerance: Duration,
}

impl Target {
    /// The repository with this name, reached with the configured credential,
    /// through the host's services that the server was made with.
    #[must_use]
    pub fn new(repo: impl Into<String>, host: Arc<RecordingHost>) -> Self {
        let repo = repo.into();
        let owner = repo.rsplit_once('/').map(|(owner, _)| format!("{owner}/"));
        Self {
            credential: Credential::configured(),
            missing_repo: format!(
                "{}conformance-no-such-repository",
                owner.unwrap_or_default()
            ),
            repo,
            writable_repo: None,
            empty_repo: None,
            git_clone: None,
            webhooks: None,
            host,
            secrets: Vec::new(),
            faults: None,
            host_threads: Vec::new(),
            call_limit: Duration::from_secs(60),
            tolerance: Duration::from_secs(2),
        }
    }
}

/// A server that can be made slow or failing. Implemented for servers under
/// control, such as a mocked one.
pub trait ServerFaults: Send + Sync {
    /// Every answer takes this much longer, until [`ServerFaults::restore`].
    fn slow_down(&self, delay: Duration);

    /// The server answers this many requests, and fails at every later one
    /// with an internal error, until [`ServerFaults::restore`].
    fn fail_after(&self, answered: u64);

    /// The server refuses every request for now and asks to come back after
    /// this time, until [`ServerFaults::restore`].
    fn limit_rate(&self, wait: Duration);

    /// The server works again.
    fn restore(&self);
}

/// Restores the server when dropped, also after a failing check.
pub(super) struct Faulty<'a>(&'a dyn ServerFaults);

impl<'a> Faulty<'a> {
    pub(super) fn new(faults: &'a dyn ServerFaults, begin: impl FnOnce(&dyn ServerFaults)) -> Self {
        begin(faults);
        Self(faults)
    }
}

impl Drop for Faulty<'_> {
    fn drop(&mut self) {
        self.0.restore();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_missing_repository_has_the_same_owner() {
        let host = Arc::new(RecordingHost::default());
        let target = Target::new("group/sub/repo", Arc::clone(&host));
        assert_eq!(
            target.missing_repo,
            "group/sub/conformance-no-such-repository"
        );
        assert_eq!(
            Target::new("repo", host).missing_repo,
            "conformance-no-such-repository"
        );
    }
}
