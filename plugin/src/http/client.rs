//! The sender of one credential, and what all credentials of a server share.

use super::agent::{AgentSettings, agent};
use super::authorizer::Authorizer;
use super::gate::RateGate;
use super::origin::Origin;
use super::proxy::ProxyRoute;
use super::request::Request;
use crate::log::Log;
use std::sync::Arc;
use std::time::Duration;
use ureq::http::Uri;
use ureq::{Agent, Proxy};
use vcs_provider_interface::prelude::*;

/// Time limits and size limits of a server, as configured.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// The most time for one request, its response included; of a streamed
    /// response, the most time without a byte.
    pub(crate) request_timeout: Duration,
    /// The first pause before another try.
    pub(crate) first_pause: Duration,
    /// The longest wait for the rate gate or another try.
    pub(crate) longest_wait: Duration,
    /// The largest JSON response, decompressed.
    pub(crate) json_bytes: u64,
    /// How much of an error's body is read.
    pub(crate) error_bytes: u64,
    /// Pages of one list.
    pub(crate) pages: u64,
    /// Requests at the same time within one list.
    pub(crate) parallel: usize,
}

/// What all credentials of a server share.
pub(crate) struct Transport {
    agent: Agent,
    proxy: Option<ProxyRoute>,
    pub(crate) limits: Limits,
    pub(crate) log: Log,
}

impl Transport {
    pub(crate) fn new(settings: &AgentSettings, limits: Limits, log: Log) -> Self {
        Self {
            agent: agent(settings),
            proxy: settings.proxy.clone(),
            limits,
            log,
        }
    }
}

/// Sends requests with one credential.
pub(crate) struct Http {
    transport: Arc<Transport>,
    root: String,
    /// The origins that the credential may go to; the first is the API's.
    origins: Vec<Origin>,
    authorizer: Arc<dyn Authorizer>,
    gate: Arc<RateGate>,
}

impl Http {
    /// A sender below this root, such as `https://api.bitbucket.org/2.0`. The
    /// credential goes to the root's origin and to `further_origins`.
    ///
    /// # Errors
    /// `Config` if the root is not a URL.
    pub(crate) fn new(
        transport: Arc<Transport>,
        root: &str,
        further_origins: Vec<Origin>,
        authorizer: Arc<dyn Authorizer>,
        gate: Arc<RateGate>,
    ) -> Result<Self> {
        let origin = root
            .parse::<Uri>()
            .ok()
            .and_then(|uri| Origin::of(&uri).ok())
            .ok_or_else(|| {
                VcsError::new(ErrorKind::CONFIG, "the root of the API is not an address")
            })?;
        let mut origins = vec![origin];
        origins.extend(further_origins);
        Ok(Self {
            transport,
            root: root.trim_end_matches('/').to_owned(),
            origins,
            authorizer,
            gate,
        })
    }

    /// The same sender for another configured address of the service, to which
    /// the credential may go as well.
    ///
    /// # Errors
    /// `Config` if the root is not a URL.
    pub(crate) fn at(&self, root: &str) -> Result<Self> {
        Self::new(
            Arc::clone(&self.transport),
            root,
            Vec::new(),
            Arc::clone(&self.authorizer),
            Arc::clone(&self.gate),
        )
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.transport.limits
    }

    pub(crate) fn log(&self) -> &Log {
        &self.transport.log
    }

    pub(crate) fn gate(&self) -> &RateGate {
        &self.gate
    }

    pub(super) fn agent(&self) -> &Agent {
        &self.transport.agent
    }

    /// Where the proxy is set that leads to this address, if one does.
    pub(super) fn proxy_setting(&self, uri: &Uri) -> Option<&'static str> {
        let route = self.transport.proxy.as_ref()?;
        route.proxy_for(uri).map(|_| route.setting())
    }

    /// The proxy that a request to this address goes through, if one does.
    pub(super) fn proxy_for(&self, uri: &Uri) -> Option<&Proxy> {
        self.transport.proxy.as_ref()?.proxy_for(uri)
    }

    pub(crate) fn authorizer(&self) -> &dyn Authorizer {
        &*self.authorizer
    }

    /// The whole address of a request.
    pub(crate) fn address(&self, request: &Request) -> String {
        request.address(&self.root)
    }

    /// Whether an address is below the API's origin, so that a list may go on there.
    pub(crate) fn is_api_address(&self, address: &str) -> bool {
        address
            .parse::<Uri>()
            .ok()
            .and_then(|uri| Origin::of(&uri).ok())
            .is_some_and(|origin| self.origins.first() == Some(&origin))
    }

    /// Whether the credential may go to this address.
    pub(super) fn may_carry(&self, uri: &Uri) -> bool {
        Origin::of(uri).is_ok_and(|origin| self.origins.contains(&origin))
    }
}
