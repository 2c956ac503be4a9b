//! From the arguments to a client: configuration, plugin, server, credential.

use super::args::DirectoryArguments;
use super::args::vcs::ServerArguments;
use super::exit;
use super::failure::Failure;
use super::input::secret_from;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use vcs_engine::clock::SystemClock;
use vcs_engine::config::{EngineConfig, ServerConfig};
use vcs_engine::grants::GrantStore;
use vcs_engine::host_services::EngineServices;
use vcs_engine::open_store::{open_grants, open_store};
use vcs_plugin_host::loader::{LoadError, LoadedProvider, Loader, LoaderOptions, Preflight};
use vcs_plugin_host::plugin_directory::{self, FindError};
use vcs_provider_interface::abi::HostServer;
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::provider::{AuthorizedClient, VcsServer};
use vcs_provider_interface::records::Credential;

/// A server of a loaded provider, with the configuration it comes from.
pub(super) struct Session {
    config: EngineConfig,
    server_config: ServerConfig,
    server: HostServer,
}

impl Session {
    /// Reads the configuration, loads the provider and makes the server.
    pub(super) fn open(
        directory: &DirectoryArguments,
        arguments: &ServerArguments,
    ) -> Result<Self, Failure> {
        let config = config_of(directory)?.ok_or_else(|| {
            Failure::usage("say where the configuration is, with --config FILE or ENGINE_CONFIG")
        })?;
        let server_config = config.server(arguments.server.as_deref())?.clone();
        let directory = plugin_directory(directory, Some(&config))?;
        let loaded = provider_of_type(Some(&config), &directory, &server_config.provider_type)?;
        let needs_grants = arguments.grant.is_some() || arguments.project.is_some();
        let services = if needs_grants {
            EngineServices::new(&server_config.name, grants_of(&config)?)
        } else {
            EngineServices::without_grants(&server_config.name)
        };
        let server = loaded
            .provider
            .new_server(&server_config.toml, Arc::new(services))
            .map_err(|error| config.locate(&server_config, error))?;
        Ok(Self {
            config,
            server_config,
            server,
        })
    }

    /// The server.
    pub(super) fn server(&self) -> &dyn VcsServer {
        &self.server
    }

    /// A client with the credential that the arguments choose.
    pub(super) fn client(
        &self,
        arguments: &ServerArguments,
    ) -> Result<Box<dyn AuthorizedClient>, Failure> {
        let credential = match &arguments.project {
            Some(project) => Credential::grant(self.grant_of(project)?),
            None => credential_of(arguments)?,
        };
        let client = self.server.authorized_client(credential);
        client.map_err(|error| match error.kind {
            ErrorKind::CONFIG if !arguments.choose_a_credential() => self
                .failed(error)
                .with_advice("for calls with what a project has consented to, add --project KEY"),
            _ => self.failed(error),
        })
    }

    /// A client with the configured credential or, where there is none, that of
    /// the configured OAuth consumer itself; `true` in the latter case.
    pub(super) fn client_or_consumer(
        &self,
        arguments: &ServerArguments,
    ) -> Result<(Box<dyn AuthorizedClient>, bool), Failure> {
        let failure = match self.client(arguments) {
            Ok(client) => return Ok((client, false)),
            Err(failure) => failure,
        };
        if failure.exit() != exit::CONFIG || arguments.choose_a_credential() {
            return Err(failure);
        }
        let consumer = self
            .server
            .authorized_client(Credential::client_credentials());
        match consumer {
            Ok(client) => Ok((client, true)),
            Err(_) => Err(failure),
        }
    }

    /// The grant that a project holds for this server.
    fn grant_of(&self, project: &str) -> Result<String, Failure> {
        let server = &self.server_config.name;
        let store = open_store(&self.config.store)?;
        let grant = store
            .project_grant(project, server)
            .map_err(VcsError::from)?;
        grant.ok_or_else(|| {
            Failure::new(
                exit::CONFIG,
                format!("project {project} has not consented on the server {server}"),
            )
            .with_advice(format!(
                "GET /project/{project}/repositories_manager/{server}/authorize at the api \
                 service says where; `engine grants list` shows who has consented"
            ))
        })
    }

    /// The failure of a call: an error of the configuration gets its place.
    pub(super) fn failed(&self, error: VcsError) -> Failure {
        if error.kind == ErrorKind::CONFIG {
            return self.config.locate(&self.server_config, error).into();
        }
        error.into()
    }
}

/// The grants of the engine's store.
pub(super) fn grants_of(config: &EngineConfig) -> Result<Arc<GrantStore>, VcsError> {
    let store = Arc::new(open_store(&config.store)?);
    let grants = open_grants(&config.store, store, Arc::new(SystemClock))?;
    Ok(Arc::new(grants))
}

/// The configuration, if the arguments name one. What the administrator should
/// know of it goes to the log.
pub(super) fn config_of(arguments: &DirectoryArguments) -> Result<Option<EngineConfig>, Failure> {
    let Some(file) = &arguments.config else {
        return Ok(None);
    };
    let config = EngineConfig::load(file)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    Ok(Some(config))
}

/// The plugin directory: named, configured, or where it is installed: `plugins` beside
/// the executable, or `lib/engine/plugins` beside its directory.
pub(super) fn plugin_directory(
    arguments: &DirectoryArguments,
    config: Option<&EngineConfig>,
) -> Result<PathBuf, Failure> {
    let configured = config.and_then(|config| config.plugins.directory.as_ref());
    if let Some(directory) = arguments.plugin_dir.as_ref().or(configured) {
        return Ok(directory.clone());
    }
    let executable = std::env::current_exe()
        .map_err(|error| Failure::file(Path::new("the executable"), &error))?;
    let beside = executable.with_file_name("plugins");
    let prefix = executable.parent().and_then(Path::parent);
    let installed = prefix.map(|prefix| prefix.join("lib/engine/plugins"));
    match installed.filter(|directory| directory.is_dir() && !beside.is_dir()) {
        Some(directory) => Ok(directory),
        None => Ok(beside),
    }
}

/// How commands load plugins: each passes a preflight in another process before
/// this one links it, so that one that hangs or crashes becomes a message.
pub(super) fn careful_loading(config: Option<&EngineConfig>) -> Result<LoaderOptions, Failure> {
    let preflight = Preflight::by_this_program()
        .map_err(|error| Failure::file(Path::new("the executable"), &error))?;
    Ok(LoaderOptions {
        preflight: Some(preflight),
        trusted_keys: config.map_or_else(Vec::new, |config| config.plugins.trusted_keys.clone()),
        staging_directory: config.and_then(|config| config.plugins.staging_directory.clone()),
        ..LoaderOptions::default()
    })
}

/// Loads the provider of a type. Plugins of other types are not opened, so a
/// broken one does not hinder.
pub(super) fn provider_of_type(
    config: Option<&EngineConfig>,
    directory: &Path,
    provider_type: &str,
) -> Result<LoadedProvider, Failure> {
    let loader = Loader::new(careful_loading(config)?);
    match plugin_directory::find(&loader, directory, provider_type) {
        Ok(plugin) => Ok(loader.load(&plugin)?),
        Err(FindError::Rejected(error)) if error.facts.path == directory => {
            Err(name_the_directory(error).into())
        }
        Err(FindError::Rejected(error)) => Err(error.into()),
        Err(none) => Err(VcsError::new(ErrorKind::CONFIG, none.to_string()).into()),
    }
}

/// A directory that is not there is most often not the one that was meant.
pub(super) fn name_the_directory(error: LoadError) -> LoadError {
    error.advice("name the plugin directory with --plugin-dir, ENGINE_PLUGIN_DIR or the key plugins.directory")
}

fn credential_of(arguments: &ServerArguments) -> Result<Credential, Failure> {
    if let Some(grant) = &arguments.grant {
        return Ok(Credential::grant(grant));
    }
    if arguments.client_credentials {
        return Ok(Credential::client_credentials());
    }
    if arguments.anonymous {
        return Ok(Credential::anonymous());
    }
    let secret = secret_from(None, arguments.token_env.as_deref())?;
    Ok(match (secret, &arguments.username) {
        (Some(secret), Some(username)) => Credential::basic(username, secret),
        (Some(secret), None) => Credential::access_token(secret),
        (None, _) => Credential::configured(),
    })
}
