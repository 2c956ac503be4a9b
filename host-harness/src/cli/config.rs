//! `engine config`: a configuration to begin with, and what is wrong with one.

use super::args::config::{ConfigArguments, ConfigCommand};
use super::failure::Failure;
use super::output::Output;
use super::session::{config_of, plugin_directory, provider_of_type};
use serde::Serialize;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use url::{Host, Url};
use vcs_engine::config::{EngineConfig, KeySource, ServerConfig};
use vcs_engine::grants::{StoreKey, read_private};
use vcs_engine::host_services::EngineServices;
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::error::{ErrorKind, Result as VcsResult, VcsError};
use vcs_provider_interface::provider::VcsServer;
use vcs_provider_interface::records::{ConnectionRequest, Credential};

/// A commented configuration.
const SAMPLE: &str = include_str!("config_sample.toml");

/// How long asking a service may take.
const ASKING: Duration = Duration::from_secs(30);

/// Prints a configuration, or checks one.
pub(super) fn run(arguments: &ConfigArguments, output: &Output) -> Result<(), Failure> {
    match &arguments.command {
        ConfigCommand::Sample => output.either(|| json!({ "toml": SAMPLE }), || SAMPLE.to_owned()),
        ConfigCommand::Check { offline } => {
            let config = config_of(&arguments.directory)?.ok_or_else(|| {
                Failure::usage(
                    "say where the configuration is, with --config FILE or ENGINE_CONFIG",
                )
            })?;
            let directory = plugin_directory(&arguments.directory, Some(&config))?;
            check(&config, &directory, *offline).report(output)
        }
    }
}

/// What was found.
#[derive(Default)]
struct Findings {
    found: Vec<Finding>,
    failure: Option<Failure>,
}

#[derive(Serialize)]
struct Finding {
    result: &'static str,
    subject: String,
    message: String,
}

impl Findings {
    fn add(&mut self, result: &'static str, subject: &str, message: impl Into<String>) {
        self.found.push(Finding {
            result,
            subject: subject.to_owned(),
            message: message.into(),
        });
    }

    fn fail(&mut self, subject: &str, failure: Failure) {
        self.add("error", subject, failure.to_string());
        self.failure.get_or_insert(failure);
    }

    fn report(self, output: &Output) -> Result<(), Failure> {
        let errors = self
            .found
            .iter()
            .filter(|one| one.result == "error")
            .count();
        output.either(
            || json!({ "ok": errors == 0, "findings": self.found }),
            || {
                let lines = self
                    .found
                    .iter()
                    .map(|one| format!("{:<7} {}: {}\n", one.result, one.subject, one.message));
                lines.collect()
            },
        )?;
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }
}

fn check(config: &EngineConfig, directory: &Path, offline: bool) -> Findings {
    let mut findings = Findings::default();
    for warning in &config.warnings {
        findings.add("warning", "configuration", warning);
    }
    check_address(&mut findings, config, "api.url", &config.api.url);
    check_address(&mut findings, config, "api.uiUrl", &config.api.ui_url);
    findings.add(
        "ok",
        "consent callback",
        format!(
            "enter {} at the OAuth consumer",
            vcs_engine::consent::callback_address(
                &config.api.url,
                &config.api.ui_url,
                config.api.development
            )
        ),
    );
    check_secret(
        &mut findings,
        "store.key",
        config.store.key.as_ref(),
        |source| StoreKey::load(Some(source), &config.store.path).map(drop),
    );
    check_secret(
        &mut findings,
        "api.token",
        config.api.token.as_ref(),
        |source| match source {
            KeySource::File(path) => read_private(path, "the services' token").map(drop),
            KeySource::Environment(name) => match std::env::var_os(name) {
                Some(_) => Ok(()),
                None => Err(VcsError::new(
                    ErrorKind::CONFIG,
                    format!("the environment variable {name} is not set"),
                )),
            },
        },
    );
    if config.vcs.servers.is_empty() {
        findings.add(
            "warning",
            "vcs.servers",
            "no server is configured; `engine config sample` shows one",
        );
    }
    for server in &config.vcs.servers {
        check_server(&mut findings, config, server, directory, offline);
    }
    findings
}

/// Whether the service can reach an address and accepts it.
fn check_address(findings: &mut Findings, config: &EngineConfig, key: &str, address: &str) {
    let problem = match Url::parse(address) {
        Err(error) => Some(format!("{address} is not a URL: {error}")),
        Ok(url) => unreachable_from_outside(&url),
    };
    match problem {
        None => findings.add("ok", key, address),
        Some(problem) if config.api.development => {
            findings.add("warning", key, format!("{problem} (development = true)"));
        }
        Some(problem) => findings.add("warning", key, problem),
    }
}

/// Bitbucket Cloud: addresses of webhooks, callbacks and statuses are public and have
/// a name with a dot.
fn unreachable_from_outside(url: &Url) -> Option<String> {
    if url.scheme() != "https" {
        return Some(format!(
            "{url} is no HTTPS address: deliveries and credentials would cross the network in plain"
        ));
    }
    let problem = match url.host() {
        None => "has no host",
        Some(Host::Domain(name)) if !name.contains('.') => "has a host without a dot",
        Some(Host::Domain(name)) if name.ends_with(".local") || name.ends_with(".internal") => {
            "has a host that is known inside a network only"
        }
        Some(Host::Domain(_)) => return None,
        Some(Host::Ipv4(address)) if address.is_loopback() || address.is_private() => {
            "has an address that is known inside a network only"
        }
        Some(Host::Ipv6(address)) if address.is_loopback() => "has an address of this machine only",
        Some(_) => "has an address in place of a name",
    };
    Some(format!(
        "{url} {problem}: the service cannot reach it or rejects it"
    ))
}

fn check_secret(
    findings: &mut Findings,
    key: &str,
    source: Option<&KeySource>,
    read: impl FnOnce(&KeySource) -> VcsResult<()>,
) {
    match source {
        None => findings.add("ok", key, "is made beside the store at the first start"),
        Some(source) => match read(source) {
            Ok(()) => findings.add("ok", key, "can be read"),
            Err(error) => findings.fail(key, error.into()),
        },
    }
}

fn check_server(
    findings: &mut Findings,
    config: &EngineConfig,
    server: &ServerConfig,
    directory: &Path,
    offline: bool,
) {
    let subject = format!("vcs.servers.{}", server.name);
    let loaded = match provider_of_type(Some(config), directory, &server.provider_type) {
        Ok(loaded) => loaded,
        Err(failure) => return findings.fail(&subject, failure),
    };
    findings.add(
        "ok",
        &subject,
        format!(
            "provider {} {}",
            loaded.info.provider_type, loaded.info.version
        ),
    );
    let services = Arc::new(EngineServices::without_grants(&server.name));
    let made = loaded.provider.new_server(&server.toml, services);
    let made = match made {
        Ok(made) => made,
        Err(error) => return findings.fail(&subject, config.locate(server, error).into()),
    };
    if offline {
        return;
    }
    match connect(&made) {
        Ok(words) => findings.add("ok", &subject, words),
        Err(error) if error.kind == ErrorKind::CONFIG => findings.add(
            "warning",
            &subject,
            format!(
                "{}: calls need the grant of a project, by consent",
                config.locate(server, error).message
            ),
        ),
        Err(error) => findings.fail(&subject, error.into()),
    }
}

fn connect(server: &dyn VcsServer) -> VcsResult<String> {
    let context = HostCallContext::new("config-check").with_time_limit(ASKING);
    let client = server.authorized_client(Credential::configured())?;
    let connection = client.check_connection(&context, ConnectionRequest::default())?;
    let account = serde_json::to_value(&connection)
        .ok()
        .and_then(|value| {
            ["account", "username", "display_name", "user"]
                .iter()
                .find_map(|name| value[*name].as_str().map(str::to_owned))
        })
        .unwrap_or_else(|| "the service accepts the credential".to_owned());
    Ok(format!("connected: {account}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_a_configuration() {
        let config = EngineConfig::parse(Path::new("config.toml"), SAMPLE).unwrap();
        assert_eq!(config.vcs.servers.len(), 1);
    }

    #[test]
    fn every_line_of_the_sample_that_is_off_can_be_put_on() {
        let on: String = SAMPLE
            .lines()
            .map(|line| match line.strip_prefix('#') {
                // Two sources of one secret exclude each other.
                Some(off) if !off.starts_with(' ') && !off.contains("Env =") => off,
                _ => line,
            })
            .fold(String::new(), |text, line| text + line + "\n");
        let config = EngineConfig::parse(Path::new("config.toml"), &on);
        assert!(config.is_ok(), "{:?}", config.err());
    }

    #[test]
    fn addresses_that_services_reject_are_named() {
        let problem = |url: &str| unreachable_from_outside(&Url::parse(url).unwrap());
        assert_eq!(problem("https://ci.example.com/api"), None);
        for url in [
            "http://ci.example.com",
            "https://localhost",
            "https://127.0.0.1:8081",
            "https://10.1.2.3",
            "https://[::1]",
            "https://build.internal",
        ] {
            assert!(problem(url).is_some(), "{url}");
        }
    }
}
