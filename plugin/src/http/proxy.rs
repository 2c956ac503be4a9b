//! Which proxy a request goes through, if any.
//!
//! The configured `proxy` applies to all requests. Without it the environment
//! decides, read as curl and git read it, so that git goes the same way as the
//! API calls: `https_proxy`, `HTTPS_PROXY`, `all_proxy` and `ALL_PROXY`, the
//! first that is set; and `no_proxy` or `NO_PROXY` with the hosts that are
//! reached directly.

use std::net::IpAddr;
use ureq::Proxy;
use ureq::http::Uri;

/// The environment's proxies for HTTPS, in the order in which curl looks.
const VARIABLES: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/// A proxy and who is reached without it.
#[derive(Clone, Debug)]
pub(crate) struct ProxyRoute {
    proxy: Proxy,
    setting: Setting,
    bypass: Bypass,
}

/// Where the proxy is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Setting {
    Configuration,
    Environment,
}

impl ProxyRoute {
    /// The configured proxy, which applies to all requests. `None` if the
    /// address cannot be used.
    pub(crate) fn configured(address: &str) -> Option<Self> {
        Some(Self {
            proxy: Proxy::new(address).ok()?,
            setting: Setting::Configuration,
            bypass: Bypass::default(),
        })
    }

    /// The proxy of the environment, where there is one.
    ///
    /// # Errors
    /// The name of the variable, if its value cannot be used.
    pub(crate) fn of_the_environment(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, &'static str> {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let Some((name, address)) = VARIABLES
            .into_iter()
            .find_map(|name| Some((name, set(name)?)))
        else {
            return Ok(None);
        };
        let proxy = Proxy::new(address.trim()).map_err(|_| name)?;
        let bypass = set("no_proxy").or_else(|| set("NO_PROXY"));
        Ok(Some(Self {
            proxy,
            setting: Setting::Environment,
            bypass: Bypass::parse(&bypass.unwrap_or_default()),
        }))
    }

    /// The proxy for this address; `None` where it is reached directly.
    pub(super) fn proxy_for(&self, uri: &Uri) -> Option<&Proxy> {
        let is_direct = uri.host().is_some_and(|host| self.bypass.holds(host));
        (!is_direct).then_some(&self.proxy)
    }

    /// The proxy itself.
    pub(super) fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    /// Where it is set, for messages.
    pub(super) fn setting(&self) -> &'static str {
        match self.setting {
            Setting::Configuration => "`proxy`",
            Setting::Environment => "HTTPS_PROXY and its like in the engine's environment",
        }
    }
}

/// The hosts of `NO_PROXY` (curl: `CURLOPT_NOPROXY`): a name stands for itself
/// and all names below it, with or without a dot in front; an address for
/// itself; an address with `/bits` for its network; a lone `*` for everything.
/// The form `*.name`, which other tools write, is read as `.name`.
#[derive(Clone, Debug, Default)]
struct Bypass {
    all: bool,
    names: Vec<String>,
    networks: Vec<(IpAddr, u8)>,
}

impl Bypass {
    fn parse(text: &str) -> Self {
        let mut bypass = Self {
            all: text.trim() == "*",
            ..Self::default()
        };
        let entries = text
            .split(|character: char| character == ',' || character.is_whitespace())
            .filter(|entry| !entry.is_empty());
        for entry in entries {
            match network(entry) {
                Some(network) => bypass.networks.push(network),
                None => {
                    let name = entry.trim_start_matches('*');
                    let name = name.strip_prefix('.').unwrap_or(name);
                    let name = name.trim_end_matches('.').to_ascii_lowercase();
                    if !name.is_empty() {
                        bypass.names.push(name);
                    }
                }
            }
        }
        bypass
    }

    fn holds(&self, host: &str) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if self.all {
            return true;
        }
        if let Ok(address) = bare.parse::<IpAddr>() {
            return self
                .networks
                .iter()
                .any(|(network, bits)| is_within(address, *network, *bits));
        }
        let host = bare.trim_end_matches('.').to_ascii_lowercase();
        self.names.iter().any(|name| {
            host.strip_suffix(name.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }
}

/// An address, with or without the length of its network.
fn network(entry: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = match entry.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
        None => (entry, None),
    };
    let address: IpAddr = address
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    Some((address, bits.unwrap_or(most).min(most)))
}

fn is_within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let (address, network, width) = match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            (address.to_bits().into(), network.to_bits().into(), 32)
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => (address.to_bits(), network.to_bits(), 128),
        _ => return false,
    };
    let differ: u128 = address ^ network;
    differ
        .checked_shr(u32::from(width - bits.min(width)))
        .unwrap_or(0)
        == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bypasses(text: &str, host: &str) -> bool {
        Bypass::parse(text).holds(host)
    }

    /// Situation `no-proxy`.
    #[test]
    fn a_name_stands_for_itself_and_all_names_below_it() {
        for text in [
            "example.com",
            ".example.com",
            "*.example.com",
            "EXAMPLE.com.",
        ] {
            for host in [
                "example.com",
                "api.example.com",
                "a.b.Example.com",
                "example.com.",
            ] {
                assert!(bypasses(text, host), "{text} {host}");
            }
            for host in ["notexample.com", "example.com.evil.org", "com", "example"] {
                assert!(!bypasses(text, host), "{text} {host}");
            }
        }
        assert!(bypasses("a.org, b.org c.org", "x.c.org"));
        assert!(bypasses("*", "anything.example"));
        assert!(!bypasses("", "anything.example"));
        assert!(!bypasses(" , ", "anything.example"));
    }

    #[test]
    fn addresses_are_compared_as_numbers_and_by_network() {
        assert!(bypasses("10.0.0.0/8", "10.200.3.4"));
        assert!(!bypasses("10.0.0.0/8", "11.0.0.1"));
        assert!(bypasses("192.168.1.7", "192.168.1.7"));
        assert!(!bypasses("192.168.1.7", "192.168.1.70"));
        assert!(!bypasses("2.1", "192.168.2.1"));
        assert!(bypasses("::1", "[::1]"));
        assert!(bypasses("[fd00::]/8,x", "[fd12::9]"));
        assert!(!bypasses("fd00::/8", "[fe80::1]"));
        assert!(bypasses("0.0.0.0/0", "8.8.8.8"));
        assert!(!bypasses("0.0.0.0/0", "[::1]"));
        assert!(!bypasses("10.0.0.0/x", "10.0.0.1"));
    }

    #[test]
    fn the_environment_is_read_in_curls_order() {
        let found = |pairs: &'static [(&str, &str)]| {
            ProxyRoute::of_the_environment(|name| {
                pairs
                    .iter()
                    .find(|(present, _)| *present == name)
                    .map(|(_, value)| (*value).to_owned())
            })
        };
        let host = |route: Result<Option<ProxyRoute>, &str>| {
            let route = route.expect("the values are fine")?;
            Some(route.proxy.host().to_owned())
        };
        assert_eq!(host(found(&[])), None);
        assert_eq!(host(found(&[("HTTPS_PROXY", " ")])), None);
        // This one is for addresses of unencrypted HTTP.
        assert_eq!(host(found(&[("HTTP_PROXY", "http://h:1")])), None);
        assert_eq!(
            host(found(&[
                ("ALL_PROXY", "http://all:1"),
                ("HTTPS_PROXY", "http://upper:1"),
                ("https_proxy", "http://lower:1")
            ])),
            Some("lower".to_owned())
        );
        assert_eq!(
            host(found(&[("ALL_PROXY", "http://all:1")])),
            Some("all".to_owned())
        );
        assert_eq!(
            found(&[("HTTPS_PROXY", "gopher://x y")]).map(|_| ()),
            Err("HTTPS_PROXY")
        );

        let route = found(&[
            ("https_proxy", "http://p:1"),
            ("NO_PROXY", "upper.org"),
            ("no_proxy", "lower.org"),
        ]);
        let route = route.expect("the values are fine").expect("a proxy");
        let is_direct = |address: &str| {
            let uri = address.parse().expect("an address");
            route.proxy_for(&uri).is_none()
        };
        assert!(is_direct("https://api.lower.org/2.0"));
        assert!(!is_direct("https://upper.org/"));
    }

    #[test]
    fn the_configured_proxy_applies_to_all_requests() {
        let route = ProxyRoute::configured("http://p:1").expect("a proxy");
        let uri = Uri::from_static("https://localhost/");
        assert!(route.proxy_for(&uri).is_some());
        assert!(ProxyRoute::configured("nothing of the kind").is_none());
    }
}
