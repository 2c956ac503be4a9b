//! `engine webhook parse`: what a delivery says, as the configured server reads it.

use super::args::{HiddenText, WebhookParseArguments};
use super::failure::Failure;
use super::input::{bytes_from, secret_from};
use super::output::Output;
use super::session::{config_of, plugin_directory, provider_of_type};
use std::sync::Arc;
use vcs_engine::config::{EngineConfig, ServerConfig};
use vcs_engine::host_services::EngineServices;
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::provider::VcsServer;
use vcs_provider_interface::records::WebhookRequest;
use vcs_provider_interface::secret::Secret;
use vcs_provider_interface::value::Bytes;

/// The headers in which providers look for the event and the signature. Every
/// provider reads its own and ignores the others.
const EVENT_HEADERS: [&str; 3] = ["X-Event-Key", "X-GitHub-Event", "X-Gitlab-Event"];
const SIGNATURE_HEADERS: [&str; 2] = ["X-Hub-Signature", "X-Hub-Signature-256"];

/// Verifies a delivery and prints what it says.
pub(super) fn parse(arguments: &WebhookParseArguments, output: &Output) -> Result<(), Failure> {
    let config = config_of(&arguments.directory)?;
    let server = server_of(config.as_ref(), arguments)?;
    let folder = plugin_directory(&arguments.directory, config.as_ref())?;
    let loaded = provider_of_type(config.as_ref(), &folder, &server.provider_type)?;
    let services = EngineServices::without_grants(&server.name);
    let made = loaded.provider.new_server(&server.toml, Arc::new(services));
    let made = made.map_err(|error| match &config {
        Some(config) => config.locate(&server, error),
        None => error,
    })?;
    let request = WebhookRequest {
        headers: headers_of(arguments),
        body: Bytes(bytes_from(&arguments.file)?),
        secret: secret_of(arguments)?,
        ..Default::default()
    };
    let context = HostCallContext::new("engine-webhook-parse");
    let delivery = made.parse_webhook(&context, request)?;
    output.record(&delivery)
}

/// The configured server that the arguments mean. Without a configuration, one
/// with an empty table: a delivery is parsed without credentials.
fn server_of(
    config: Option<&EngineConfig>,
    arguments: &WebhookParseArguments,
) -> Result<ServerConfig, Failure> {
    let wanted = arguments.provider_type.as_deref();
    let unconfigured = |provider_type: &str| ServerConfig::new(provider_type, provider_type, "");
    match (config, &arguments.server, wanted) {
        (Some(config), Some(name), _) => {
            let server = config.server(Some(name))?;
            match wanted {
                Some(wanted) if wanted != server.provider_type => Err(Failure::usage(format!(
                    "the server {name} is of the type {}, not {wanted}; leave --type out",
                    server.provider_type
                ))),
                _ => Ok(server.clone()),
            }
        }
        (Some(config), None, Some(wanted)) => {
            let mut servers = config.vcs.servers.iter();
            let mut of_type = servers
                .by_ref()
                .filter(|server| server.provider_type == wanted);
            match (of_type.next(), of_type.next()) {
                (Some(one), None) => Ok(one.clone()),
                (None, _) => Ok(unconfigured(wanted)),
                (Some(one), Some(other)) => Err(Failure::usage(format!(
                    "several servers are of the type {wanted}, such as {} and {}; name one with \
                     --server",
                    one.name, other.name
                ))),
            }
        }
        (Some(config), None, None) => Ok(config.server(None)?.clone()),
        (None, Some(_), _) => Err(Failure::usage(
            "--server names a server of a configuration; name its file with --config FILE or \
             ENGINE_CONFIG",
        )),
        (None, None, Some(wanted)) => Ok(unconfigured(wanted)),
        (None, None, None) => Err(Failure::usage(
            "name the provider with --type TYPE, or a configuration with --config FILE or \
             ENGINE_CONFIG",
        )),
    }
}

fn headers_of(arguments: &WebhookParseArguments) -> Vec<(String, String)> {
    let named = |names: &[&str], value: &str| -> Vec<(String, String)> {
        names
            .iter()
            .map(|name| ((*name).to_owned(), value.to_owned()))
            .collect()
    };
    let mut headers = named(&EVENT_HEADERS, &arguments.event);
    if let Some(signature) = &arguments.signature {
        headers.extend(named(&SIGNATURE_HEADERS, signature));
    }
    headers.extend(arguments.headers.iter().cloned());
    headers
}

fn secret_of(arguments: &WebhookParseArguments) -> Result<Option<Secret>, Failure> {
    if let Some(HiddenText(secret)) = &arguments.secret {
        tracing::warn!(
            "other users of this machine can see the secret among the arguments; prefer --secret-file or --secret-env"
        );
        return Ok(Some(Secret::from(secret.as_str())));
    }
    secret_from(
        arguments.secret_file.as_deref(),
        arguments.secret_env.as_deref(),
    )
}
