//! The Bitbucket Cloud provider, loaded from its `.so`, against the mocked service.

use crate::contract::{delivery_violations, violations};
use crate::host::RecordingHost;
use crate::libraries::{built_library, own_target_folder_and_profile};
use crate::place::{isolation, server_settings};
use crate::sandbox::GitSandbox;
use mock_bitbucket::{MockBitbucket, MockBuilder, RecordedExchange};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};
use vcs_plugin_host::isolation::Isolation;
use vcs_plugin_host::loader::{Confinement, LoadedProvider, Loader};
use vcs_plugin_host::registry::{Registry, RegistryOptions, ServerHandle, ServerSettings};
use vcs_provider_interface::abi::{HostProvider, HostServer};
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::prelude::*;

/// The full name of the repository that every [`Bitbucket`] serves.
pub const REPO: &str = "acme/widget";

/// The longest that a call of a test may take before it counts as hanging.
pub const CALL_LIMIT: Duration = Duration::from_secs(60);

/// The provider of the built library, loaded once per process.
///
/// # Panics
/// If it cannot be built or loaded.
#[must_use]
pub fn loaded_provider() -> HostProvider {
    loaded().provider
}

fn loaded() -> &'static LoadedProvider {
    static LOADED: OnceLock<LoadedProvider> = OnceLock::new();
    LOADED.get_or_init(|| {
        let library = pinned_copy(&built_library("vcs-bitbucketcloud"));
        match Loader::default().load(&library) {
            Ok(loaded) => loaded,
            Err(error) => panic!("{error}"),
        }
    })
}

/// A server of the same library in a process of its own, confined as an engine
/// confines it. The process ends with the last of the server and its clients.
///
/// # Panics
/// If the provider refuses the configuration.
#[must_use]
pub fn isolated_server_of(config: &str, host: &Arc<RecordingHost>) -> ServerHandle {
    let options = RegistryOptions {
        isolation: Some(Isolation {
            confinement: Some(Confinement::default()),
            ..isolation()
        }),
        ..Default::default()
    };
    let registry = Registry::new(Loader::default(), options);
    let settings = ServerSettings {
        isolated: true,
        ..server_settings("main", "bitbucketcloud", config, host)
    };
    if let Err(error) = registry.adopt(loaded().clone()) {
        panic!("{error}");
    }
    if let Err(error) = registry.configure(settings) {
        panic!("{error}");
    }
    match registry.server("main") {
        Some(server) => server,
        None => panic!("there is no server"),
    }
}

/// A copy of a built library with its manifest in a directory of its own, as an
/// administrator would install it. All test processes share the copy of a build.
///
/// # Panics
/// If it cannot be copied or pinned.
#[must_use]
pub fn pinned_copy(library: &Path) -> PathBuf {
    match shared_copy(library) {
        Ok(copy) => copy,
        Err(error) => panic!("{}: {error}", library.display()),
    }
}

fn shared_copy(library: &Path) -> std::io::Result<PathBuf> {
    let file = library.metadata()?;
    let changed = file.modified()?.duration_since(SystemTime::UNIX_EPOCH);
    let name = library.file_name().unwrap_or_default();
    let build = format!(
        "{}-{}-{}",
        name.to_string_lossy(),
        file.len(),
        changed.unwrap_or_default().as_nanos()
    );
    let all = own_target_folder_and_profile().0.join("tmp/pinned");
    let shared = all.join(build);
    if !shared.exists() {
        std::fs::create_dir_all(&all)?;
        let own = tempfile::tempdir_in(&all)?;
        let copy = own.path().join(name);
        std::fs::copy(library, &copy)?;
        if let Err(error) = Loader::default().write_manifest(&copy) {
            panic!("{error}");
        }
        // Whole or not at all; another process may have been quicker.
        match std::fs::rename(own.path(), &shared) {
            Ok(()) => drop(own.keep()),
            Err(_) if shared.exists() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(shared.join(name))
}

/// The mocked service, a server of the loaded provider that reaches it, and
/// what both leave behind.
///
/// When it is dropped, every request that the provider sent is held to the
/// contract with the service.
pub struct Bitbucket {
    /// The mocked service.
    pub mock: MockBitbucket,
    /// The repository that is served as [`REPO`].
    pub git: GitSandbox,
    /// The provider's server.
    pub server: HostServer,
    /// What the provider logged and stored.
    pub host: Arc<RecordingHost>,
}

impl Bitbucket {
    /// The small repository, with an API token.
    #[must_use]
    pub fn small() -> Self {
        Self::serving(GitSandbox::small())
    }

    /// This repository, with an API token.
    #[must_use]
    pub fn serving(git: GitSandbox) -> Self {
        Self::with(git, MockBitbucket::builder(), "")
    }

    /// This repository, a prepared mock, and further lines of configuration.
    ///
    /// # Panics
    /// If the mock cannot start or the provider refuses the configuration.
    #[must_use]
    pub fn with(git: GitSandbox, mock: MockBuilder, config: &str) -> Self {
        let mock = match mock.repo(REPO, git.path()).start() {
            Ok(mock) => mock,
            Err(error) => panic!("{error}"),
        };
        let host = RecordingHost::new();
        let config = format!("{}\n{config}", config_for(&mock));
        let server = server_of(&config, &host);
        Self {
            mock,
            git,
            server,
            host,
        }
    }

    /// A client with the configured credential.
    ///
    /// # Panics
    /// If the provider refuses it.
    #[must_use]
    pub fn client(&self) -> Box<dyn AuthorizedClient> {
        self.client_with(Credential::configured())
    }

    /// A client with this credential.
    ///
    /// # Panics
    /// If the provider refuses it.
    #[must_use]
    pub fn client_with(&self, credential: Credential) -> Box<dyn AuthorizedClient> {
        match self.server.authorized_client(credential) {
            Ok(client) => client,
            Err(error) => panic!("{error}"),
        }
    }

    /// The requests to the API so far, as `METHOD /path?query` below `/2.0`.
    #[must_use]
    pub fn api_requests(&self) -> Vec<String> {
        self.mock
            .requests()
            .iter()
            .filter(|exchange| exchange.path.starts_with("/2.0/"))
            .map(|exchange| {
                let path = exchange.path.trim_start_matches("/2.0");
                match exchange.query.as_str() {
                    "" => format!("{} {path}", exchange.method),
                    query => format!("{} {path}?{query}", exchange.method),
                }
            })
            .collect()
    }
}

impl Drop for Bitbucket {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let exchanges: Vec<RecordedExchange> = self
            .mock
            .requests()
            .iter()
            .map(|exchange| RecordedExchange::clone(exchange))
            .filter(from_the_provider)
            .collect();
        let mut found = violations(&exchanges);
        found.extend(delivery_violations(&self.mock.deliveries()));
        let mut lines: Vec<String> = found.iter().map(ToString::to_string).collect();
        lines.dedup();
        assert!(lines.is_empty(), "{}", lines.join("\n"));
    }
}

/// Tests ask the mock too; what they send is not the provider's.
fn from_the_provider(exchange: &RecordedExchange) -> bool {
    exchange
        .header("user-agent")
        .is_some_and(|agent| agent.starts_with("vcs-bitbucketcloud/"))
}

/// A server of the loaded provider.
///
/// # Panics
/// If the provider refuses the configuration.
#[must_use]
pub fn server_of(config: &str, host: &Arc<RecordingHost>) -> HostServer {
    let services = Arc::clone(host) as Arc<dyn HostServices>;
    match loaded_provider().new_server(config, services) {
        Ok(server) => server,
        Err(error) => panic!("{error}"),
    }
}

/// A configuration that reaches the mock with its API token and its OAuth consumer.
#[must_use]
pub fn config_for(mock: &MockBitbucket) -> String {
    let consumer = mock.oauth_consumer();
    let token = mock.api_token();
    format!(
        "clientId = \"{}\"\nclientSecret = \"{}\"\napiUrl = \"{}\"\noauthUrl = \"{}\"\nwebUrl = \"{}\"\n\
         auth = {{ email = \"{}\", token = \"{}\" }}\n",
        consumer.id,
        consumer.secret.expose(),
        mock.api_url(),
        mock.oauth_url(),
        mock.web_url(),
        token.email,
        token.token.expose(),
    )
}

/// A context for a call of a test.
#[must_use]
pub fn context() -> HostCallContext {
    HostCallContext::new("test").with_time_limit(CALL_LIMIT)
}
