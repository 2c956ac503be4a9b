//! Setting a mock up.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::api::rate_limit::{RateLimit, RateLimiter};
use crate::api::service::Api;
use crate::control::control_server;
use crate::control::error::MockError;
use crate::control::handle::{DefaultCredentials, MockBitbucket};
use crate::http::faults::{FaultInjector, FaultPlan};
use crate::http::record::Recorder;
use crate::http::server::{self, BackgroundRuntime, Server};
use crate::http::storage_server;
use crate::http::tls::Tls;
use crate::model::deliveries::{Deliveries, DeliveryPolicy};
use crate::model::ids::Ids;
use crate::model::links::Urls;
use crate::model::mock::{Mock, Parts, Settings};
use crate::model::oauth::OAuthPolicy;
use crate::model::permissions::CredentialKind;
use crate::model::storage_host::Storage;
use crate::model::tokens::TokenRequest;
use crate::model::user::User;
use crate::sync::lock;

/// The account that the mock's first credentials belong to.
const FIRST_USER: (&str, &str) = ("Casey Builder", "casey.builder@example.com");

/// The callback address of a consumer for which none was named.
const FIRST_CALLBACK: &str = "http://127.0.0.1/callback";

/// Collects what a mock shall be; made by [`MockBitbucket::builder`].
#[derive(Debug)]
pub struct MockBuilder {
    repositories: Vec<(String, PathBuf)>,
    workspaces: Vec<String>,
    latency: Duration,
    faults: FaultPlan,
    record: Option<PathBuf>,
    listen: SocketAddr,
    origin: Option<String>,
    rate_limit: Option<RateLimit>,
    delivery: DeliveryPolicy,
    lenient: bool,
    seed: Option<u64>,
    tls: bool,
    control: Option<SocketAddr>,
    allow_local_hook_urls: bool,
    callback_urls: Vec<String>,
    oauth: OAuthPolicy,
}

impl Default for MockBuilder {
    fn default() -> Self {
        Self {
            repositories: Vec::new(),
            workspaces: Vec::new(),
            latency: Duration::ZERO,
            faults: FaultPlan::default(),
            record: None,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            origin: None,
            rate_limit: None,
            delivery: DeliveryPolicy::default(),
            lenient: false,
            seed: None,
            tls: false,
            control: None,
            allow_local_hook_urls: true,
            callback_urls: Vec::new(),
            oauth: OAuthPolicy::default(),
        }
    }
}

impl MockBitbucket {
    /// A mock to be set up.
    #[must_use]
    pub fn builder() -> MockBuilder {
        MockBuilder::default()
    }
}

impl MockBuilder {
    /// Serves the git repository at `path`, bare or not, as `workspace/slug`.
    #[must_use]
    pub fn repo(mut self, full_name: impl Into<String>, path: impl AsRef<Path>) -> Self {
        self.repositories
            .push((full_name.into(), path.as_ref().to_path_buf()));
        self
    }

    /// Adds a workspace without repositories.
    #[must_use]
    pub fn workspace(mut self, slug: impl Into<String>) -> Self {
        self.workspaces.push(slug.into());
        self
    }

    /// Waits so long before every response.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Plans faults.
    #[must_use]
    pub fn faults(mut self, plan: FaultPlan) -> Self {
        self.faults = plan;
        self
    }

    /// Writes every request and response to this file, one JSON line each.
    #[must_use]
    pub fn record(mut self, path: impl AsRef<Path>) -> Self {
        self.record = Some(path.as_ref().to_path_buf());
        self
    }

    /// Listens here; port 0, the default, takes any free port of this machine.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Scheme and authority, such as `https://localhost:8443`, that the mock calls
    /// itself by in links: where it is reached through a TLS server in front of
    /// it. By default it is reached where it listens.
    #[must_use]
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// Counts requests and rejects those over budget. Without this call nothing
    /// is counted.
    #[must_use]
    pub fn rate_limit(mut self, limit: RateLimit) -> Self {
        self.rate_limit = Some(limit);
        self
    }

    /// Changes how deliveries wait.
    #[must_use]
    pub fn delivery(mut self, policy: DeliveryPolicy) -> Self {
        self.delivery = policy;
        self
    }

    /// Rejects hooks that point at this machine or a private network, as the
    /// real service does. Allowed by default: tests and demos receive there.
    #[must_use]
    pub fn reject_local_hook_urls(mut self) -> Self {
        self.allow_local_hook_urls = false;
        self
    }

    /// Makes the same identifiers and secrets in every run: what follows the same
    /// requests in the same order has the same names.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Speaks HTTPS, with a certificate of a fresh authority (see
    /// [`MockBitbucket::authority`]) for `localhost` and the address listened on.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Serves the control API at this address; whoever reaches it may do anything.
    #[must_use]
    pub fn control(mut self, address: SocketAddr) -> Self {
        self.control = Some(address);
        self
    }

    /// Takes raw slashes in the names of branches and tags, and query parameters that
    /// an operation does not know, as the real service does: for clients that are not
    /// under test.
    #[must_use]
    pub fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }

    /// Registers a callback address of the OAuth consumer. May be called several
    /// times; the first address is the one that is used when a client names none.
    #[must_use]
    pub fn callback_url(mut self, url: impl Into<String>) -> Self {
        self.callback_urls.push(url.into());
        self
    }

    /// Changes how the OAuth server behaves.
    #[must_use]
    pub fn oauth(mut self, policy: OAuthPolicy) -> Self {
        self.oauth = policy;
        self
    }

    /// Starts serving.
    ///
    /// # Errors
    ///
    /// When the address is taken, a repository cannot be read, a name is not
    /// `workspace/slug`, or the recording cannot be written.
    pub fn start(self) -> Result<MockBitbucket, MockError> {
        let recorder =
            Recorder::new(self.record.as_deref()).map_err(|source| MockError::Write {
                path: self.record.clone().unwrap_or_default(),
                source,
            })?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("mock-bitbucket")
            .enable_all()
            .build()
            .map(BackgroundRuntime::new)
            .map_err(MockError::Start)?;
        let listener = listen(runtime.handle(), self.listen).map_err(MockError::Start)?;
        let mut address = listener.local_addr().map_err(MockError::Start)?;
        if address.ip().is_unspecified() {
            address.set_ip([127, 0, 0, 1].into());
        }
        let storage_listener =
            listen(runtime.handle(), SocketAddr::new(address.ip(), 0)).map_err(MockError::Start)?;
        let tls = self.tls.then(|| Tls::new(address.ip())).transpose();
        let tls = tls.map_err(MockError::Start)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let acceptor = tls.as_ref().map(|tls| tls.acceptor.clone());
        let ids = Arc::new(Ids::new(self.seed));
        let storage = Arc::new(Storage::new(format!(
            "{scheme}://{}",
            storage_listener.local_addr().map_err(MockError::Start)?
        )));
        let mock = Arc::new(Mock::new(Parts {
            urls: Urls::new(
                self.origin
                    .unwrap_or_else(|| format!("{scheme}://{address}")),
            ),
            settings: Settings {
                latency: self.latency,
                lenient: self.lenient,
                allow_local_hook_urls: self.allow_local_hook_urls,
                client_id: ids.text(18),
                client_secret: ids.text(32),
                callback_urls: if self.callback_urls.is_empty() {
                    vec![FIRST_CALLBACK.to_owned()]
                } else {
                    self.callback_urls
                },
            },
            ids: Arc::clone(&ids),
            deliveries: Deliveries::new(self.delivery),
            storage: Arc::clone(&storage),
        }));
        lock(&mock.state)
            .users
            .push(Arc::new(User::sample(FIRST_USER.0, FIRST_USER.1)));
        {
            let mut oauth = lock(&mock.oauth);
            oauth.policy = self.oauth;
            oauth.ids = Arc::clone(&ids);
        }
        lock(&mock.tokens).ids = ids;
        lock(&mock.tokens).register_secret(&mock.settings.client_secret);
        let server = Arc::new(Server {
            api: Api::new(Arc::clone(&mock), RateLimiter::new(self.rate_limit)),
            mock,
            faults: FaultInjector::new(self.faults),
            recorder,
            acceptor: acceptor.clone(),
        });
        let mut started = MockBitbucket::new(Arc::clone(&server), address);
        for workspace in self.workspaces {
            started.add_workspace(&workspace, true);
        }
        for (full_name, path) in self.repositories {
            started.add_repository(&full_name, &path)?;
        }
        started.known = Some(DefaultCredentials {
            api_token: started.create_token(&TokenRequest::new(CredentialKind::ApiToken))?,
            access_token: started
                .create_token(&TokenRequest::new(CredentialKind::WorkspaceAccessToken))?,
        });
        runtime
            .handle()
            .spawn(storage_server::serve(storage, storage_listener, acceptor));
        runtime.handle().spawn(server::serve(server, listener));
        started.authority = tls.map(|tls| tls.authority);
        let control = match self.control {
            Some(address) => {
                let listener = listen(runtime.handle(), address).map_err(MockError::Start)?;
                let address = listener.local_addr().map_err(MockError::Start)?;
                Some((listener, address))
            }
            None => None,
        };
        started.control = control.as_ref().map(|(_, address)| *address);
        if let Some((listener, _)) = control {
            let serving = control_server::serve(started.again(), listener);
            runtime.handle().spawn(serving);
        }
        started.serving(runtime);
        Ok(started)
    }
}

/// Binds without waiting, so that a mock can be started from anywhere, also from
/// inside another runtime.
fn listen(runtime: &tokio::runtime::Handle, address: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let _inside = runtime.enter();
    TcpListener::from_std(listener)
}
