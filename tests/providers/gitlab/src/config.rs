//! The configuration of a server.

use serde::Deserialize;
use vcs_provider_interface::prelude::*;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Raw {
    url: Option<String>,
    token: Option<SecretSource>,
    client_id: Option<String>,
    client_secret: Option<SecretSource>,
}

/// A checked configuration.
pub(crate) struct Config {
    /// `url`: the address of the instance, without a slash at its end.
    pub(crate) url: String,
    /// `token`: a personal, group or project access token.
    pub(crate) token: Option<Secret>,
    /// `clientId`: the id of the OAuth application.
    pub(crate) client_id: Option<String>,
    /// `clientSecret`: its secret.
    pub(crate) client_secret: Option<Secret>,
}

impl Config {
    /// # Errors
    /// `Config`, with the key.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let raw: Raw = toml::from_str(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            VcsError::config_text(text, offset, error.message())
        })?;
        let url = raw.url.unwrap_or_else(|| "https://gitlab.com".to_owned());
        let url = url.trim_end_matches('/').to_owned();
        let is_local = url.starts_with("http://127.0.0.1") || url.starts_with("http://[::1]");
        if !url.starts_with("https://") && !is_local {
            return Err(VcsError::config(
                "url",
                "it has to begin with https:// (http:// to this machine only)",
            ));
        }
        Ok(Self {
            url,
            token: raw.token.map(|token| token.resolve("token")).transpose()?,
            client_id: raw.client_id,
            client_secret: raw
                .client_secret
                .map(|secret| secret.resolve("clientSecret"))
                .transpose()?,
        })
    }
}
