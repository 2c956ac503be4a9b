//! The way to a remote: proxy and authorities, the same as the provider's.

use super::GitError;
use super::credential::OriginCredential;
use super::environment::{NO_PROXY_VARIABLES, PROXY_VARIABLES, Settings, inherited};
use super::relay::Relay;
use std::path::{Path, PathBuf};
use std::process::Command;
use url::Url;
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::records::{NetworkSettings, secret_names};
use vcs_provider_interface::secret::Secret;

/// How a remote is reached.
#[derive(Clone, Debug, Default)]
pub struct GitNetwork {
    /// The proxy for every address; `None` leaves it to the environment
    /// (`https_proxy`, `http_proxy`, `all_proxy` and `no_proxy`).
    pub proxy: Option<ProxyAddress>,
    /// The hosts that are reached without the configured proxy.
    pub no_proxy: Vec<String>,
    /// The file of the authorities that are trusted in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// The same authorities in PEM form, for machines without the file.
    pub ca_certificates: Option<String>,
}

/// The address of a proxy, and the password that git is given when it asks.
#[derive(Clone, Debug)]
pub struct ProxyAddress {
    /// Without a password; a user stays in it, so that git asks for the password.
    address: String,
    credential: Option<OriginCredential>,
}

impl ProxyAddress {
    /// Takes an address such as `http://user:password@proxy.example.com:3128`
    /// apart.
    ///
    /// # Errors
    /// `InvalidInput` for what is not the address of a proxy; the message does
    /// not repeat it.
    pub fn new(address: &Secret) -> Result<Self, VcsError> {
        let text = address.expose();
        let with_scheme = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        Url::parse(&with_scheme)
            .ok()
            .and_then(Self::of_url)
            .ok_or_else(|| {
                let message = "the proxy's address is not a URL such as http://host:port";
                VcsError::new(ErrorKind::INVALID_INPUT, message)
            })
    }

    /// The same with a user and password, as `user:password`; both as they stand
    /// in an address, where some characters are percent-encoded.
    #[must_use]
    pub fn with_user(self, user: &Secret) -> Self {
        let with_user = self
            .address
            .replacen("://", &format!("://{}@", user.expose()), 1);
        match Self::new(&Secret::from(with_user)) {
            Ok(proxy) => proxy,
            Err(_) => self,
        }
    }

    fn of_url(mut url: Url) -> Option<Self> {
        url.host_str()?;
        let decoded = |text: &str| {
            percent_encoding::percent_decode_str(text)
                .decode_utf8_lossy()
                .into_owned()
        };
        let credential = url.password().map(|password| {
            let password = Secret::from(decoded(password));
            OriginCredential::new(&url, decoded(url.username()), password)
        });
        url.set_password(None).ok()?;
        Some(Self {
            address: without_slash(&url),
            credential,
        })
    }

    /// The address without a password.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether the proxy wants a password.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.credential.is_some()
    }
}

fn without_slash(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

impl GitNetwork {
    /// The way that a provider goes.
    ///
    /// # Errors
    /// `InvalidInput` for a proxy's address that is not a URL.
    pub fn of(settings: &NetworkSettings) -> Result<Self, VcsError> {
        let proxy = match &settings.proxy {
            Some(address) => {
                let proxy = ProxyAddress::new(&Secret::from(address.as_str()))?;
                Some(match settings.secrets.get(secret_names::PROXY_USER) {
                    Some(user) => proxy.with_user(user),
                    None => proxy,
                })
            }
            None => None,
        };
        Ok(Self {
            proxy,
            no_proxy: settings.no_proxy.clone(),
            ca_file: settings.ca_file.as_ref().map(PathBuf::from),
            ca_certificates: settings.ca_certificates.clone(),
        })
    }

    /// Starts the relays to those proxies that want a password.
    pub(super) fn start_relays(&self) -> Result<Relays, GitError> {
        let environment = inherited(PROXY_VARIABLES)
            .into_iter()
            .filter_map(|(_, value)| environment_proxy(value.to_str()?));
        let proxies: Vec<ProxyAddress> = match &self.proxy {
            Some(proxy) => vec![proxy.clone()],
            None => environment.collect(),
        };
        let mut relays = Vec::new();
        for proxy in proxies {
            let (Some(credential), Ok(url)) = (&proxy.credential, Url::parse(&proxy.address))
            else {
                continue;
            };
            let relay = Relay::start(&url, credential.username(), credential.secret());
            let relay = relay.map_err(|error| {
                GitError::Preparation(format!("the way to the proxy cannot be made: {error}"))
            })?;
            relays.extend(relay.map(|relay| (proxy.address.clone(), relay)));
        }
        Ok(Relays(relays))
    }

    /// Sets the variables that say how the network is reached.
    pub(super) fn apply(&self, command: &mut Command, relays: &Relays) {
        if self.proxy.is_some() {
            // The environment does not count beside a configured proxy.
            if !self.no_proxy.is_empty() {
                let list = self.no_proxy.join(",");
                command.env("no_proxy", &list).env("NO_PROXY", list);
            }
            return;
        }
        for (name, value) in inherited(PROXY_VARIABLES) {
            // What cannot be read as an address is git's to reject.
            match value.to_str().and_then(environment_proxy) {
                Some(proxy) => command.env(name, relays.way_to(&proxy.address)),
                None => command.env(name, value),
            };
        }
        command.envs(inherited(NO_PROXY_VARIABLES));
    }

    /// Adds git's settings. Authorities without a file of this machine are
    /// written to one in `directory`.
    pub(super) fn settings(
        &self,
        settings: &mut Settings,
        directory: &Path,
        relays: &Relays,
    ) -> Result<(), GitError> {
        if let Some(proxy) = &self.proxy {
            settings.set("http.proxy", relays.way_to(&proxy.address));
        }
        let ca_file = match (&self.ca_file, &self.ca_certificates) {
            (Some(file), _) if file.is_file() => Some(file.clone()),
            (_, Some(certificates)) => {
                let file = directory.join("authorities.pem");
                if !file.is_file() {
                    std::fs::write(&file, certificates).map_err(|error| {
                        GitError::Preparation(format!("{}: {error}", file.display()))
                    })?;
                }
                Some(file)
            }
            (Some(file), None) => {
                let message = format!(
                    "the file of the trusted authorities, {}, is not on this machine",
                    file.display()
                );
                return Err(GitError::Preparation(message));
            }
            (None, None) => None,
        };
        if let Some(file) = ca_file {
            let path = file.to_string_lossy().into_owned();
            settings.set("http.sslCAInfo", path.clone());
            settings.set("http.proxySSLCAInfo", path);
        }
        Ok(())
    }

    /// The passwords that git may ask for on its way.
    pub(super) fn credentials(&self) -> Vec<OriginCredential> {
        if let Some(proxy) = &self.proxy {
            return proxy.credential.clone().into_iter().collect();
        }
        inherited(PROXY_VARIABLES)
            .into_iter()
            .filter_map(|(_, value)| environment_proxy(value.to_str()?)?.credential)
            .collect()
    }
}

/// The relays of one remote, by the address of their proxy.
#[derive(Default)]
pub(super) struct Relays(Vec<(String, Relay)>);

impl Relays {
    /// The address by which a proxy is reached.
    fn way_to(&self, address: &str) -> String {
        let relay = self.0.iter().find(|(proxy, _)| proxy == address);
        relay.map_or_else(|| address.to_owned(), |(_, relay)| relay.address())
    }
}

fn environment_proxy(text: &str) -> Option<ProxyAddress> {
    ProxyAddress::new(&Secret::from(text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_of_a_proxy_stands_in_no_address() {
        for (text, address, has_password) in [
            ("http://proxy:3128", "http://proxy:3128", false),
            ("proxy:3128", "http://proxy:3128", false),
            ("http://u:s3cr3t@proxy:3128/", "http://u@proxy:3128", true),
            (
                "socks5h://u:s3cr3t@proxy:1080",
                "socks5h://u@proxy:1080",
                true,
            ),
        ] {
            let proxy = ProxyAddress::new(&Secret::from(text)).unwrap();
            assert_eq!(proxy.address(), address);
            assert_eq!(proxy.has_password(), has_password, "{text}");
            assert!(!format!("{proxy:?}").contains("s3cr3t"));
        }
        let error = ProxyAddress::new(&Secret::from("http://u:s3cr3t@:x")).unwrap_err();
        assert!(!error.message.contains("s3cr3t"), "{error}");
    }
}
