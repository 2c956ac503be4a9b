//! The configuration of a server: read, checked, and complete with defaults.
//!
//! Owns: every key of the administrator's table. Must not know: how the
//! values are used.

mod checks;
mod raw;

use crate::auth::{checked_access_token, checked_api_token, checked_email};
use crate::http::{AgentSettings, Limits};
use checks::{
    absolute_path, base_url, between, certificates, config_error, proxy, public_base_url,
};
use std::time::Duration;
use vcs_provider_interface::prelude::*;

const DEFAULT_API_URL: &str = "https://api.bitbucket.org/2.0";
const DEFAULT_OAUTH_URL: &str = "https://bitbucket.org/site/oauth2";
const DEFAULT_WEB_URL: &str = "https://bitbucket.org";

/// A checked configuration.
pub(crate) struct Config {
    /// `clientId`: the key of the OAuth consumer.
    pub(crate) client_id: Option<String>,
    /// `clientSecret`: the secret of the OAuth consumer.
    pub(crate) client_secret: Option<Secret>,
    /// `disableWebHooks`: no webhooks at all.
    pub(crate) webhooks_disabled: bool,
    /// `disableWebHooksCreation`: the administrator makes hooks by hand.
    pub(crate) webhook_creation_disabled: bool,
    /// `proxyWebhook`, without a slash at its end: replaces scheme, host and
    /// path prefix of hook addresses.
    pub(crate) webhook_proxy: Option<String>,
    /// `Status.disable`: build statuses are not sent.
    pub(crate) statuses_disabled: bool,
    /// `Status.showDetail` or its clear synonym `disableStatusDetails`: the
    /// engine's address is kept out of statuses.
    pub(crate) status_details_hidden: bool,
    /// `apiUrl`, without a slash at its end, as the two after it.
    pub(crate) api_url: String,
    /// `oauthUrl`: `/authorize` and `/access_token` are below it.
    pub(crate) oauth_url: String,
    /// `webUrl`: the website, where archives are.
    pub(crate) web_url: String,
    /// `workspaces`: slugs, for credentials that cannot list them.
    pub(crate) workspaces: Vec<String>,
    /// `[auth]`: the credential of the configuration.
    pub(crate) credential: Option<ConfiguredCredential>,
    /// `caFile` and `proxy` as they are written, for Git.
    pub(crate) ca_file: Option<String>,
    pub(crate) proxy: Option<Secret>,
    /// Settings of connections.
    pub(crate) agent: AgentSettings,
    /// Time limits and size limits.
    pub(crate) limits: Limits,
}

/// The credential of an `[auth]` table.
pub(crate) enum ConfiguredCredential {
    /// `email` and `token`.
    ApiToken { email: String, token: Secret },
    /// `accessToken`.
    AccessToken(Secret),
}

impl Config {
    /// Reads and checks the table of one server.
    ///
    /// # Errors
    /// `Config`, with the name of the key and never with a secret.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let raw = raw::read(text)?;
        let client_secret = raw
            .client_secret
            .map(|secret| secret.resolve("clientSecret"))
            .transpose()?;
        let client_id = raw.client_id.filter(|id| !id.is_empty());
        if client_secret.is_some() && client_id.is_none() {
            return Err(config_error(
                "clientId",
                "it is missing beside clientSecret",
            ));
        }
        // Bitbucket limits the requests of an hour, and how many a list takes does
        // not depend on how many are under way; the gate stops all of them at the
        // first 429. With eight a list of 25 pages takes 4 response times.
        let parallel = between("maxParallelRequests", raw.max_parallel_requests, 1..=32, 8)?;
        let seconds = |key: &str, value: Option<u64>, default: u64| {
            between(key, value, 1..=3600, default).map(Duration::from_secs)
        };
        let limits = Limits {
            request_timeout: seconds("requestTimeoutSeconds", raw.request_timeout_seconds, 60)?,
            longest_wait: seconds("maxWaitSeconds", raw.max_wait_seconds, 300)?,
            first_pause: Duration::from_millis(between(
                "backoffMilliseconds",
                raw.backoff_milliseconds,
                1..=60_000,
                500,
            )?),
            json_bytes: between(
                "maxBodyBytes",
                raw.max_body_bytes,
                64 * 1024..=1 << 30,
                16 << 20,
            )?,
            error_bytes: 64 * 1024,
            pages: between("maxPages", raw.max_pages, 1..=1_000_000, 10_000)?,
            parallel: usize::try_from(parallel).unwrap_or(1),
        };
        let api_url = base_url("apiUrl", raw.api_url, DEFAULT_API_URL)?;
        let ca_file = raw
            .ca_file
            .map(|path| absolute_path("caFile", &path))
            .transpose()?;
        let proxy_address = raw.proxy.map(|proxy| proxy.resolve("proxy")).transpose()?;
        let agent = AgentSettings {
            connect_timeout: seconds("connectTimeoutSeconds", raw.connect_timeout_seconds, 10)?,
            // Some more than one list needs, since calls run side by side.
            connections: limits.parallel * 4,
            proxy: proxy(proxy_address.clone(), &api_url)?,
            roots: ca_file
                .as_deref()
                .map(|path| certificates("caFile", path))
                .transpose()?
                .unwrap_or_default(),
        };
        Ok(Self {
            client_id,
            client_secret,
            webhooks_disabled: raw.disable_web_hooks,
            webhook_creation_disabled: raw.disable_web_hooks_creation,
            webhook_proxy: raw
                .proxy_webhook
                .filter(|url| !url.is_empty())
                .map(|url| public_base_url("proxyWebhook", url))
                .transpose()?,
            statuses_disabled: raw.status.disable,
            status_details_hidden: details_hidden(&[
                ("Status.showDetail", raw.status.show_detail),
                (
                    "Status.disableStatusDetails",
                    raw.status.disable_status_details,
                ),
                ("disableStatusDetails", raw.disable_status_details),
            ])?,
            api_url,
            oauth_url: base_url("oauthUrl", raw.oauth_url, DEFAULT_OAUTH_URL)?,
            web_url: base_url("webUrl", raw.web_url, DEFAULT_WEB_URL)?,
            workspaces: workspaces(raw.workspaces)?,
            credential: raw.auth.map(credential).transpose()?.flatten(),
            ca_file,
            proxy: proxy_address,
            agent,
            limits,
        })
    }
}

impl Config {
    /// How the service is reached, for Git.
    ///
    /// # Errors
    /// `Config` if the file of the authorities can no longer be read.
    pub(crate) fn network(&self) -> Result<NetworkSettings> {
        let mut network = NetworkSettings {
            ca_file: self.ca_file.clone(),
            ..NetworkSettings::default()
        };
        if let Some(path) = &self.ca_file {
            let pem = std::fs::read_to_string(path).map_err(|error| {
                config_error("caFile", &format!("`{path}` cannot be read: {error}"))
            })?;
            network.ca_certificates = Some(pem);
        }
        if let Some(proxy) = &self.proxy {
            let (address, user) = without_user(proxy.expose());
            network.proxy = Some(address);
            if let Some(user) = user {
                network.secrets.insert(secret_names::PROXY_USER, user);
            }
        }
        Ok(network)
    }
}

/// An address without its user and password, and these.
fn without_user(address: &str) -> (String, Option<Secret>) {
    let (scheme, rest) = address.split_once("://").unwrap_or(("http", address));
    match rest.rsplit_once('@') {
        Some((user, host)) => (format!("{scheme}://{host}"), Some(Secret::from(user))),
        None => (format!("{scheme}://{rest}"), None),
    }
}

/// The administrator's page gives `showDetail` the meaning of its opposite:
/// `true` keeps the engine's address back.
fn details_hidden(keys: &[(&str, Option<bool>)]) -> Result<bool> {
    let mut said: Option<(&str, bool)> = None;
    for (key, value) in keys {
        match (said, value) {
            (Some((other, before)), Some(value)) if before != *value => {
                let why = format!(
                    "it contradicts {other}; both mean the same (true keeps the engine's address \
                     out of build statuses), so leave one of them out"
                );
                return Err(config_error(key, &why));
            }
            (None, Some(value)) => said = Some((key, *value)),
            _ => {}
        }
    }
    Ok(said.is_some_and(|(_, value)| value))
}

fn workspaces(slugs: Vec<String>) -> Result<Vec<String>> {
    let mut checked: Vec<String> = Vec::with_capacity(slugs.len());
    for slug in slugs {
        let slug = crate::repository_name::workspace_segment(&slug)
            .map_err(|why| config_error("workspaces", &why))?;
        if !checked.contains(&slug) {
            checked.push(slug);
        }
    }
    Ok(checked)
}

fn credential(raw: raw::RawAuth) -> Result<Option<ConfiguredCredential>> {
    let token = raw
        .token
        .map(|token| token.resolve("auth.token"))
        .transpose()?;
    let access_token = raw
        .access_token
        .map(|token| token.resolve("auth.accessToken"))
        .transpose()?;
    match (raw.email, token, access_token) {
        (None, None, None) => Ok(None),
        (None, None, Some(token)) => {
            checked_access_token(&token).map_err(|why| config_error("auth.accessToken", &why))?;
            Ok(Some(ConfiguredCredential::AccessToken(token)))
        }
        (Some(email), Some(token), None) => {
            checked_email(&email).map_err(|why| config_error("auth.email", &why))?;
            checked_api_token(&email, &token).map_err(|why| config_error("auth.token", &why))?;
            Ok(Some(ConfiguredCredential::ApiToken { email, token }))
        }
        (_, _, Some(_)) => Err(config_error(
            "auth.accessToken",
            "an access token stands alone, without `email` and `token`",
        )),
        (None, Some(_), None) => Err(config_error(
            "auth.email",
            "an API token needs the e-mail address of its account; an access token of a \
             repository, project or workspace belongs into auth.accessToken",
        )),
        (Some(_), None, None) => Err(config_error(
            "auth.token",
            "it is missing beside auth.email",
        )),
    }
}

#[cfg(test)]
mod tests;
