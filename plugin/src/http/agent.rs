//! The HTTP client's own settings: connections, TLS, proxy, name resolution.
//! One agent per server, whose pool of connections all its credentials share.

use super::cut_off::ProperEnds;
use super::names::{NameError, Names};
use super::proxy::ProxyRoute;
use std::sync::Arc;
use std::time::{Duration, Instant};
use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport,
};

/// The plugin's name and version, for the service's logs.
const USER_AGENT: &str = concat!("vcs-bitbucketcloud/", env!("CARGO_PKG_VERSION"));

/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(30);

/// Header blocks longer than this are rejected.
const LONGEST_HEADERS: usize = 64 * 1024;

/// The buffers of a connection, which it keeps while it is idle. The client's
/// own defaults are twice and eight times as large; the one for input has to
/// hold the longest headers.
const INPUT_BUFFER: usize = LONGEST_HEADERS;
const OUTPUT_BUFFER: usize = 16 * 1024;

/// What an agent is made of.
#[derive(Clone, Debug)]
pub(crate) struct AgentSettings {
    /// How long making a connection may take.
    pub(crate) connect_timeout: Duration,
    /// Connections kept for reuse.
    pub(crate) connections: usize,
    /// The proxy; `None` connects directly.
    pub(crate) proxy: Option<ProxyRoute>,
    /// The authorities that are trusted in place of the public ones; empty for
    /// the public ones.
    pub(crate) roots: Vec<Certificate<'static>>,
}

/// Makes an agent that leaves all policy to this module's neighbours: it
/// follows no redirect and takes no status for an error.
pub(crate) fn agent(settings: &AgentSettings) -> Agent {
    agent_with(settings, Names::of_the_system())
}

fn agent_with(settings: &AgentSettings, names: Names) -> Agent {
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
        .proxy(settings.proxy.as_ref().map(|route| route.proxy().clone()))
        .timeout_connect(Some(settings.connect_timeout))
        .max_idle_connections(settings.connections)
        .max_idle_connections_per_host(settings.connections)
        .max_idle_age(IDLE)
        .max_response_header_size(LONGEST_HEADERS)
        .input_buffer_size(INPUT_BUFFER)
        .output_buffer_size(OUTPUT_BUFFER)
        .build();
    let connecting = Connecting {
        names: Arc::new(names),
        inner: DefaultConnector::new(),
    };
    Agent::with_parts(config, connecting.chain(ProperEnds), Postponed)
}

/// Looks nothing up. The client asks before it looks for an idle connection;
/// [`Connecting`] asks where one has to be made.
#[derive(Debug)]
struct Postponed;

impl Resolver for Postponed {
    fn resolve(
        &self,
        _: &Uri,
        _: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        if timeout.after.is_zero() {
            return Err(ureq::Error::Timeout(timeout.reason));
        }
        Ok(self.empty())
    }
}

/// Makes connections: looks the host up, and has all of them share one TLS
/// configuration, in which the sessions are that later connections resume.
#[derive(Debug)]
struct Connecting {
    names: Arc<Names>,
    inner: DefaultConnector,
}

impl Connector for Connecting {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let begun = Instant::now();
        let resolver = SystemResolver(Arc::clone(&self.names));
        // A proxy gets the name and looks it up itself, but for those of the kinds
        // `socks4` and `socks5`.
        let is_ours = details
            .config
            .proxy()
            .is_none_or(|proxy| proxy.resolve_target());
        let addrs = if is_ours && details.addrs.is_empty() {
            resolver.resolve(details.uri, details.config, details.timeout)?
        } else {
            details.addrs.clone()
        };
        let mut timeout = details.timeout;
        if !timeout.after.is_not_happening() {
            timeout.after = timeout.after.saturating_sub(begun.elapsed()).into();
        }
        let connected = self.inner.connect(
            &ConnectionDetails {
                uri: details.uri,
                addrs,
                config: details.config,
                // The client makes a new TLS configuration for each connection
                // of a request with settings of its own. Those of this module's
                // requests are time limits and the proxy.
                request_level: false,
                resolver: &resolver,
                now: (details.current_time)(),
                timeout,
                current_time: Arc::clone(&details.current_time),
                run_connector: Arc::clone(&details.run_connector),
                register_shutdown: Arc::clone(&details.register_shutdown),
            },
            chained,
        );
        if let (Err(_), Some(name)) = (&connected, name_of(details.uri)) {
            self.names.distrust(&name);
        }
        connected
    }
}

/// The system's names, through the cache.
#[derive(Debug)]
struct SystemResolver(Arc<Names>);

impl Resolver for SystemResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let name = name_of(uri).ok_or_else(|| ureq::Error::BadUri("no host".to_owned()))?;
        let longest_wait = (!timeout.after.is_not_happening()).then(|| *timeout.after);
        let addresses = self
            .0
            .addresses(&name, longest_wait)
            .map_err(|error| match error {
                NameError::NotFound => ureq::Error::HostNotFound,
                NameError::TimedOut => ureq::Error::Timeout(ureq::Timeout::Resolve),
            })?;
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

fn name_of(uri: &Uri) -> Option<String> {
    DefaultResolver::host_and_port(uri.scheme()?, uri.authority()?)
}

/// As many addresses as the client's list of them holds.
const MOST_ADDRESSES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::net::{SocketAddr, TcpListener};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Barrier, Mutex};
    use std::thread;

    /// A service that says nothing but "yes"; returns its address and how many
    /// connections it got so far. It lives as long as the test's process.
    fn service(at_once: usize) -> (SocketAddr, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("the port is known");
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let barrier = Arc::new(Barrier::new(at_once));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                counted.fetch_add(1, Ordering::AcqRel);
                let barrier = Arc::clone(&barrier);
                thread::spawn(move || {
                    let Ok(reader) = stream.try_clone() else {
                        return;
                    };
                    let lines = BufReader::new(reader).lines();
                    for line in lines.map_while(Result::ok) {
                        if line.is_empty() {
                            barrier.wait();
                            let _ = stream.write_all(b"HTTP/1.1 204 Yes\r\n\r\n");
                        }
                    }
                });
            }
        });
        (address, connections)
    }

    /// An agent for which every name is this address, and the names it asked for.
    fn agent_at(address: SocketAddr, proxy: Option<&str>) -> (Agent, Arc<Mutex<Vec<String>>>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        let names = Names::new(move |name| {
            noted.lock().expect("no panic").push(name.to_owned());
            Ok(vec![address])
        });
        let settings = AgentSettings {
            connect_timeout: Duration::from_secs(10),
            connections: 8,
            proxy: proxy.map(|proxy| ProxyRoute::configured(proxy).expect("a proxy")),
            roots: Vec::new(),
        };
        (agent_with(&settings, names), asked)
    }

    fn get(agent: &Agent, address: &str) -> Result<u16, ureq::Error> {
        let request = ureq::http::Request::get(address).body(())?;
        let request = agent
            .configure_request(request)
            .timeout_global(Some(Duration::from_secs(10)))
            .build();
        agent
            .run(request)
            .map(|response| response.status().as_u16())
    }

    #[test]
    fn a_name_is_looked_up_for_a_new_connection_and_not_for_a_request() {
        let (address, connections) = service(1);
        let (agent, asked) = agent_at(address, None);
        for _ in 0..50 {
            assert_eq!(get(&agent, "http://api.example/").expect("a response"), 204);
        }
        assert_eq!(connections.load(Ordering::Acquire), 1);
        assert_eq!(*asked.lock().expect("no panic"), ["api.example:80"]);
    }

    #[test]
    fn connections_that_are_made_at_once_share_the_look_up() {
        let (address, connections) = service(4);
        let (agent, asked) = agent_at(address, None);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| get(&agent, "http://api.example/").expect("a response"));
            }
        });
        assert_eq!(connections.load(Ordering::Acquire), 4);
        assert_eq!(*asked.lock().expect("no panic"), ["api.example:80"]);
    }

    #[test]
    fn a_host_behind_a_proxy_is_not_looked_up_here() {
        for (proxy, name) in [
            ("http://proxy.example:3128", "proxy.example:3128"),
            ("socks5h://proxy.example:1080", "proxy.example:1080"),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
            let address = listener.local_addr().expect("the port is known");
            drop(listener);
            let (agent, asked) = agent_at(address, Some(proxy));
            get(&agent, "https://api.example/").expect_err("nobody listens");
            assert_eq!(*asked.lock().expect("no panic"), [name]);
        }
    }

    #[test]
    fn a_host_that_cannot_be_reached_is_looked_up_again() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("the port is known");
        drop(listener);
        let (agent, asked) = agent_at(address, None);
        for _ in 0..2 {
            get(&agent, "http://api.example/").expect_err("nobody listens");
        }
        assert_eq!(asked.lock().expect("no panic").len(), 2);
    }
}
