//! A remote and what is needed to reach it.

use super::GitError;
use super::credential::{CredentialServer, OriginCredential};
use super::environment::Settings;
use super::network::{GitNetwork, Relays};
use super::ssh::{Agent, KnownHosts, SshAccess};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use url::Url;
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::records::{CheckoutCredentials, secret_names};
use vcs_provider_interface::secret::Secret;

/// A remote and what is needed to reach it. Clones share the processes and
/// files that git needs besides; they end with the last one.
#[derive(Clone)]
pub struct Remote {
    url: String,
    /// The address over HTTP(S); `None` for one over SSH.
    web: Option<Url>,
    credential: Option<OriginCredential>,
    network: GitNetwork,
    ssh: SshAccess,
    /// Addresses that mean the same service: what they begin with, and what
    /// takes its place.
    aliases: Vec<(String, String)>,
    access: Arc<Mutex<Option<Access>>>,
}

/// What is running for a remote while git is used.
struct Access {
    server: CredentialServer,
    agent: Option<Agent>,
    relays: Relays,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Remote({})", self.url)
    }
}

impl Remote {
    /// A remote by its address, `https://…`, `ssh://…` or `user@host:path`, with
    /// a credential for HTTPS or none.
    ///
    /// # Errors
    /// `InvalidInput` for another scheme or an address that holds a credential.
    pub fn new(
        url: &str,
        username: Option<String>,
        secret: Option<Secret>,
    ) -> Result<Self, VcsError> {
        let web = if is_ssh(url) {
            check_ssh(url)?;
            None
        } else {
            Some(web_address(url)?)
        };
        let is_one_line = |text: &str| !text.contains(['\n', '\r', '\0']);
        let texts = [
            username.as_deref(),
            secret.as_ref().map(|secret| secret.expose()),
        ];
        if !texts.into_iter().flatten().all(is_one_line) {
            return Err(invalid(
                "the credential contains a line break, which git cannot take",
            ));
        }
        let credential = web.as_ref().zip(secret).map(|(url, secret)| {
            OriginCredential::new(url, username.unwrap_or_else(|| "git".to_owned()), secret)
        });
        let aliases = web.as_ref().map(same_host_over_ssh).unwrap_or_default();
        Ok(Self {
            url: web.as_ref().map_or(url, Url::as_str).to_owned(),
            web,
            credential,
            network: GitNetwork::default(),
            ssh: SshAccess::default(),
            aliases,
            access: Arc::default(),
        })
    }

    /// The remote that a provider described.
    ///
    /// # Errors
    /// As [`Remote::new`].
    pub fn of(credentials: CheckoutCredentials) -> Result<Self, VcsError> {
        let network = GitNetwork::of(&credentials.network)?;
        let key = credentials.secrets.get(secret_names::SSH_PRIVATE_KEY);
        if let (None, Some(key)) = (&credentials.secret, key) {
            // A deploy key and no token: SSH is the only way in.
            let passphrase = credentials.secrets.get(secret_names::SSH_PASSPHRASE);
            let ssh = SshAccess {
                private_key: Some(key.clone()),
                passphrase: passphrase.cloned(),
                known_hosts: KnownHosts::Lines(credentials.known_hosts),
            };
            return Ok(Self::new(&credentials.ssh_url, None, None)?
                .with_network(network)
                .with_ssh(ssh));
        }
        let remote = Self::new(
            &credentials.http_url,
            credentials.username,
            credentials.secret,
        )?;
        Ok(remote
            .with_network(network)
            .with_ssh_address(&credentials.ssh_url, &credentials.known_hosts))
    }

    /// The same, reached this way.
    #[must_use]
    pub fn with_network(mut self, network: GitNetwork) -> Self {
        self.network = network;
        self
    }

    /// The same with a key and host keys for SSH.
    #[must_use]
    pub fn with_ssh(mut self, ssh: SshAccess) -> Self {
        self.ssh = ssh;
        self
    }

    /// The same with the address that the service has over SSH: submodules that
    /// are named by it are fetched over HTTPS, with the same credential.
    /// `known_hosts` names further hosts that are the same service.
    #[must_use]
    pub fn with_ssh_address(mut self, ssh_url: &str, known_hosts: &[String]) -> Self {
        let Some(web) = &self.web else { return self };
        let Some((host, path)) = split_ssh(ssh_url) else {
            return self;
        };
        // What the two addresses end with in common is the repository.
        let path = path.trim_start_matches('/');
        let Some(base) = web.as_str().strip_suffix(path) else {
            return self;
        };
        let user = ssh_url
            .trim_start_matches("ssh://")
            .split_once('@')
            .map_or("git", |(user, _)| user);
        let mut hosts = vec![host.to_owned()];
        hosts.extend(known_hosts.iter().flat_map(|line| hosts_of(line)));
        for host in hosts {
            self.aliases.extend(ssh_forms(user, &host, base));
        }
        self
    }

    /// The address, without a credential.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn network(&self) -> &GitNetwork {
        &self.network
    }

    /// Git's settings and variables that make the remote reachable.
    pub(super) fn prepare(
        &self,
        settings: &mut Settings,
        command: &mut Command,
    ) -> Result<(), GitError> {
        let mut guard = self.access.lock().unwrap_or_else(PoisonError::into_inner);
        let access = match &mut *guard {
            Some(access) => access,
            none => none.insert(self.start_access()?),
        };
        settings.set("credential.helper", access.server.helper());
        let directory = access.server.directory();
        self.network.apply(command, &access.relays);
        self.network.settings(settings, directory, &access.relays)?;
        if self.allows_ssh() {
            let ssh = self
                .ssh
                .command(access.agent.as_ref(), access.server.directory())?;
            command
                .env("GIT_ALLOW_PROTOCOL", "http:https:ssh")
                .env("GIT_SSH_VARIANT", "ssh")
                .env("GIT_SSH_COMMAND", ssh);
        } else {
            for (alias, base) in &self.aliases {
                settings.set(format!("url.{base}.insteadOf"), alias);
            }
        }
        Ok(())
    }

    /// SSH is used where the remote itself is named by it, or a key was given
    /// for it.
    fn allows_ssh(&self) -> bool {
        self.web.is_none() || self.ssh.private_key.is_some()
    }

    fn start_access(&self) -> Result<Access, GitError> {
        if self.allows_ssh() && self.network.proxy.is_some() {
            return Err(invalid(
                "SSH does not go through the configured proxy; use the repository's HTTPS address",
            )
            .into());
        }
        let mut credentials: Vec<_> = self.credential.clone().into_iter().collect();
        credentials.extend(self.network.credentials());
        let server =
            CredentialServer::start(credentials, self.ssh.passphrase.clone()).map_err(|error| {
                GitError::Preparation(format!("git's credential helper cannot be served: {error}"))
            })?;
        let agent = match &self.ssh.private_key {
            Some(key) => Some(Agent::start(key, self.ssh.passphrase.is_some(), &server)?),
            None => None,
        };
        let relays = self.network.start_relays()?;
        Ok(Access {
            server,
            agent,
            relays,
        })
    }

    /// The origins that asked for a credential and got none.
    pub(super) fn denied_origins(&self) -> Vec<String> {
        let guard = self.access.lock().unwrap_or_else(PoisonError::into_inner);
        guard
            .as_ref()
            .map(|access| access.server.denied())
            .unwrap_or_default()
    }

    /// The text without secrets, should a server repeat them.
    pub(super) fn redact(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        let known = self.network.credentials();
        let secrets = self
            .credential
            .iter()
            .chain(&known)
            .map(OriginCredential::secret);
        for secret in secrets.filter(|secret| !secret.is_empty()) {
            let encoded: String =
                url::form_urlencoded::byte_serialize(secret.expose().as_bytes()).collect();
            for form in [secret.expose(), &encoded] {
                if clean.contains(form) {
                    clean = clean.replace(form, "[redacted]");
                }
            }
        }
        clean
    }
}

fn invalid(message: &str) -> VcsError {
    VcsError::new(ErrorKind::INVALID_INPUT, message)
}

fn web_address(url: &str) -> Result<Url, VcsError> {
    let rejected = |why: &str| Err(invalid(&format!("the clone address {why}")));
    let url = match Url::parse(url) {
        Ok(url) => url,
        Err(error) => return rejected(&format!("is not a URL: {error}")),
    };
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return rejected("must begin with https:// or ssh://, or be user@host:path");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return rejected("must not contain a user name or password; name them beside it");
    }
    Ok(url)
}

/// Whether git would take the address for one of SSH.
fn is_ssh(url: &str) -> bool {
    url.starts_with("ssh://") || (!url.contains("://") && split_ssh(url).is_some())
}

/// The host (with a port) and the path of an SSH address.
fn split_ssh(url: &str) -> Option<(&str, &str)> {
    if let Some(rest) = url.strip_prefix("ssh://") {
        let (authority, path) = rest.split_once('/')?;
        let host = authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host);
        return Some((host, path));
    }
    let (authority, path) = url.split_once(':')?;
    let (_, host) = authority.split_once('@')?;
    (!host.is_empty() && !authority.contains('/')).then_some((host, path))
}

fn check_ssh(url: &str) -> Result<(), VcsError> {
    let rejected = |why: &str| Err(invalid(&format!("the SSH address {why}")));
    let authority = url.strip_prefix("ssh://").unwrap_or(url);
    let authority = match url.strip_prefix("ssh://") {
        Some(_) => authority.split('/').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if user.contains(':') {
        return rejected("must not contain a password");
    }
    // ssh would take either for an option.
    if user.starts_with('-') || host.starts_with('-') || host.is_empty() {
        return rejected("has no host");
    }
    if url.chars().any(|c| c.is_control() || c == ' ') {
        return rejected("contains a space or control character");
    }
    Ok(())
}

/// The forms in which the same host is named over SSH by default.
fn same_host_over_ssh(web: &Url) -> Vec<(String, String)> {
    match (web.host_str(), web.port()) {
        (Some(host), None) => {
            let base = format!("{}://{host}/", web.scheme());
            ssh_forms("git", host, &base).collect()
        }
        _ => Vec::new(),
    }
}

fn ssh_forms(user: &str, host: &str, base: &str) -> impl Iterator<Item = (String, String)> {
    let mut forms = vec![
        (format!("ssh://{user}@{host}/"), base.to_owned()),
        (format!("ssh://{host}/"), base.to_owned()),
    ];
    if !host.contains(':') {
        forms.push((format!("{user}@{host}:"), base.to_owned()));
        forms.push((format!("ssh://{user}@{host}:22/"), base.to_owned()));
    }
    forms.into_iter()
}

/// The hosts of a line of `known_hosts`, as `host` or `host:port`.
fn hosts_of(line: &str) -> Vec<String> {
    let names = line.split_whitespace().next().unwrap_or_default();
    if names.starts_with(['@', '|', '#']) {
        return Vec::new();
    }
    let plain = |name: &str| match name
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]:"))
    {
        Some((host, port)) => format!("{host}:{port}"),
        None => name.to_owned(),
    };
    names
        .split(',')
        .filter(|name| !name.is_empty() && !name.contains(['*', '?', '!']))
        .map(plain)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_credential_or_of_another_scheme_is_rejected() {
        for url in [
            "https://user:s3cr3t@example.com/a/b.git",
            "https://user@example.com/a/b.git",
            "ssh://git:s3cr3t@example.com/a/b.git",
            "ssh://-oProxyCommand=x/a",
            "git@-oProxyCommand=x:a",
            "-oProxyCommand=x@host:a",
            "file:///etc",
            "/etc",
            "ext::sh -c x",
            "-oProxyCommand=x",
        ] {
            let error = Remote::new(url, None, None).unwrap_err();
            assert_eq!(error.kind, ErrorKind::INVALID_INPUT, "{url}");
            assert!(!error.message.contains("s3cr3t"), "{}", error.message);
        }
        for url in [
            "https://example.com/a/b.git",
            "ssh://git@example.com:7999/a/b.git",
            "git@example.com:a/b.git",
        ] {
            assert_eq!(Remote::new(url, None, None).unwrap().url(), url);
        }
    }

    #[test]
    fn the_ssh_addresses_of_the_service_are_known_for_what_they_are() {
        let remote = Remote::new("https://code.example:8443/scm/ws/app.git", None, None)
            .unwrap()
            .with_ssh_address(
                "ssh://git@ssh.code.example:7999/ws/app.git",
                &["[alt.code.example]:443,other.example ssh-ed25519 AAAA".to_owned()],
            );
        let base = "https://code.example:8443/scm/";
        for alias in [
            "ssh://git@ssh.code.example:7999/",
            "ssh://git@alt.code.example:443/",
            "git@other.example:",
        ] {
            let expected = (alias.to_owned(), base.to_owned());
            assert!(
                remote.aliases.contains(&expected),
                "{alias}: {:?}",
                remote.aliases
            );
        }
        let unlike = Remote::new("https://code.example/one.git", None, None)
            .unwrap()
            .with_ssh_address("git@elsewhere.example:two.git", &[]);
        assert!(
            !unlike
                .aliases
                .iter()
                .any(|(alias, _)| alias.contains("elsewhere"))
        );
    }
}
