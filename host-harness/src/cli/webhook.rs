//! `engine webhook parse`: what a delivery says, without any configuration.

use super::args::{HiddenText, WebhookParseArguments};
use super::failure::Failure;
use super::input::{bytes_from, secret_from};
use super::output::Output;
use super::session::{config_of, plugin_directory, provider_of_type};
use std::sync::Arc;
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
    let folder = plugin_directory(&arguments.directory, config.as_ref())?;
    let loaded = provider_of_type(config.as_ref(), &folder, &arguments.provider_type)?;
    // A delivery is parsed without credentials, so the configuration may be empty.
    let services = EngineServices::without_grants(&arguments.provider_type);
    let server = loaded.provider.new_server("", Arc::new(services))?;
    let request = WebhookRequest {
        headers: headers_of(arguments),
        body: Bytes(bytes_from(&arguments.file)?),
        secret: secret_of(arguments)?,
        ..Default::default()
    };
    let context = HostCallContext::new("engine-webhook-parse");
    let delivery = server.parse_webhook(&context, request)?;
    output.record(&delivery)
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
