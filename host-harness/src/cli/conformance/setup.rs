//! From the arguments to a provider and what it is tried on.

use super::dialects;
use crate::cli::args::conformance::ConformanceArguments;
use crate::cli::failure::Failure;
use crate::cli::session::{careful_loading, config_of, plugin_directory, provider_of_type};
use mock_bitbucket::{Fault, FaultRule, MockBitbucket, command::write_config};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use vcs_conformance::{RecordingHost, ServerFaults, Target, repositories};
use vcs_engine::config::{EngineConfig, IsolationConfig};
use vcs_plugin_host::isolation::Isolation;
use vcs_plugin_host::loader::{Confinement, LoadedProvider, Loader};
use vcs_plugin_host::registry::{Registry, RegistryOptions, ServerSettings, SwapError};
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::info::ProviderInfo;
use vcs_provider_interface::provider::VcsServer;
use vcs_provider_interface::secret::Secret;
use vcs_provider_interface::services::HostServices;

/// Everything that a run needs.
pub(super) struct Setup {
    pub(super) server: Arc<dyn VcsServer>,
    pub(super) info: ProviderInfo,
    pub(super) target: Target,
    /// What has to live as long as the run.
    pub(super) service: Option<MockedService>,
}

impl Setup {
    pub(super) fn new(arguments: &ConformanceArguments) -> Result<Self, Failure> {
        let mut setup = if arguments.mock {
            Self::mocked(arguments)?
        } else {
            Self::configured(arguments)?
        };
        setup.target.call_limit = Duration::from_secs(arguments.timeout);
        setup.target.tolerance = Duration::from_millis(arguments.tolerance);
        setup.target.webhooks = match &arguments.webhook_dialect {
            Some(file) => Some(dialects::read(file)?),
            None => dialects::of(&setup.info.provider_type),
        };
        Ok(setup)
    }

    /// A server of the configuration, or of a provider that needs none.
    fn configured(arguments: &ConformanceArguments) -> Result<Self, Failure> {
        let repo = arguments.repo.as_ref().ok_or_else(|| {
            Failure::usage("name a repository with --repo NAME, or use the mock with --mock")
        })?;
        let config = config_of(&arguments.directory)?;
        let (loaded, toml) = match (&config, &arguments.plugin) {
            (None, Some(plugin)) => (load(plugin, None)?, String::new()),
            (None, None) => {
                return Err(Failure::usage(
                    "name the plugin with --plugin FILE, or a configuration with --config FILE",
                ));
            }
            (Some(config), plugin) => {
                let server = config.server(arguments.server.as_deref())?;
                let loaded = match plugin {
                    Some(plugin) => of_type(load(plugin, Some(config))?, &server.provider_type)?,
                    None => {
                        let folder = plugin_directory(&arguments.directory, Some(config))?;
                        provider_of_type(Some(config), &folder, &server.provider_type)?
                    }
                };
                (loaded, server.toml.clone())
            }
        };
        let host = Arc::new(RecordingHost::default());
        let isolation = config.as_ref().map(|config| &config.plugins.isolation);
        let confinement = isolation.map_or_else(confined, IsolationConfig::confinement);
        let isolation = arguments.isolated.then_some(confinement);
        let server = server_of(&loaded, &toml, &host, isolation)?;
        let mut target = Target::new(repo, host);
        if let Some(missing) = &arguments.missing_repo {
            target.missing_repo.clone_from(missing);
        }
        target.writable_repo.clone_from(&arguments.writable_repo);
        target.empty_repo.clone_from(&arguments.empty_repo);
        target.git_clone.clone_from(&arguments.git_clone);
        target.secrets = secrets_of(&toml);
        Ok(Self {
            server,
            info: loaded.info,
            target,
            service: None,
        })
    }

    /// A mocked service over copies of a repository.
    fn mocked(arguments: &ConformanceArguments) -> Result<Self, Failure> {
        let Some(plugin) = &arguments.plugin else {
            return Err(Failure::usage("name the plugin with --plugin FILE"));
        };
        let loaded = load(plugin, None)?;
        let service = MockedService::start(arguments.git_clone.as_deref())?;
        let config = service.config()?;
        let served = config.server(None)?;
        let loaded = of_type(loaded, &served.provider_type)?;
        let toml = served.toml.clone();
        let host = Arc::new(RecordingHost::default());
        // The provider that the mock is for starts git, where it makes archives.
        let isolation = arguments.isolated.then_some(None);
        let server = server_of(&loaded, &toml, &host, isolation)?;
        let mut target = Target::new(READABLE, host);
        target.writable_repo = Some(WRITABLE.to_owned());
        target.empty_repo = Some(EMPTY.to_owned());
        target.git_clone = Some(service.git.clone());
        target.secrets = secrets_of(&toml);
        target.faults =
            Some(Arc::new(MockFaults(Arc::clone(&service.mock))) as Arc<dyn ServerFaults>);
        target.host_threads = vec!["mock-bitbucket".to_owned()];
        Ok(Self {
            server,
            info: loaded.info,
            target,
            service: Some(service),
        })
    }
}

fn load(plugin: &Path, config: Option<&EngineConfig>) -> Result<LoadedProvider, Failure> {
    Ok(Loader::new(careful_loading(config)?).load(plugin)?)
}

fn of_type(loaded: LoadedProvider, wanted: &str) -> Result<LoadedProvider, Failure> {
    if loaded.info.provider_type == wanted {
        return Ok(loaded);
    }
    Err(Failure::usage(format!(
        "{}: a provider of the type {wanted:?} is wanted, this one is of the type {:?}",
        loaded.origin.display(),
        loaded.info.provider_type
    )))
}

fn confined() -> Option<Confinement> {
    Some(Confinement::default())
}

/// The server, in this process, or in one of its own that is confined like this.
fn server_of(
    loaded: &LoadedProvider,
    toml: &str,
    host: &Arc<RecordingHost>,
    isolation: Option<Option<Confinement>>,
) -> Result<Arc<dyn VcsServer>, Failure> {
    let services = Arc::clone(host) as Arc<dyn HostServices>;
    let Some(confinement) = isolation else {
        return Ok(Arc::new(loaded.provider.new_server(toml, services)?));
    };
    let processes = Isolation::by_this_program()
        .map_err(|error| Failure::file(Path::new("the executable"), &error))?;
    let options = RegistryOptions {
        isolation: Some(Isolation {
            confinement,
            ..processes
        }),
        ..Default::default()
    };
    let registry = Registry::new(Loader::default(), options);
    registry.adopt(loaded.clone()).map_err(failure)?;
    let name = "conformance";
    let settings = ServerSettings {
        services,
        isolated: true,
        ..ServerSettings::new(name, &loaded.info.provider_type, toml)
    };
    registry.configure(settings).map_err(failure)?;
    let server = registry.server(name);
    let server = server.ok_or_else(|| Failure::usage("the server was not made"))?;
    Ok(Arc::new(server))
}

fn failure(error: SwapError) -> Failure {
    match error {
        SwapError::Constructor { error, .. } => error.into(),
        error => VcsError::new(ErrorKind::CONFIG, error.to_string()).into(),
    }
}

/// The secrets of a server's configuration, by the names of their keys.
fn secrets_of(toml: &str) -> Vec<Secret> {
    let mut secrets = Vec::new();
    if let Ok(table) = toml.parse::<toml::Table>() {
        collect_secrets(&table, &mut secrets);
    }
    secrets
}

fn collect_secrets(table: &toml::Table, secrets: &mut Vec<Secret>) {
    for (key, value) in table {
        let key = key.to_lowercase();
        let is_secret = ["secret", "token", "password"]
            .iter()
            .any(|word| key.ends_with(word));
        match value {
            toml::Value::String(text) if is_secret => secrets.push(Secret::from(text.as_str())),
            toml::Value::Table(inner) => collect_secrets(inner, secrets),
            _ => {}
        }
    }
}

const READABLE: &str = "conformance/readable";
const WRITABLE: &str = "conformance/writable";
const EMPTY: &str = "conformance/empty";

/// The mocked service with its repositories.
pub(super) struct MockedService {
    mock: Arc<MockBitbucket>,
    git: PathBuf,
    folder: TempDir,
}

impl MockedService {
    fn start(repository: Option<&Path>) -> Result<Self, Failure> {
        let folder =
            TempDir::new().map_err(|error| Failure::file(&std::env::temp_dir(), &error))?;
        let place = |name: &str| folder.path().join(name);
        let (readable, writable, empty) = (place("readable"), place("writable"), place("empty"));
        match repository {
            Some(path) => repositories::copy(path, &readable),
            None => repositories::make_sample(&readable),
        }
        .and_then(|()| repositories::copy(&readable, &writable))
        .and_then(|()| repositories::make_empty(&empty))
        .map_err(|error| Failure::file(folder.path(), &error))?;
        let mock = MockBitbucket::builder()
            .repo(READABLE, &readable)
            .repo(WRITABLE, &writable)
            .repo(EMPTY, &empty)
            .start()
            .map_err(|error| Failure::new(crate::cli::exit::FAILURE, error.to_string()))?;
        Ok(Self {
            mock: Arc::new(mock),
            git: readable,
            folder,
        })
    }

    /// A configuration whose one server reaches the mock; its type is the type of
    /// providers that can be tried on it.
    fn config(&self) -> Result<EngineConfig, Failure> {
        let path = self.folder.path().join("config.toml");
        write_config(&self.mock, &path).map_err(|error| Failure::file(&path, &error))?;
        Ok(EngineConfig::load(&path)?)
    }
}

/// Plans the faults of the kit on the mock.
struct MockFaults(Arc<MockBitbucket>);

impl ServerFaults for MockFaults {
    fn slow_down(&self, delay: Duration) {
        self.0.add_fault(all_requests(Fault {
            delay_ms: u64::try_from(delay.as_millis()).ok(),
            ..Fault::default()
        }));
    }

    fn fail_after(&self, answered: u64) {
        self.0.add_fault(FaultRule {
            from: Some(answered + 1),
            ..all_requests(Fault {
                status: Some(500),
                html: true,
                ..Fault::default()
            })
        });
    }

    fn limit_rate(&self, wait: Duration) {
        let seconds = wait.as_secs_f64().ceil().to_string();
        self.0.add_fault(all_requests(Fault {
            status: Some(429),
            headers: BTreeMap::from([("Retry-After".to_owned(), seconds)]),
            body: Some("Rate limit for this resource has been exceeded".into()),
            ..Fault::default()
        }));
    }

    fn restore(&self) {
        self.0.clear_faults();
    }
}

fn all_requests(then: Fault) -> FaultRule {
    FaultRule {
        then,
        ..FaultRule::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_in_every_table_by_their_keys() {
        let toml = "clientId = \"id\"\nclientSecret = \"one\"\n\
                    [auth]\nemail = \"e\"\ntoken = \"two\"\n\
                    [other.deep]\naccessToken = \"three\"\n";
        let found = secrets_of(toml);
        let mut found: Vec<&str> = found.iter().map(Secret::expose).collect();
        found.sort_unstable();
        assert_eq!(found, ["one", "three", "two"]);
    }
}
