//! Checks of single values. Every error names its key.

use crate::http::{Origin, ProxyRoute};
use std::fs;
use std::ops::RangeInclusive;
use ureq::http::Uri;
use ureq::tls::{Certificate, PemItem, parse_pem};
use vcs_provider_interface::prelude::*;

/// The error of a key.
pub(super) fn config_error(key: &str, why: &str) -> VcsError {
    VcsError::config(key, why)
}

/// A number within its range.
pub(super) fn between(
    key: &str,
    value: Option<u64>,
    range: RangeInclusive<u64>,
    default: u64,
) -> Result<u64> {
    let value = value.unwrap_or(default);
    if range.contains(&value) {
        return Ok(value);
    }
    let why = format!(
        "{value} is not between {} and {}",
        range.start(),
        range.end()
    );
    Err(config_error(key, &why))
}

/// An address that others are put below, without a slash at its end. HTTPS, or
/// HTTP to this machine.
pub(super) fn base_url(key: &str, value: Option<String>, default: &str) -> Result<String> {
    let text = value.as_deref().unwrap_or(default).trim();
    let (uri, origin) = absolute(key, text)?;
    if !origin.is_https() && !origin.is_loopback() {
        return Err(config_error(
            key,
            "unencrypted HTTP is allowed to this machine only; use https://",
        ));
    }
    plain(key, &uri, text)
}

/// An address that services elsewhere are told, without a slash at its end.
pub(super) fn public_base_url(key: &str, text: String) -> Result<String> {
    let (uri, _) = absolute(key, text.trim())?;
    plain(key, &uri, text.trim())
}

fn absolute(key: &str, text: &str) -> Result<(Uri, Origin)> {
    text.parse::<Uri>()
        .ok()
        .and_then(|uri| Origin::of(&uri).ok().map(|origin| (uri, origin)))
        .ok_or_else(|| {
            config_error(
                key,
                "it has to be an absolute address such as https://host/path, without a user",
            )
        })
}

fn plain(key: &str, uri: &Uri, text: &str) -> Result<String> {
    if uri.query().is_some() || text.contains('#') {
        return Err(config_error(key, "it may have no query and no fragment"));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// The configured proxy, or that of the environment; never for an API on this
/// machine.
pub(super) fn proxy(value: Option<Secret>, api_url: &str) -> Result<Option<ProxyRoute>> {
    let is_local = api_url
        .parse::<Uri>()
        .ok()
        .and_then(|uri| Origin::of(&uri).ok())
        .is_some_and(|origin| origin.is_loopback());
    match value {
        Some(address) => match ProxyRoute::configured(address.expose()) {
            Some(route) => Ok(Some(route)),
            None => Err(config_error(
                "proxy",
                "it has to look like http://user:password@host:port (also https, socks4, socks5)",
            )),
        },
        None if is_local => Ok(None),
        None => ProxyRoute::of_the_environment(|name| std::env::var(name).ok()).map_err(|name| {
            let why = format!(
                "it is not set, and {name} in the environment is not the address of a proxy; \
                 correct that, or set this key"
            );
            config_error("proxy", &why)
        }),
    }
}

/// A path that means the same from any directory: Git runs in one of its own.
pub(super) fn absolute_path(key: &str, path: &str) -> Result<String> {
    std::path::absolute(path)
        .ok()
        .and_then(|path| path.into_os_string().into_string().ok())
        .ok_or_else(|| config_error(key, &format!("`{path}` is not a file path")))
}

/// The certificates of a PEM file.
pub(super) fn certificates(key: &str, path: &str) -> Result<Vec<Certificate<'static>>> {
    let pem = fs::read(path)
        .map_err(|error| config_error(key, &format!("`{path}` cannot be read: {error}")))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
            Ok(_) => {}
            Err(_) => {
                return Err(config_error(
                    key,
                    &format!("`{path}` is not a valid PEM file"),
                ));
            }
        }
    }
    if certificates.is_empty() {
        return Err(config_error(
            key,
            &format!("`{path}` holds no certificate in PEM form"),
        ));
    }
    Ok(certificates)
}
