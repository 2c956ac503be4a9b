//! The one place where connections that fail become errors.
//!
//! Every message says who is to be looked at: the service, its certificate, or
//! the proxy on the way to it.

use super::error::Failure;
use super::redact::sentence;
use super::retry::RetryClass;
use std::io;
use std::time::Duration;
use vcs_provider_interface::prelude::*;

/// What is said of a connection that fails.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConnectionPath<'a> {
    /// Method and path of the request.
    pub(super) request: &'a str,
    /// The host that was asked.
    pub(super) host: &'a str,
    /// Where the proxy is set that the connection goes through, if it does.
    pub(super) proxy: Option<&'static str>,
}

impl ConnectionPath<'_> {
    fn failure(&self, kind: ErrorKind, class: RetryClass, why: &str) -> Failure {
        let mut message = format!("{}: {why}", self.request);
        if let Some(proxy) = self.proxy {
            message.push_str(&format!(
                "; the connection goes through a proxy, check {proxy}"
            ));
        }
        let mut error = VcsError::new(kind, message);
        if class == RetryClass::Final {
            error = error.with_retryable(false);
        }
        Failure { error, class }
    }

    fn unavailable(&self, class: RetryClass, why: &str) -> Failure {
        self.failure(ErrorKind::UNAVAILABLE, class, why)
    }

    fn invalid(&self, why: &str) -> Failure {
        self.failure(ErrorKind::INVALID_RESPONSE, RetryClass::Final, why)
    }

    fn closed_early(&self) -> Failure {
        let why = format!(
            "{} closed the connection before the response was whole",
            self.host
        );
        self.unavailable(RetryClass::ConnectionLost, &why)
    }

    fn untrusted(&self, reason: &str) -> Failure {
        let reason = sentence(reason, []);
        let why = format!(
            "no trusted connection to {} ({reason}); if the address is right, the authority of \
             its certificate may be one that `caFile` has to name",
            self.host
        );
        self.unavailable(RetryClass::Final, &why)
    }
}

/// The error of a request that got no whole response.
pub(super) fn from_transport(
    error: ureq::Error,
    path: &ConnectionPath<'_>,
    context: &dyn CallContext,
) -> Failure {
    let host = path.host;
    match &error {
        ureq::Error::Timeout(_) if context.time_left() == Some(Duration::ZERO) => {
            let message = format!("{}: the call's deadline passed", path.request);
            Failure::last(VcsError::new(ErrorKind::TIMEOUT, message))
        }
        ureq::Error::Timeout(phase @ (ureq::Timeout::Resolve | ureq::Timeout::Connect)) => {
            let why =
                format!("no connection to {host} in time (phase: {phase}; connectTimeoutSeconds)");
            path.unavailable(RetryClass::NotSent, &why)
        }
        ureq::Error::Timeout(phase) => {
            let why =
                format!("{host} did not respond in time (phase: {phase}; requestTimeoutSeconds)");
            path.unavailable(RetryClass::ConnectionLost, &why)
        }
        ureq::Error::HostNotFound => {
            let whose = if path.proxy.is_some() {
                "the host of the proxy".to_owned()
            } else {
                format!("the host {host}")
            };
            let why = format!("{whose} is not known here; check the address and the name service");
            path.unavailable(RetryClass::NotSent, &why)
        }
        ureq::Error::ConnectionFailed => {
            path.unavailable(RetryClass::NotSent, &format!("no connection to {host}"))
        }
        ureq::Error::ConnectProxyFailed(reason) => rejected_by_proxy(path, reason),
        ureq::Error::InvalidProxyUrl => {
            path.unavailable(RetryClass::Final, "the proxy's address cannot be used")
        }
        ureq::Error::Io(error) => from_io(error, path),
        ureq::Error::Rustls(error) => path.untrusted(&error.to_string()),
        ureq::Error::Tls(reason) => path.untrusted(reason),
        ureq::Error::TlsRequired => path.untrusted("TLS is required"),
        ureq::Error::Decompress(_, error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            path.closed_early()
        }
        ureq::Error::Decompress(..) => path.invalid("the response's compression is broken"),
        ureq::Error::LargeResponseHeader(..) => path.invalid("the response's headers are too long"),
        ureq::Error::Protocol(_) | ureq::Error::BodyStalled => {
            path.invalid(&format!("{host} does not speak HTTP; check the address"))
        }
        ureq::Error::Http(_) | ureq::Error::BadUri(_) => Failure::last(VcsError::new(
            ErrorKind::INVALID_INPUT,
            format!("{}: the request has no valid form", path.request),
        )),
        _ => Failure::last(VcsError::new(
            ErrorKind::INTERNAL,
            format!("{}: the HTTP client failed", path.request),
        )),
    }
}

/// The error of a proxy that made no tunnel. `reason` is the HTTP client's; only
/// the status in it is shown.
fn rejected_by_proxy(path: &ConnectionPath<'_>, reason: &str) -> Failure {
    let status = reason
        .split(|character: char| !character.is_ascii_digit())
        .find_map(|digits| digits.parse::<u16>().ok())
        .filter(|status| (100..600).contains(status));
    let (class, why) = match status {
        Some(407) => (
            RetryClass::Final,
            "the proxy wants a user and a password, or others than it got (HTTP 407)".to_owned(),
        ),
        Some(status @ 400..=499) => (
            RetryClass::Final,
            format!(
                "the proxy does not allow a connection to {} (HTTP {status})",
                path.host
            ),
        ),
        Some(status) => (
            RetryClass::NotSent,
            format!(
                "the proxy makes no connection to {} (HTTP {status})",
                path.host
            ),
        ),
        None => (
            RetryClass::NotSent,
            format!("the proxy makes no connection to {}", path.host),
        ),
    };
    path.unavailable(class, &why)
}

fn from_io(error: &io::Error, path: &ConnectionPath<'_>) -> Failure {
    if let Some(reason) = tls_reason(ureq::Error::Rustls, error) {
        return path.untrusted(&reason);
    }
    let host = path.host;
    match error.kind() {
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::AddrNotAvailable
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable => {
            let whom = if path.proxy.is_some() {
                "the proxy"
            } else {
                host
            };
            path.unavailable(RetryClass::NotSent, &format!("no connection to {whom}"))
        }
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => path.closed_early(),
        kind => {
            // What a SOCKS proxy rejects is told in words of the HTTP client.
            let reason = match error.get_ref() {
                Some(words) if path.proxy.is_some() => sentence(&words.to_string(), []),
                _ => kind.to_string(),
            };
            let why = format!("the connection to {host} broke ({reason})");
            path.unavailable(RetryClass::ConnectionLost, &why)
        }
    }
}

/// What the TLS library rejects arrives within an error of input and output.
/// Its type is known by the variant of the HTTP client that holds it.
fn tls_reason<E: std::error::Error + 'static>(
    _: fn(E) -> ureq::Error,
    error: &io::Error,
) -> Option<String> {
    error
        .get_ref()?
        .downcast_ref::<E>()
        .map(ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vcs_provider_interface::context::HostCallContext;

    const WAY: ConnectionPath<'_> = ConnectionPath {
        request: "GET /2.0/user",
        host: "api.bitbucket.org",
        proxy: Some("`proxy`"),
    };

    fn failure(error: ureq::Error) -> Failure {
        from_transport(error, &WAY, &HostCallContext::new("test"))
    }

    #[test]
    fn a_proxys_rejection_is_told_by_its_status_and_without_its_words() {
        for (reason, class, shown) in [
            (
                "proxy server responded 407/407",
                RetryClass::Final,
                "(HTTP 407)",
            ),
            (
                "proxy server responded 403/403",
                RetryClass::Final,
                "(HTTP 403)",
            ),
            (
                "proxy server responded 502/502",
                RetryClass::NotSent,
                "(HTTP 502)",
            ),
            (
                "proxy server did not respond",
                RetryClass::NotSent,
                "`proxy`",
            ),
            ("secret 70000", RetryClass::NotSent, "`proxy`"),
        ] {
            let failure = failure(ureq::Error::ConnectProxyFailed(reason.to_owned()));
            let message = &failure.error.message;
            assert_eq!(failure.class, class, "{message}");
            assert_eq!(failure.error.kind, ErrorKind::UNAVAILABLE);
            assert_eq!(failure.error.retryable, class != RetryClass::Final);
            assert!(message.contains(shown), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }

    #[test]
    fn a_deadline_is_nobodys_fault() {
        let context = HostCallContext::new("test").with_time_limit(Duration::ZERO);
        let error = ureq::Error::Timeout(ureq::Timeout::Connect);
        let failure = from_transport(error, &WAY, &context);
        assert_eq!(failure.error.kind, ErrorKind::TIMEOUT);
        assert!(!failure.error.message.contains("proxy"));
    }
}
