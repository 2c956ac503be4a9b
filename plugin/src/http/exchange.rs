//! Sends requests: policy from the neighbouring modules, put in order.

use super::agent::{AgentSettings, agent};
use super::answer::{Answer, Head};
use super::attempt::{Attempt, CHUNK, Patience};
use super::error::Failure;
use super::gate::RateGate;
use super::origin::Origin;
use super::request::{Request, Target};
use super::retry::{Cause, next_pause, random};
use super::wait::{check, pause};
use crate::auth::{Authorizer, Renewal};
use crate::log::Log;
use serde::de::DeserializeOwned;
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};
use ureq::http::Uri;
use ureq::{Agent, Body, Proxy};
use vcs_provider_interface::prelude::*;

/// Time limits and size limits of a server, as configured.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// The most time for one request, its answer included; of a streamed
    /// answer, the most time without a byte.
    pub(crate) request_timeout: Duration,
    /// The first pause before another try.
    pub(crate) first_pause: Duration,
    /// The longest wait for the rate gate or another try.
    pub(crate) longest_wait: Duration,
    /// The largest JSON answer, decompressed.
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
    proxy: Option<Proxy>,
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

/// A body that is read while it is sent, and so can be sent only once.
pub(crate) struct Upload<'a> {
    pub(crate) content_type: String,
    /// The length in bytes, where known.
    pub(crate) length: Option<u64>,
    pub(crate) reader: &'a mut dyn Read,
}

impl Http {
    /// A sender below this root, such as `https://api.bitbucket.org/2.0`. The
    /// credential goes to the root's origin and to `further_origins`.
    ///
    /// # Errors
    /// `Config` if the root is no address.
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
    /// `Config` if the root is no address.
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
        let proxy = self.transport.proxy.as_ref()?;
        match (proxy.is_no_proxy(uri), proxy.is_from_env()) {
            (true, _) => None,
            (false, true) => Some("HTTPS_PROXY and its like in the engine's environment"),
            (false, false) => Some("`proxy`"),
        }
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

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// Any but `InvalidInput` for the caller's own values; see [`super::error`].
    #[inline(never)] // Otherwise it is in the library once for each type that is read.
    pub(crate) fn send(&self, context: &dyn CallContext, request: &Request) -> Result<Answer> {
        self.exchange(
            context,
            request,
            None,
            Patience::WholeAnswer,
            &mut |head, body| {
                let body = self.read_whole(context, &head, body)?;
                Ok(Answer { head, body })
            },
        )
    }

    /// Sends a request and reads the answer as JSON.
    ///
    /// # Errors
    /// As for [`Http::send`], and `InvalidResponse`.
    pub(crate) fn json<T: DeserializeOwned>(
        &self,
        context: &dyn CallContext,
        request: &Request,
    ) -> Result<T> {
        self.send(context, request)?.json()
    }

    /// Sends a deletion. Only HTTP 204 says that it was done: a page of some
    /// gateway in between does not.
    ///
    /// # Errors
    /// As for [`Http::send`], and `InvalidResponse`.
    pub(crate) fn delete(&self, context: &dyn CallContext, path: String) -> Result<()> {
        let answer = self.send(context, &Request::delete(path))?;
        if answer.head.status == 204 {
            return Ok(());
        }
        Err(answer.head.invalid("it does not confirm the deletion"))
    }

    /// Sends a request and hands the bytes of the answer on as they come.
    /// Returns the beginning of the answer and how many bytes were handed on.
    ///
    /// # Errors
    /// As for [`Http::send`]; nothing is repeated once a byte was handed on.
    pub(crate) fn stream(
        &self,
        context: &dyn CallContext,
        request: &Request,
        sink: &mut dyn ByteSink,
    ) -> Result<(Head, u64)> {
        self.exchange(
            context,
            request,
            None,
            Patience::EachByte,
            &mut |head, body| {
                let mut reader = body.into_reader();
                let mut buffer = vec![0; CHUNK];
                let mut given = 0u64;
                loop {
                    check(context).map_err(Failure::last)?;
                    let length = match reader.read(&mut buffer) {
                        Ok(0) => return Ok((head, given)),
                        Ok(length) => length,
                        Err(error) => {
                            let mut failure = self.broken(error, &head, context);
                            if given > 0 {
                                failure.cause = Cause::Final;
                            }
                            return Err(failure);
                        }
                    };
                    let chunk = buffer.get(..length).unwrap_or_default();
                    given += chunk.len() as u64;
                    if sink.chunk(chunk).map_err(Failure::last)? == Flow::STOP {
                        return Ok((head, given));
                    }
                }
            },
        )
    }

    /// Sends a body while it is read. Sent once; only a refusal by the rate
    /// gate of this side is waited for.
    ///
    /// # Errors
    /// As for [`Http::send`].
    pub(crate) fn upload(
        &self,
        context: &dyn CallContext,
        request: &Request,
        upload: Upload<'_>,
    ) -> Result<Answer> {
        self.exchange(
            context,
            request,
            Some(upload),
            Patience::EachByte,
            &mut |head, body| {
                let body = self.read_whole(context, &head, body)?;
                Ok(Answer { head, body })
            },
        )
    }

    fn exchange<T>(
        &self,
        context: &dyn CallContext,
        request: &Request,
        mut upload: Option<Upload<'_>>,
        patience: Patience,
        read: &mut dyn FnMut(Head, Body) -> std::result::Result<T, Failure>,
    ) -> Result<T> {
        let is_upload = upload.is_some();
        let uri = self.uri(request)?;
        let may_carry = self.may_carry(&uri);
        let mut tried = 0;
        let mut may_renew = may_carry;
        loop {
            check(context)?;
            self.wait_for_gate(context)?;
            let authorization = if may_carry {
                Some(self.authorizer.authorization(context)?)
            } else {
                None
            };
            tried += 1;
            let attempt = Attempt {
                http: self,
                context,
                request,
                patience,
                number: tried,
            };
            let failure = match attempt.run(uri.clone(), authorization.as_ref(), &mut upload, read)
            {
                Ok(result) => return Ok(result),
                Err(failure) => failure,
            };
            let mut error = failure.error;
            if is_upload {
                return Err(error);
            }
            if let (401, true, Some(refused)) =
                (error.http_status.unwrap_or(0), may_renew, &authorization)
            {
                may_renew = false;
                tried -= 1;
                if self.authorizer.renew(context, refused)? == Renewal::Renewed {
                    continue;
                }
                return Err(error);
            }
            let next = next_pause(
                failure.cause,
                request.repeat,
                tried,
                self.limits().first_pause,
                error.retry_after(),
                random(),
            );
            let Some(length) = next.filter(|length| self.fits(context, *length)) else {
                if tried > 1 {
                    error.message.push_str(&format!(" (tried {tried} times)"));
                }
                return Err(error);
            };
            match pause(context, length) {
                Ok(()) => {}
                // What went wrong says more than that the time ran out meanwhile.
                Err(end) if end.kind == ErrorKind::TIMEOUT => return Err(error),
                Err(end) => return Err(end),
            }
        }
    }

    fn uri(&self, request: &Request) -> Result<Uri> {
        let uri = self.address(request).parse::<Uri>().map_err(|_| {
            VcsError::new(ErrorKind::INVALID_INPUT, "the address has no valid form")
        })?;
        if matches!(request.target, Target::Address(_)) {
            Origin::of(&uri)?;
        }
        Ok(uri)
    }

    /// Whether the credential may go to this address.
    pub(super) fn may_carry(&self, uri: &Uri) -> bool {
        Origin::of(uri).is_ok_and(|origin| self.origins.contains(&origin))
    }

    /// Whether a wait ends before the deadline and within the configured bound.
    pub(super) fn fits(&self, context: &dyn CallContext, wait: Duration) -> bool {
        wait <= self.limits().longest_wait && context.time_left().is_none_or(|left| wait < left)
    }

    fn wait_for_gate(&self, context: &dyn CallContext) -> Result<()> {
        while let Some(length) = self.gate.held_back(Instant::now()) {
            if !self.fits(context, length) {
                let message = format!(
                    "Bitbucket limits the requests of this credential; the next may be sent in {} s",
                    length.as_secs_f64().ceil()
                );
                return Err(
                    VcsError::new(ErrorKind::RATE_LIMITED, message).with_retry_after(length)
                );
            }
            pause(context, length)?;
        }
        Ok(())
    }
}
