//! The configured servers over the registry: which plugin serves which, and
//! what an administrator is told about it.

use super::config::{EngineConfig, ServerConfig};
use super::grants::GrantStore;
use super::host_services::EngineServices;
use crate::servers::Servers;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use vcs_plugin_host::isolation::Isolation;
use vcs_plugin_host::loader::{Loader, LoaderOptions};
use vcs_plugin_host::registry::{
    Outcome, Registry, RegistryOptions, ReloadReport, ServerSettings, SwapError, Watch,
};
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::error::{ErrorKind, Result, VcsError};
use vcs_provider_interface::provider::VcsServer;
use vcs_provider_interface::records::ServerInfoRequest;

/// How long a provider may take to say what it wants to say at start.
const NOTICES_TIME_LIMIT: Duration = Duration::from_secs(5);

/// The servers of a configuration, with the plugins of a directory.
pub struct ConfiguredServers {
    registry: Registry,
    directory: PathBuf,
    types: Vec<(String, String)>,
    /// Follows changes of the directory for as long as it lives.
    _watch: Option<Watch>,
}

impl ConfiguredServers {
    /// Loads the plugins of a directory and puts them into service for the
    /// configured servers. From then on, plugins that are new or changed in the
    /// directory are put into service by themselves.
    ///
    /// # Errors
    /// `Config` if a provider rejects its server's configuration, with file and
    /// line. A server without a plugin is no error: one may still come.
    pub fn start(
        config: &EngineConfig,
        directory: PathBuf,
        grants: &Arc<GrantStore>,
        options: LoaderOptions,
    ) -> Result<Self> {
        let registry = Registry::new(Loader::new(options), registry_options(config)?);
        log_reload(&registry.reload(&directory));
        for server in &config.vcs.servers {
            configure(&registry, config, server, grants)?;
            let handle = registry.server(&server.name);
            if handle.is_none_or(|handle| handle.provider_info().is_none()) {
                tracing::error!(
                    server = server.name,
                    "there is no plugin of the type {:?} in {}: calls to this server fail until there is one",
                    server.provider_type,
                    directory.display()
                );
            }
        }
        let watch = registry.watch(&directory, log_reload);
        if let Err(reason) = &watch {
            tracing::warn!(
                "{} cannot be watched ({reason}): ask for a reload after changing plugins",
                directory.display()
            );
        }
        let types = config.vcs.servers.iter();
        Ok(Self {
            types: types
                .map(|server| (server.name.clone(), server.provider_type.clone()))
                .collect(),
            registry,
            directory,
            _watch: watch.ok(),
        })
    }
}

impl ConfiguredServers {
    /// What the providers want an administrator to read at start, a line each;
    /// they are logged as well.
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
        let mut notices = Vec::new();
        for (name, _) in &self.types {
            let Some(server) = self.registry.server(name) else {
                continue;
            };
            let context = HostCallContext::new("server_info").with_time_limit(NOTICES_TIME_LIMIT);
            match server.server_info(&context, ServerInfoRequest::default()) {
                Ok(info) => {
                    for notice in info.notices {
                        let notice = format!("server {name}: {notice}");
                        tracing::info!("{notice}");
                        notices.push(notice);
                    }
                }
                Err(error) if error.kind == ErrorKind::UNSUPPORTED => {}
                Err(error) => tracing::warn!(server = name, %error, "no notices of the provider"),
            }
        }
        notices
    }
}

fn registry_options(config: &EngineConfig) -> Result<RegistryOptions> {
    let isolation = &config.plugins.isolation;
    let servers = &config.vcs.servers;
    if !servers.iter().any(|server| isolation.is_for(&server.name)) {
        return Ok(RegistryOptions::default());
    }
    let mut processes = Isolation::by_this_program()
        .map_err(|error| VcsError::new(ErrorKind::INTERNAL, error.to_string()))?;
    processes.confinement = isolation.confinement();
    Ok(RegistryOptions {
        isolation: Some(processes),
        ..RegistryOptions::default()
    })
}

fn configure(
    registry: &Registry,
    config: &EngineConfig,
    server: &ServerConfig,
    grants: &Arc<GrantStore>,
) -> Result<()> {
    let settings = ServerSettings {
        name: server.name.clone(),
        provider_type: server.provider_type.clone(),
        config_toml: server.toml.clone(),
        services: Arc::new(EngineServices::new(&server.name, Arc::clone(grants))),
        isolated: config.plugins.isolation.is_for(&server.name),
    };
    registry.configure(settings).map_err(|error| match error {
        SwapError::Constructor { error, .. } => config.locate(server, error),
        error => VcsError::new(ErrorKind::CONFIG, error.to_string()),
    })
}

fn log_reload(report: &ReloadReport) {
    if let Some(rejection) = &report.directory {
        tracing::error!(code = rejection.code, "{}", rejection.message);
    }
    if let Some(problem) = &report.staging {
        tracing::warn!(
            code = problem.code,
            "private copies are made in memory: {}",
            problem.message
        );
    }
    for path in &report.odd_files {
        tracing::warn!("{} does not belong in a plugin directory", path.display());
    }
    for plugin in &report.plugins {
        let path = plugin.path.display();
        match &plugin.outcome {
            Outcome::Loaded {
                provider_type,
                sha256,
                notices,
            } => {
                tracing::info!(%path, %sha256, "the provider {provider_type} is in service");
                for notice in notices {
                    tracing::warn!(%path, "{notice}");
                }
            }
            Outcome::Unchanged { .. } | Outcome::RolledBack { .. } => {}
            Outcome::CopyOf { path: other } => tracing::warn!(
                %path,
                "it is the same plugin as {}: remove one of them",
                other.display()
            ),
            Outcome::Rejected(rejection) => {
                tracing::error!(%path, code = rejection.code, "{}", rejection.message);
            }
        }
    }
}

impl Servers for ConfiguredServers {
    fn names(&self) -> Vec<(String, String)> {
        self.types.clone()
    }

    fn server(&self, name: &str) -> Result<Arc<dyn VcsServer>> {
        match self.registry.server(name) {
            Some(handle) => Ok(Arc::new(handle)),
            None => Err(VcsError::new(
                ErrorKind::NOT_FOUND,
                format!("there is no server {name:?}"),
            )),
        }
    }

    fn is_served(&self, name: &str) -> bool {
        self.registry
            .server(name)
            .is_some_and(|handle| handle.provider_info().is_some())
    }

    fn health(&self) -> Value {
        json!(self.registry.health())
    }

    fn stop(&self) {
        self.registry.stop();
    }

    fn reload(&self) -> Value {
        let report = self.registry.reload(&self.directory);
        log_reload(&report);
        json!(report)
    }
}
