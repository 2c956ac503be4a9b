//! One try of a request: what goes onto the wire and what comes back, the
//! redirects on the way included. Whether there is another try is decided by
//! [`super::exchange`].

use super::authorizer::Authorization;
use super::client::Http;
use super::connection_error::{ConnectionPath, from_transport};
use super::error::{Failure, from_response};
use super::moved::change_redirected;
use super::origin::{Redirect, redirect};
use super::redact::{self, Secrets};
use super::request::{Request, Upload};
use super::response::ResponseHead;
use super::retry::Idempotency;
use super::wait::check;
use std::io::Read;
use std::time::{Duration, Instant};
use ureq::http::{HeaderValue, Method, Uri, header};
use ureq::{Body, SendBody};
use vcs_provider_interface::prelude::*;

/// Redirects in a row that are followed.
const MOST_REDIRECTS: u32 = 5;

/// The bytes that are read, or passed on, at a time.
pub(super) const CHUNK: usize = 64 * 1024;

/// A creation is not sent over a connection that was idle for longer: the
/// service might be closing it, and a creation cannot simply be repeated.
const FRESH_CONNECTION: Duration = Duration::from_secs(4);

/// What the configured time-out of a request limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeoutScope {
    /// The request with its whole response.
    Total,
    /// The time without a byte, since the whole may be of any length.
    Idle,
}

/// One try of a request, with the redirects that it meets.
pub(super) struct Attempt<'a> {
    pub(super) http: &'a Http,
    pub(super) context: &'a dyn CallContext,
    pub(super) request: &'a Request,
    pub(super) timeout_scope: TimeoutScope,
    pub(super) number: u32,
    /// What the first hop carries.
    pub(super) authorization: Option<&'a Authorization>,
}

impl Attempt<'_> {
    pub(super) fn run<T>(
        &self,
        mut uri: Uri,
        upload: &mut Option<Upload<'_>>,
        read: &mut dyn FnMut(ResponseHead, Body) -> std::result::Result<T, Failure>,
    ) -> std::result::Result<T, Failure> {
        let mut carried = self.authorization;
        let mut redirects = 0;
        loop {
            let (head, body) = self.once(&uri, carried, upload)?;
            if (200..300).contains(&head.status) {
                head.reject_unknown_coding().map_err(Failure::last)?;
                return read(head, body);
            }
            let is_redirect = matches!(head.status, 301 | 302 | 303 | 307 | 308);
            if is_redirect && !self.request.follows_redirects {
                return read(head, body);
            }
            let location = head.header("location").filter(|_| is_redirect);
            let Some(location) = location else {
                return Err(self.rejected(&head, body));
            };
            redirects += 1;
            if redirects > MOST_REDIRECTS {
                return Err(Failure::last(head.invalid("it redirects without end")));
            }
            let target = redirect(&uri, location, carried.is_some()).map_err(Failure::last)?;
            let is_read = matches!(self.request.method, Method::GET | Method::HEAD);
            uri = match target {
                Redirect::WithCredential(target) if is_read => target,
                // These two promise that nothing was done, and ask for the same again.
                Redirect::WithCredential(target)
                    if matches!(head.status, 307 | 308) && upload.is_none() =>
                {
                    target
                }
                Redirect::WithoutCredential(target) if is_read => {
                    carried = None;
                    target
                }
                Redirect::WithCredential(target) | Redirect::WithoutCredential(target) => {
                    return Err(Failure::last(change_redirected(&head, &target)));
                }
            };
            check(self.context).map_err(Failure::last)?;
        }
    }

    /// What this try carries that must not be shown.
    fn secrets(&self, authorization: Option<&Authorization>) -> Secrets {
        let carried = authorization
            .into_iter()
            .flat_map(|authorization| [&authorization.header, &authorization.token])
            .flatten();
        Secrets::new(carried.chain(&self.request.secrets))
    }

    fn rejected(&self, head: &ResponseHead, body: Body) -> Failure {
        // Whatever cannot be read of an error's body is not needed.
        let mut bytes = Vec::new();
        let _ = body
            .into_reader()
            .take(self.http.limits().error_bytes)
            .read_to_end(&mut bytes);
        from_response(head, &bytes, self.request.quotes_errors)
    }

    /// Sends the request once and reads the beginning of the response.
    fn once(
        &self,
        uri: &Uri,
        authorization: Option<&Authorization>,
        upload: &mut Option<Upload<'_>>,
    ) -> std::result::Result<(ResponseHead, Body), Failure> {
        let begun = Instant::now();
        self.http.gate().count_request();
        let outcome = self.transmit(uri, authorization, upload);
        let outcome = match outcome {
            Ok(response) => {
                let (parts, body) = response.into_parts();
                let head = ResponseHead {
                    method: self.request.method.clone(),
                    uri: uri.clone(),
                    status: parts.status.as_u16(),
                    headers: parts.headers,
                    // What one hop got, a later one may echo.
                    secrets: self.secrets(self.authorization),
                };
                let limits = self.http.limits();
                if self.http.may_carry(uri) {
                    self.http.gate().observe(
                        Instant::now(),
                        head.status,
                        &head,
                        limits.first_pause,
                    );
                }
                Ok((head, body))
            }
            Err(error) => {
                let request = format!("{} {}", self.request.method, uri.path());
                let secrets = self.secrets(self.authorization);
                Err(self
                    .http
                    .connection_failure(error, &request, uri, &secrets, self.context))
            }
        };
        self.log(uri, begun, &outcome);
        outcome
    }

    fn transmit(
        &self,
        uri: &Uri,
        authorization: Option<&Authorization>,
        upload: &mut Option<Upload<'_>>,
    ) -> std::result::Result<ureq::http::Response<Body>, ureq::Error> {
        let mut builder = ureq::http::Request::builder()
            .method(self.request.method.clone())
            .uri(uri.clone())
            .header(header::ACCEPT, self.request.accept);
        let secret = authorization.and_then(|authorization| authorization.header.as_ref());
        if let Some(secret) = secret {
            let mut value = HeaderValue::from_str(secret.expose())
                .map_err(|error| ureq::Error::Http(ureq::http::Error::from(error)))?;
            value.set_sensitive(true);
            builder = builder.header(header::AUTHORIZATION, value);
        }
        let body = match (upload.as_mut(), &self.request.body) {
            (Some(upload), _) => {
                builder = builder.header(header::CONTENT_TYPE, &upload.content_type);
                if let Some(length) = upload.length {
                    builder = builder.header(header::CONTENT_LENGTH, length);
                }
                return self.call(builder.body(SendBody::from_reader(upload.reader))?);
            }
            (None, Some(body)) => {
                builder = builder.header(header::CONTENT_TYPE, &body.content_type);
                Some(body.bytes.as_slice())
            }
            (None, None) if matches!(self.request.method, Method::POST | Method::PUT) => {
                Some([].as_slice())
            }
            (None, None) => None,
        };
        match body {
            Some(bytes) => self.call(builder.body(bytes)?),
            None => self.call(builder.body(())?),
        }
    }

    fn call(
        &self,
        request: ureq::http::Request<impl ureq::AsSendBody>,
    ) -> std::result::Result<ureq::http::Response<Body>, ureq::Error> {
        let limits = self.http.limits();
        let proxy = self.http.proxy_for(request.uri()).cloned();
        let left = self.context.time_left();
        let whole = match self.timeout_scope {
            TimeoutScope::Idle => left,
            TimeoutScope::Total => Some(left.map_or(limits.request_timeout, |left| {
                left.min(limits.request_timeout)
            })),
        };
        let mut configured = self
            .http
            .agent()
            .configure_request(request)
            .proxy(proxy)
            .timeout_global(whole)
            .timeout_per_read(Some(limits.request_timeout))
            .timeout_per_write(Some(limits.request_timeout));
        if self.request.idempotency == Idempotency::NotIdempotent {
            configured = configured.max_idle_age(FRESH_CONNECTION);
        }
        self.http.agent().run(configured.build())
    }

    fn log(
        &self,
        uri: &Uri,
        begun: Instant,
        outcome: &std::result::Result<(ResponseHead, Body), Failure>,
    ) {
        let (level, result) = match outcome {
            Ok((head, _)) if head.status < 400 => (LogLevel::TRACE, head.status.to_string()),
            Ok((head, _)) => (LogLevel::DEBUG, head.status.to_string()),
            Err(failure) => (LogLevel::DEBUG, failure.error.kind.to_string()),
        };
        let log = self.http.log();
        if !log.is_enabled(level) {
            return;
        }
        let mut fields = Extra::from([
            ("method", self.request.method.to_string()),
            (
                "url",
                self.secrets(self.authorization)
                    .clean(&redact::address(uri)),
            ),
            ("status", result),
            ("ms", begun.elapsed().as_millis().to_string()),
            ("attempt", self.number.to_string()),
            ("call", self.context.request_id()),
        ]);
        if let Some(id) = outcome
            .as_ref()
            .ok()
            .and_then(|(head, _)| head.request_id())
        {
            fields.insert("service_request_id", id);
        }
        log.line(level, "http", "request", fields);
    }
}

impl Http {
    /// Reads a response to its end, within a limit in bytes.
    pub(super) fn read_whole(
        &self,
        context: &dyn CallContext,
        head: &ResponseHead,
        body: Body,
    ) -> std::result::Result<Vec<u8>, Failure> {
        let limit = self.limits().json_bytes;
        // The length is the service's word: believed for a sensible buffer only.
        let expected = body.content_length().unwrap_or(0).min(limit).min(1 << 20);
        let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0));
        let mut reader = body.into_reader();
        loop {
            check(context).map_err(Failure::last)?;
            let read = reader
                .by_ref()
                .take(CHUNK as u64)
                .read_to_end(&mut bytes)
                .map_err(|error| self.broken(error, head, context))?;
            if bytes.len() as u64 > limit {
                return Err(Failure::last(head.invalid(format!(
                    "it is longer than {limit} bytes (maxBodyBytes)"
                ))));
            }
            if read == 0 {
                return Ok(bytes);
            }
        }
    }

    /// The failure of a response that breaks off.
    pub(super) fn broken(
        &self,
        error: std::io::Error,
        head: &ResponseHead,
        context: &dyn CallContext,
    ) -> Failure {
        let error = ureq::Error::from(error);
        self.connection_failure(error, &head.request(), &head.uri, &head.secrets, context)
    }

    fn connection_failure(
        &self,
        error: ureq::Error,
        request: &str,
        uri: &Uri,
        secrets: &Secrets,
        context: &dyn CallContext,
    ) -> Failure {
        let path = ConnectionPath {
            request,
            host: uri.host().unwrap_or("?"),
            proxy: self.proxy_setting(uri),
        };
        let mut failure = from_transport(error, &path, context);
        failure.error.message = secrets.clean(&failure.error.message);
        failure
    }
}
