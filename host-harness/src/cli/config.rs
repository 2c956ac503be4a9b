//! `engine config`: a configuration to begin with, and what is wrong with one.

use super::args::config::{ConfigArguments, ConfigCommand};
use super::failure::Failure;
use super::output::Output;
use super::session::{plugin_directory, provider_of_type};
use serde::Serialize;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use url::{Host, Url};
use vcs_engine::config::{EngineConfig, KeySource, ServerConfig, readable_by_others};
use vcs_engine::grants::{StoreKey, read_private};
use vcs_engine::host_services::EngineServices;
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::error::{ErrorKind, Result as VcsResult, VcsError};
use vcs_provider_interface::provider::VcsServer;
use vcs_provider_interface::records::{ConnectionRequest, Credential, WebhooksInfoRequest};

/// A commented configuration.
const SAMPLE: &str = include_str!("config_sample.toml");

/// How long asking a service may take.
const ASKING: Duration = Duration::from_secs(30);

/// Prints a configuration, or checks one.
pub(super) fn run(arguments: &ConfigArguments, output: &Output) -> Result<(), Failure> {
    match &arguments.command {
        ConfigCommand::Sample => {
            output.either(|| json!({ "toml": SAMPLE }), || SAMPLE.to_owned())?;
            output.hint("engine config sample > config.toml, then engine config check");
            Ok(())
        }
        ConfigCommand::Check { offline } => {
            let file = arguments.directory.config.as_ref().ok_or_else(|| {
                Failure::usage(
                    "say where the configuration is, with --config FILE or ENGINE_CONFIG",
                )
            })?;
            // Its warnings are findings here, and no lines of the log.
            let config = EngineConfig::load(file)?;
            let directory = plugin_directory(&arguments.directory, Some(&config))?;
            check(&config, &directory, *offline).report(output)?;
            output.hint("engine start api vcs --config FILE");
            Ok(())
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
    let api = &config.api;
    check_address(&mut findings, "api.url", &api.url, "webhooks arrive there");
    check_address(
        &mut findings,
        "api.uiUrl",
        &api.ui_url,
        "build statuses link to it",
    );
    let callback = vcs_engine::consent::callback_address(&api.url, &api.ui_url, api.development);
    check_address(
        &mut findings,
        "consent callback",
        &callback,
        "enter it at the OAuth consumer, letter by letter",
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

/// Whether a service can reach an address and accepts it.
fn check_address(findings: &mut Findings, subject: &str, address: &str, purpose: &str) {
    let problem = match Url::parse(address) {
        Err(error) => Some(format!("{address} is not a URL: {error}")),
        Ok(url) => unreachable_from_outside(&url),
    };
    match problem {
        None => findings.add("ok", subject, format!("{address} ({purpose})")),
        Some(problem) => findings.add("warning", subject, format!("{problem} ({purpose})")),
    }
}

/// Services want addresses of webhooks, callbacks and statuses that are public and have
/// a name with a dot.
fn unreachable_from_outside(url: &Url) -> Option<String> {
    if url.scheme() != "https" {
        return Some(format!(
            "{url} is plain HTTP: deliveries and tokens would cross the network unencrypted; put a reverse proxy with TLS in front and use https://"
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
    for warning in server
        .secret_files()
        .iter()
        .filter_map(|file| readable_by_others(file))
    {
        findings.add("warning", &subject, warning);
    }
    let services = Arc::new(EngineServices::without_grants(&server.name));
    let made = loaded.provider.new_server(&server.toml, services);
    let made = match made {
        Ok(made) => made,
        Err(error) => return findings.fail(&subject, config.locate(server, error).into()),
    };
    check_hook_address(findings, config, &subject, &made);
    if !offline {
        check_connection(findings, config, server, &subject, &made);
    }
}

/// Whether the service can reach the address of a hook, which the provider may
/// have put a proxy into.
fn check_hook_address(
    findings: &mut Findings,
    config: &EngineConfig,
    subject: &str,
    server: &dyn VcsServer,
) {
    let context = HostCallContext::new("config-check").with_time_limit(ASKING);
    let direct = format!("{}/webhook/ID", config.api.url);
    let request = WebhooksInfoRequest {
        hook_url: Some(direct.clone()),
        ..Default::default()
    };
    // A provider without webhooks has no such method; the engine polls then.
    let Ok(webhooks) = server.webhooks_info(&context, request) else {
        return;
    };
    if !webhooks.supported || webhooks.disabled {
        findings.add("ok", subject, "webhooks are off; the engine polls");
        return;
    }
    let address = webhooks.hook_url.unwrap_or(direct);
    let purpose = if webhooks.creation_disabled {
        "the administrator enters the webhook by hand"
    } else {
        "webhooks are made for it"
    };
    check_address(findings, subject, &address, purpose);
}

/// Connects: with the configured credential or, where there is none, as the OAuth
/// consumer itself.
fn check_connection(
    findings: &mut Findings,
    config: &EngineConfig,
    server: &ServerConfig,
    subject: &str,
    made: &dyn VcsServer,
) {
    let located = |error: VcsError| match error.kind {
        ErrorKind::CONFIG => config.locate(server, error),
        _ => error,
    };
    match connect(made, Credential::configured()) {
        Ok(words) => return findings.add("ok", subject, words),
        Err(error) if error.kind == ErrorKind::CONFIG => {}
        Err(error) => return findings.fail(subject, error.into()),
    }
    match connect(made, Credential::client_credentials()) {
        Ok(words) => findings.add(
            "ok",
            subject,
            format!("as the OAuth consumer itself, {words}; calls need what a project consents to"),
        ),
        // Neither is there: the engine starts, and no call succeeds.
        Err(error) if error.kind == ErrorKind::CONFIG => findings.add(
            "warning",
            subject,
            format!(
                "there is neither a credential nor a whole OAuth consumer, so no call will \
                 succeed: {}",
                located(error).message
            ),
        ),
        Err(error) => findings.fail(subject, error.into()),
    }
}

fn connect(server: &dyn VcsServer, credential: Credential) -> VcsResult<String> {
    let context = HostCallContext::new("config-check").with_time_limit(ASKING);
    let client = server.authorized_client(credential)?;
    let connection = client.check_connection(&context, ConnectionRequest::default())?;
    let account = connection.account.map(|account| {
        let names = [account.display_name, account.name, account.email];
        names.into_iter().find(|name| !name.is_empty())
    });
    Ok(match account.flatten() {
        Some(account) => format!("connected as {account}"),
        None => "connected".to_owned(),
    })
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
        // A store is a file or a database.
        for other_store in ["#url", "path"] {
            let on: String = SAMPLE
                .lines()
                .filter(|line| !line.starts_with(other_store))
                .map(|line| match line.strip_prefix('#') {
                    // Two sources of one secret exclude each other.
                    Some(off) if !off.starts_with(' ') && !off.contains("Env =") => off,
                    _ => line,
                })
                .filter(|line| {
                    let of_a_database = ["passwordFile", "caFile = \"db", "connections"];
                    other_store == "path" || !of_a_database.iter().any(|key| line.starts_with(key))
                })
                .fold(String::new(), |text, line| text + line + "\n");
            let config = EngineConfig::parse(Path::new("config.toml"), &on);
            assert!(config.is_ok(), "{:?}", config.err());
        }
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
