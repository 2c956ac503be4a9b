//! The configuration as it is written: names and types, nothing checked.

use serde::Deserialize;
use vcs_provider_interface::prelude::*;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct RawConfig {
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<SecretSource>,
    #[serde(rename = "disableWebHooks")]
    pub(super) disable_web_hooks: bool,
    #[serde(rename = "disableWebHooksCreation")]
    pub(super) disable_web_hooks_creation: bool,
    pub(super) proxy_webhook: Option<String>,
    #[serde(rename = "Status", alias = "status")]
    pub(super) status: RawStatus,
    pub(super) disable_status_details: Option<bool>,
    pub(super) api_url: Option<String>,
    pub(super) oauth_url: Option<String>,
    pub(super) web_url: Option<String>,
    pub(super) ca_file: Option<String>,
    pub(super) proxy: Option<SecretSource>,
    pub(super) workspaces: Vec<String>,
    pub(super) auth: Option<RawAuth>,
    pub(super) max_parallel_requests: Option<u64>,
    pub(super) connect_timeout_seconds: Option<u64>,
    pub(super) request_timeout_seconds: Option<u64>,
    pub(super) max_wait_seconds: Option<u64>,
    pub(super) backoff_milliseconds: Option<u64>,
    pub(super) max_body_bytes: Option<u64>,
    pub(super) max_pages: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct RawStatus {
    pub(super) disable: bool,
    pub(super) show_detail: Option<bool>,
    pub(super) disable_status_details: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawAuth {
    pub(super) email: Option<String>,
    pub(super) token: Option<SecretSource>,
    pub(super) access_token: Option<SecretSource>,
}

/// Reads the text; a wrong one is named by key and line and never quoted.
///
/// # Errors
/// `Config`.
pub(super) fn read(text: &str) -> Result<RawConfig> {
    toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        let message = without_values(error.message());
        let message = match advice_for(&message) {
            Some(advice) => format!("{advice} ({message})"),
            None => message,
        };
        VcsError::config_text(text, offset, message)
    })
}

/// What to do about a key that CDS has for other services, or had for this one.
fn advice_for(message: &str) -> Option<&'static str> {
    let key = message.strip_prefix("unknown field `")?.split('`').next()?;
    Some(match key {
        "url" => {
            "remove it: Bitbucket Cloud has one address, and `apiUrl`, `oauthUrl` and `webUrl` \
             are for gateways and tests"
        }
        "username" | "user" => {
            "remove it: an account is named by its e-mail address, as `email` in the table [auth], \
             with an API token beside it"
        }
        "token" | "password" | "appPassword" => {
            "move it: an API token belongs into the table [auth] as `token`, with `email` beside \
             it; app passwords no longer exist"
        }
        _ => return None,
    })
}

/// A message of the parser without the value that it complains of, which may
/// be a secret in the wrong place.
fn without_values(message: &str) -> String {
    let message = message.trim();
    match (message.split_once(": "), message.rsplit_once("expected ")) {
        (Some((what, _)), Some((_, expected))) if what.starts_with("invalid") => {
            format!("{what}, expected {expected}")
        }
        _ => message.to_owned(),
    }
}
