//! The HTTP client's own settings: connections, TLS, proxy, name resolution.
//! One agent per server, whose pool of connections all its credentials share.

use super::cut_off::ProperEnds;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Connector as _, DefaultConnector, NextTimeout};
use ureq::{Agent, Proxy};

/// The plugin's name and version, for the service's logs.
const USER_AGENT: &str = concat!("vcs-bitbucketcloud/", env!("CARGO_PKG_VERSION"));

/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(30);

/// Header blocks longer than this are rejected.
const LONGEST_HEADERS: usize = 64 * 1024;

/// What an agent is made of.
#[derive(Clone, Debug)]
pub(crate) struct AgentSettings {
    /// How long making a connection may take.
    pub(crate) connect_timeout: Duration,
    /// Connections kept for reuse.
    pub(crate) connections: usize,
    /// The proxy; `None` connects directly.
    pub(crate) proxy: Option<Proxy>,
    /// The authorities that are trusted in place of the public ones; empty for
    /// the public ones.
    pub(crate) roots: Vec<Certificate<'static>>,
}

/// Makes an agent that leaves all policy to this module's neighbours: it
/// follows no redirect and takes no status for an error.
pub(crate) fn agent(settings: &AgentSettings) -> Agent {
    let roots = if settings.roots.is_empty() {
        RootCerts::WebPki
    } else {
        RootCerts::new_with_certs(&settings.roots)
    };
    let config = Config::builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent(USER_AGENT)
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .proxy(settings.proxy.clone())
        .timeout_connect(Some(settings.connect_timeout))
        .max_idle_connections(settings.connections)
        .max_idle_connections_per_host(settings.connections)
        .max_idle_age(IDLE)
        .max_response_header_size(LONGEST_HEADERS)
        .build();
    Agent::with_parts(
        config,
        DefaultConnector::new().chain(ProperEnds),
        SystemResolver,
    )
}

/// Resolves names on the calling thread.
///
/// The client's own resolver starts a thread where there is a time limit, and
/// leaves it behind when the limit passes; a plugin must not. The system's
/// resolver has time limits of its own.
#[derive(Debug)]
struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        if timeout.after.is_zero() {
            return Err(ureq::Error::Timeout(timeout.reason));
        }
        let name = uri
            .scheme()
            .zip(uri.authority())
            .and_then(|(scheme, authority)| DefaultResolver::host_and_port(scheme, authority))
            .ok_or_else(|| ureq::Error::BadUri("no host".to_owned()))?;
        let addresses: Vec<SocketAddr> = name
            .to_socket_addrs()
            .map_err(|_| ureq::Error::HostNotFound)?
            .collect();
        let mut resolved = self.empty();
        for address in config
            .ip_family()
            .keep_wanted(addresses.into_iter())
            .take(MOST_ADDRESSES)
        {
            resolved.push(address);
        }
        if resolved.is_empty() {
            return Err(ureq::Error::HostNotFound);
        }
        Ok(resolved)
    }
}

/// As many addresses as the client's list of them holds.
const MOST_ADDRESSES: usize = 16;
