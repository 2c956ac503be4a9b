//! What all services of the engine share: the store, the grants, the servers,
//! the clock and the settings.

use super::clock::Clock;
use super::config::EngineConfig;
use super::grants::GrantStore;
use super::guard::{Guard, GuardedServers};
use super::metrics::{LostLogLines, Metrics};
use super::rate_budget::RateBudgets;
use super::rejections::RejectionLog;
use super::server_health::ServerHealth;
use super::servers::Servers;
use super::status_url::StatusUrl;
use super::store::{Store, Topic};
use super::supervisor::Tasks;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use vcs_provider_interface::context::{Cancellation, HostCallContext};
use vcs_provider_interface::error::{ErrorKind, Result, VcsError};
use vcs_provider_interface::provider::AuthorizedClient;
use vcs_provider_interface::records::Credential;

/// The largest delivery that is read. Bitbucket Cloud: payloads have at most 256 KB;
/// the rest is slack.
const MAX_DELIVERY_BYTES: usize = 320 * 1024;

/// What the engine's services are told by the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The public address of the api service, without a slash at the end.
    pub api_url: String,
    /// The public address of the user interface, without a slash at the end.
    pub ui_url: String,
    /// The addresses of runs, for an engine with pages of its own.
    pub status_url: Option<StatusUrl>,
    /// Whether this is a developer's machine, without a user interface in front.
    pub development: bool,
    /// The time between two polls of a repository whose webhooks work.
    pub poll_interval: Duration,
    /// How long a call to a provider may take.
    pub call_limit: Duration,
    /// How long the runs of a deleted branch stay.
    pub retention: Duration,
    /// Deliveries with more bytes than this are rejected.
    pub max_delivery_bytes: usize,
}

impl Settings {
    /// The settings of a configuration.
    #[must_use]
    pub fn of(config: &EngineConfig) -> Self {
        Self {
            api_url: config.api.url.clone(),
            ui_url: config.api.ui_url.clone(),
            status_url: config.api.status_url.clone(),
            development: config.api.development,
            poll_interval: config.vcs.poll_interval,
            call_limit: Duration::from_secs(60),
            retention: Duration::from_secs(24 * 60 * 60),
            max_delivery_bytes: MAX_DELIVERY_BYTES,
        }
    }
}

/// What is counted of deliveries since the start.
#[derive(Debug, Default)]
pub struct Counters {
    accepted: AtomicU64,
    repeated: AtomicU64,
    rejected: AtomicU64,
    failed: AtomicU64,
}

/// What can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// A delivery was kept.
    Accepted,
    /// A delivery was there already.
    Repeated,
    /// A delivery was rejected: unknown hook, wrong signature, too large.
    Rejected,
    /// A delivery could not be kept and was left to the service's next try.
    Failed,
}

impl Counters {
    fn of(&self, counter: Counter) -> &AtomicU64 {
        match counter {
            Counter::Accepted => &self.accepted,
            Counter::Repeated => &self.repeated,
            Counter::Rejected => &self.rejected,
            Counter::Failed => &self.failed,
        }
    }

    /// Counts one more.
    pub fn count(&self, counter: Counter) {
        self.of(counter).fetch_add(1, Ordering::Relaxed);
    }

    /// How many since the start.
    #[must_use]
    pub fn get(&self, counter: Counter) -> u64 {
        self.of(counter).load(Ordering::Relaxed)
    }
}

/// The engine: what its services work on.
pub struct Engine {
    /// The memory.
    pub store: Arc<Store>,
    /// The grants in it.
    pub grants: Arc<GrantStore>,
    /// The configured servers.
    pub servers: Arc<dyn Servers>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// What the configuration says.
    pub settings: Settings,
    /// Counts.
    pub counters: Counters,
    /// What stands before every provider.
    pub guard: Arc<Guard>,
    /// Figures.
    pub metrics: Arc<Metrics>,
    /// The tasks that never end.
    pub tasks: Arc<Tasks>,
    /// How many log lines were lost.
    pub lost_log_lines: LostLogLines,
    /// Told when there may be events or clean-ups to work on.
    pub wake: Notify,
    /// Told when polls may be due.
    pub wake_poller: Notify,
    /// Told when there may be events to complete.
    pub wake_completion: Notify,
    /// Told when clean-ups may be due.
    pub wake_cleanups: Notify,
    /// Told when there may be messages to send.
    pub wake_outbox: Notify,
    /// Counts the changes of runs; whoever waits for a run watches it.
    pub run_changes: watch::Sender<u64>,
    /// What services allow, over all engines.
    pub budgets: RateBudgets,
    /// How calls to the servers have gone.
    pub health: ServerHealth,
    /// The latest rejected deliveries.
    pub rejections: RejectionLog,
    /// Ends the calls of work that nobody waits for.
    pub stopping: Cancellation,
}

impl Engine {
    /// An engine of these parts.
    #[must_use]
    pub fn new(
        grants: Arc<GrantStore>,
        store: Arc<Store>,
        servers: Arc<dyn Servers>,
        clock: Arc<dyn Clock>,
        settings: Settings,
    ) -> Self {
        let metrics = Arc::new(Metrics::new());
        let guard = Arc::new(Guard::new(
            Arc::clone(grants.known_secrets()),
            Arc::clone(&metrics),
            Arc::clone(&clock),
            settings.call_limit,
        ));
        let servers = GuardedServers::new(servers, Arc::clone(&guard));
        Self {
            store,
            grants,
            servers: Arc::new(servers),
            guard,
            metrics,
            tasks: Arc::default(),
            lost_log_lines: LostLogLines::default(),
            clock,
            settings,
            counters: Counters::default(),
            wake: Notify::new(),
            wake_poller: Notify::new(),
            wake_completion: Notify::new(),
            wake_cleanups: Notify::new(),
            wake_outbox: Notify::new(),
            run_changes: watch::Sender::new(0),
            budgets: RateBudgets::default(),
            health: ServerHealth::default(),
            rejections: RejectionLog::default(),
            stopping: Cancellation::new(),
        }
    }

    /// The same engine, which knows how many log lines were lost.
    #[must_use]
    pub fn with_lost_log_lines(self, lost_log_lines: LostLogLines) -> Self {
        Self {
            lost_log_lines,
            ..self
        }
    }

    /// Has everything looked at that may be due.
    pub fn wake_all(&self) {
        self.wake.notify_one();
        self.wake_poller.notify_one();
        self.wake_completion.notify_one();
        self.wake_cleanups.notify_one();
        self.wake_outbox.notify_one();
    }

    /// Tells whoever waits that runs have changed, and the outbox with them: here and at
    /// other engines.
    pub fn runs_changed(&self) {
        self.hear(Topic::Runs);
        self.store.tell(Topic::Runs);
    }

    /// Tells whoever works on events that there are some, here and at other engines.
    pub fn events_came(&self) {
        self.wake.notify_one();
        self.store.tell(Topic::Events);
    }

    /// Looks at what another engine has told.
    pub fn hear(&self, topic: Topic) {
        match topic {
            Topic::Events => {
                self.wake.notify_one();
                self.wake_completion.notify_one();
            }
            Topic::Runs => {
                self.run_changes.send_modify(|count| *count += 1);
                self.wake_outbox.notify_one();
            }
            Topic::Limits => self.budgets.look_again(),
        }
    }

    /// Asks a server something with the credential of a project, and takes note
    /// of how that went. Blocks.
    ///
    /// # Errors
    /// As [`Engine::client`], and what `work` returns.
    pub fn ask<T>(
        &self,
        project: &str,
        server: &str,
        work: impl FnOnce(&dyn AuthorizedClient) -> Result<T>,
    ) -> Result<T> {
        let credential = if self.store.is_shared() {
            self.store
                .project_grant(project, server)?
                .unwrap_or_default()
        } else {
            String::new()
        };
        let (store, now) = (&self.store, self.now());
        self.budgets.admit(store, server, &credential, now)?;
        let result = self
            .client(Some(project), server)
            .and_then(|client| work(&*client));
        self.budgets
            .note(store, server, &credential, &result, self.now());
        self.health.observe(server, &result, self.now());
        result
    }

    /// The credential that a project's calls to a server use: the project's
    /// grant if it holds one, otherwise what the configuration says.
    ///
    /// # Errors
    /// `Internal` or `Unavailable` if the store cannot be read.
    pub fn credential(&self, project: Option<&str>, server: &str) -> Result<Credential> {
        let grant = match project {
            Some(project) => self.store.project_grant(project, server)?,
            None => None,
        };
        Ok(grant.map_or_else(Credential::configured, Credential::grant))
    }

    /// A client for a server with the credential of a project.
    ///
    /// # Errors
    /// As [`Servers::server`] and `authorized_client`.
    pub fn client(&self, project: Option<&str>, server: &str) -> Result<Box<dyn AuthorizedClient>> {
        let credential = self.credential(project, server)?;
        self.servers.server(server)?.authorized_client(credential)
    }

    /// The context of work that nobody waits for.
    #[must_use]
    pub fn background(&self, name: &str) -> HostCallContext {
        HostCallContext::new(name)
            .with_time_limit(self.settings.call_limit)
            .with_cancellation(self.stopping.clone())
    }

    /// Milliseconds since 1970-01-01 UTC, by the engine's clock.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.clock.now_ms()
    }
}

/// Runs blocking work beside the asynchronous code.
///
/// # Errors
/// What `work` returns; `Internal` if it panicked or the engine is shutting down.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => {
            let message = format!("the work was not finished: {error}");
            Err(VcsError::new(ErrorKind::INTERNAL, message))
        }
    }
}
