//! A checkout for a worker elsewhere: what the api service gives it, and how the
//! worker asks. Such a worker has neither store, keys nor plugins; it shows a
//! token that is good for its run alone.

use super::Target;
use crate::engine::Engine;
use crate::git::Remote;
use crate::runs::state::has_ended;
use serde::{Deserialize, Serialize, Serializer};
use std::path::Path;
use std::time::Duration;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use url::Url;
use vcs_provider_interface::context::CallContext;
use vcs_provider_interface::error::{ErrorKind, Result, VcsError};
use vcs_provider_interface::records::{
    CheckoutCredentials, CheckoutRequest, NetworkSettings, Secrets, secret_names,
};
use vcs_provider_interface::secret::Secret;

/// The longest time for which a worker is given a credential, where the service
/// makes one for a time.
const LONGEST_CHECKOUT: Duration = Duration::from_secs(60 * 60);

/// The longest response of the api service that is read.
const LONGEST_RESPONSE: u64 = 1024 * 1024;

/// How long the api service may take.
const API_TIMEOUT: Duration = Duration::from_secs(90);

/// What one checkout of one run needs. In JSON the secrets are in it: it is for
/// the worker, over an encrypted connection.
#[derive(Serialize, Deserialize)]
pub struct CheckoutOrder {
    /// The run.
    pub run: i64,
    /// The branch of the commit, of a pull request its source branch.
    pub branch: String,
    /// The full hash of the commit.
    pub commit: String,
    http_url: String,
    ssh_url: String,
    username: Option<String>,
    #[serde(default, serialize_with = "exposed")]
    secret: Option<Secret>,
    /// When the secret ends, in milliseconds since 1970; `None` where it does not
    /// end by itself.
    pub expires_at_ms: Option<i64>,
    known_hosts: Vec<String>,
    #[serde(default, serialize_with = "exposed")]
    ssh_private_key: Option<Secret>,
    #[serde(default, serialize_with = "exposed")]
    ssh_passphrase: Option<Secret>,
    proxy: Option<String>,
    #[serde(default, serialize_with = "exposed")]
    proxy_user: Option<Secret>,
    no_proxy: Vec<String>,
    ca_certificates: Option<String>,
}

fn exposed<S: Serializer>(
    secret: &Option<Secret>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::expose).serialize(serializer)
}

impl CheckoutOrder {
    /// What to check out.
    #[must_use]
    pub fn target(&self) -> Target {
        Target::Commit {
            hash: self.commit.clone(),
            branch: Some(self.branch.clone()),
        }
    }

    /// From where, with the credential and on the way that the service named.
    ///
    /// # Errors
    /// As [`Remote::new`].
    pub fn remote(&self) -> Result<Remote> {
        let named = |pairs: [(&str, &Option<Secret>); 2]| {
            let present = pairs.map(|(name, secret)| Some((name, secret.clone()?)));
            present.into_iter().flatten().collect::<Secrets>()
        };
        Remote::of(CheckoutCredentials {
            http_url: self.http_url.clone(),
            ssh_url: self.ssh_url.clone(),
            username: self.username.clone(),
            secret: self.secret.clone(),
            expires_at_ms: self.expires_at_ms,
            known_hosts: self.known_hosts.clone(),
            network: NetworkSettings {
                proxy: self.proxy.clone(),
                no_proxy: self.no_proxy.clone(),
                ca_certificates: self.ca_certificates.clone(),
                secrets: named([(secret_names::PROXY_USER, &self.proxy_user), ("", &None)]),
                ..Default::default()
            },
            secrets: named([
                (secret_names::SSH_PRIVATE_KEY, &self.ssh_private_key),
                (secret_names::SSH_PASSPHRASE, &self.ssh_passphrase),
            ]),
            ..Default::default()
        })
    }
}

impl Engine {
    /// What the worker of a run needs for its checkout; where an application is
    /// named (project and name), of a run of it only. Blocks.
    ///
    /// # Errors
    /// `NotFound` if the run is gone or of another application; `Conflict` if it has
    /// ended, so that a token that outlives its run gets no credential; `Unavailable` as
    /// long as the full hash of its commit is not known; the provider's.
    pub fn checkout_order(
        &self,
        context: &dyn CallContext,
        named: Option<(&str, &str)>,
        run: i64,
    ) -> Result<CheckoutOrder> {
        let run = self.store.run(run)?;
        let application = self.store.application_by_id(run.application)?;
        let own = (application.project.as_str(), application.name.as_str());
        if named.is_some_and(|named| named != own) {
            let message = format!("the application has no run {}", run.id);
            return Err(VcsError::new(ErrorKind::NOT_FOUND, message));
        }
        if has_ended(&run.state) {
            let message = format!(
                "run {} has ended ({}): there is nothing left to check out for it",
                run.id, run.state
            );
            return Err(VcsError::new(ErrorKind::CONFLICT, message));
        }
        if !matches!(run.hash.len(), 40 | 64) {
            let message = format!(
                "the full hash of the commit {} of run {} is not known yet",
                run.hash, run.id
            );
            return Err(VcsError::new(ErrorKind::UNAVAILABLE, message));
        }
        // A pull request of a fork is built from there.
        let repo = run.source_repo.as_ref().unwrap_or(&application.repo);
        let request = CheckoutRequest {
            repo: repo.clone(),
            valid_for_ms: u64::try_from(LONGEST_CHECKOUT.as_millis()).ok(),
            ..Default::default()
        };
        let client = self.client(Some(&application.project), &application.server)?;
        let credentials = client.checkout_credentials(context, request)?;
        tracing::info!(
            run = run.id,
            repository = repo.as_str(),
            expires_at_ms = credentials.expires_at_ms,
            "the worker of a run is given a credential for its checkout"
        );
        let secret = |name| credentials.secrets.get(name).cloned();
        Ok(CheckoutOrder {
            run: run.id,
            branch: run.branch,
            commit: run.hash,
            ssh_private_key: secret(secret_names::SSH_PRIVATE_KEY),
            ssh_passphrase: secret(secret_names::SSH_PASSPHRASE),
            http_url: credentials.http_url,
            ssh_url: credentials.ssh_url,
            username: credentials.username,
            secret: credentials.secret,
            expires_at_ms: credentials.expires_at_ms,
            known_hosts: credentials.known_hosts,
            proxy: credentials.network.proxy,
            proxy_user: credentials
                .network
                .secrets
                .get(secret_names::PROXY_USER)
                .cloned(),
            no_proxy: credentials.network.no_proxy,
            ca_certificates: credentials.network.ca_certificates,
        })
    }
}

/// Asks the api service what a run's checkout needs.
///
/// # Errors
/// `InvalidInput` for an address that is not one of HTTPS or of this machine;
/// `Unauthenticated` for a token that is not good for the run; `Unavailable`
/// where the service cannot be reached; the service's own.
pub fn fetch_order(
    api: &str,
    run: i64,
    token: &Secret,
    ca_file: Option<&Path>,
) -> Result<CheckoutOrder> {
    let url = order_url(api, run)?;
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        // The token is for this service alone.
        .max_redirects(0)
        .timeout_global(Some(API_TIMEOUT))
        .tls_config(TlsConfig::builder().root_certs(roots(ca_file)?).build())
        .build();
    let unreachable = |error: ureq::Error| {
        let message = format!("the api service at {api} cannot be reached: {error}");
        VcsError::new(ErrorKind::UNAVAILABLE, message)
    };
    let mut response = ureq::Agent::new_with_config(config)
        .get(url.as_str())
        .header("Authorization", format!("Bearer {}", token.expose()))
        .call()
        .map_err(unreachable)?;
    let status = response.status().as_u16();
    let body = response
        .body_mut()
        .with_config()
        .limit(LONGEST_RESPONSE)
        .read_to_vec()
        .map_err(unreachable)?;
    if status == 200 {
        return serde_json::from_slice(&body).map_err(|_| {
            let message = format!("{api} is not the api service of this engine, or an older one");
            VcsError::new(ErrorKind::INVALID_RESPONSE, message)
        });
    }
    Err(rejection(status, &body, api, run))
}

fn order_url(api: &str, run: i64) -> Result<Url> {
    let invalid = |why: &str| VcsError::new(ErrorKind::INVALID_INPUT, format!("--api: {why}"));
    let url = Url::parse(&format!("{}/run/{run}/checkout", api.trim_end_matches('/')))
        .map_err(|error| invalid(&error.to_string()))?;
    let is_here = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && is_here) {
        return Err(invalid(
            "use https://: the response contains a credential, which everybody on the way could read",
        ));
    }
    Ok(url)
}

fn roots(ca_file: Option<&Path>) -> Result<RootCerts> {
    let Some(file) = ca_file else {
        return Ok(RootCerts::WebPki);
    };
    let invalid = |why: String| {
        let message = format!("{}: {why}", file.display());
        VcsError::new(ErrorKind::INVALID_INPUT, message)
    };
    let pem = std::fs::read(file).map_err(|error| invalid(error.to_string()))?;
    let certificates: Vec<Certificate<'static>> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(invalid("it contains no certificate".to_owned()));
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

fn rejection(status: u16, body: &[u8], api: &str, run: i64) -> VcsError {
    if matches!(status, 401 | 403) {
        let message = format!("the token is not good for run {run} at {api}");
        return VcsError::new(ErrorKind::UNAUTHENTICATED, message).with_http_status(status);
    }
    if let Ok(error) = serde_json::from_slice::<VcsError>(body) {
        return error.in_context(format!("the api service at {api}"));
    }
    let kind = match status {
        404 => ErrorKind::NOT_FOUND,
        429 => ErrorKind::RATE_LIMITED,
        500.. => ErrorKind::UNAVAILABLE,
        _ => ErrorKind::INVALID_RESPONSE,
    };
    let message = format!("the api service at {api} gives no checkout of run {run}");
    VcsError::new(kind, message).with_http_status(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_asked_for_over_an_encrypted_connection_only() {
        for api in [
            "https://ci.example.com/api",
            "http://127.0.0.1:1",
            "http://localhost:1/",
        ] {
            assert!(order_url(api, 7).is_ok(), "{api}");
        }
        for api in [
            "http://ci.example.com",
            "http://10.0.0.1",
            "file:///x",
            "ci.example.com",
        ] {
            let error = order_url(api, 7).unwrap_err();
            assert_eq!(error.kind, ErrorKind::INVALID_INPUT, "{api}");
        }
    }
}
