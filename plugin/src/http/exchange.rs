//! Sends requests: policy from the neighbouring modules, put in order.

use super::attempt::{Attempt, CHUNK, TimeoutScope};
use super::authorizer::Renewal;
use super::client::Http;
use super::error::{Failure, MISSING, MISSING_COMMIT};
use super::origin::Origin;
use super::request::{Request, Target, Upload};
use super::response::{Response, ResponseHead};
use super::retry::{RetryClass, next_pause, random};
use super::wait::{check, pause};
use serde::de::DeserializeOwned;
use std::io::Read;
use std::time::{Duration, Instant};
use ureq::Body;
use ureq::http::Uri;
use vcs_provider_interface::prelude::*;

/// How often a commit is asked for again that the service does not know: with the
/// usual first pause for seven and a half seconds.
const NOT_YET_TRIES: u32 = 4;

fn is_missing_commit(error: &VcsError) -> bool {
    error.kind == ErrorKind::NOT_FOUND
        && error
            .extra
            .iter()
            .any(|(key, value)| key == MISSING && value == MISSING_COMMIT)
}

impl Http {
    /// Sends a request and reads the whole response.
    ///
    /// # Errors
    /// Any but `InvalidInput` for the caller's own values; see [`super::error`].
    #[inline(never)] // Otherwise it is in the library once for each type that is read.
    pub(crate) fn send(&self, context: &dyn CallContext, request: &Request) -> Result<Response> {
        self.exchange(
            context,
            request,
            None,
            TimeoutScope::Total,
            &mut |head, body| {
                let body = self.read_whole(context, &head, body)?;
                Ok(Response { head, body })
            },
        )
    }

    /// Sends a request and reads the response as JSON.
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

    /// Sends a request for a commit. One that the service does not know may not be
    /// visible yet, since events overtake its replicas: it is asked for again
    /// for some seconds before it counts as not there.
    ///
    /// # Errors
    /// As for [`Http::send`].
    pub(crate) fn send_for_commit(
        &self,
        context: &dyn CallContext,
        request: &Request,
    ) -> Result<Response> {
        let mut length = self.limits().first_pause;
        for _ in 0..NOT_YET_TRIES {
            match self.send(context, request) {
                Err(error) if is_missing_commit(&error) && self.fits(context, length) => {}
                other => return other,
            }
            pause(context, length)?;
            length = length.saturating_mul(2);
        }
        self.send(context, request)
    }

    /// Sends a deletion. Only HTTP 204 says that it was done: a page of some
    /// gateway in between does not.
    ///
    /// # Errors
    /// As for [`Http::send`], and `InvalidResponse`.
    pub(crate) fn delete(&self, context: &dyn CallContext, path: String) -> Result<()> {
        let response = self.send(context, &Request::delete(path))?;
        if response.head.status == 204 {
            return Ok(());
        }
        Err(response.head.invalid("it does not confirm the deletion"))
    }

    /// Sends a request and passes on the bytes of the response as they come.
    /// Returns the beginning of the response and how many bytes were passed on.
    ///
    /// # Errors
    /// As for [`Http::send`]; nothing is repeated once a byte was passed on.
    pub(crate) fn stream(
        &self,
        context: &dyn CallContext,
        request: &Request,
        sink: &mut dyn ByteSink,
    ) -> Result<(ResponseHead, u64)> {
        self.exchange(
            context,
            request,
            None,
            TimeoutScope::Idle,
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
                                failure.class = RetryClass::Final;
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

    /// Sends a body while it is read. Sent once; only a rejection by the rate
    /// gate of this side is waited for.
    ///
    /// # Errors
    /// As for [`Http::send`].
    pub(crate) fn upload(
        &self,
        context: &dyn CallContext,
        request: &Request,
        upload: Upload<'_>,
    ) -> Result<Response> {
        self.exchange(
            context,
            request,
            Some(upload),
            TimeoutScope::Idle,
            &mut |head, body| {
                let body = self.read_whole(context, &head, body)?;
                Ok(Response { head, body })
            },
        )
    }

    fn exchange<T>(
        &self,
        context: &dyn CallContext,
        request: &Request,
        mut upload: Option<Upload<'_>>,
        timeout_scope: TimeoutScope,
        read: &mut dyn FnMut(ResponseHead, Body) -> std::result::Result<T, Failure>,
    ) -> Result<T> {
        let is_upload = upload.is_some();
        let uri = self.uri(request)?;
        let may_carry = self.may_carry(&uri);
        let mut tried = 0;
        let mut waited = Duration::ZERO;
        let mut may_renew = may_carry;
        loop {
            check(context)?;
            self.wait_for_gate(context)?;
            let authorization = if may_carry {
                Some(self.authorizer().authorization(context)?)
            } else {
                None
            };
            tried += 1;
            let attempt = Attempt {
                http: self,
                context,
                request,
                timeout_scope,
                number: tried,
                authorization: authorization.as_ref(),
            };
            let failure = match attempt.run(uri.clone(), &mut upload, read) {
                Ok(result) => return Ok(result),
                Err(failure) => failure,
            };
            let mut error = failure.error;
            if is_upload {
                return Err(error);
            }
            if let (401, true, Some(rejected)) =
                (error.http_status.unwrap_or(0), may_renew, &authorization)
            {
                may_renew = false;
                tried -= 1;
                if self.authorizer().renew(context, rejected)? == Renewal::Renewed {
                    continue;
                }
                return Err(error);
            }
            let next = next_pause(
                failure.class,
                request.idempotency,
                tried,
                self.limits().first_pause,
                error.retry_after(),
                random(),
            );
            let next = next.filter(|length| {
                self.fits(context, *length) && waited + *length <= self.limits().longest_wait
            });
            let Some(length) = next else {
                if tried > 1 {
                    error.message.push_str(&format!(" (tried {tried} times)"));
                }
                return Err(error);
            };
            waited += length;
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

    /// Whether a wait ends before the deadline and within the configured bound.
    pub(super) fn fits(&self, context: &dyn CallContext, wait: Duration) -> bool {
        wait <= self.limits().longest_wait && context.time_left().is_none_or(|left| wait < left)
    }

    fn wait_for_gate(&self, context: &dyn CallContext) -> Result<()> {
        while let Some(length) = self.gate().throttled_for(Instant::now()) {
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
