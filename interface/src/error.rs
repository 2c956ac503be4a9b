//! What can go wrong, in terms that a host can act on.

use crate::abi::record;
use crate::open_enum::open_enum;
use crate::records::{Extra, keys};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

open_enum! {
    /// What went wrong, by meaning and not by HTTP status.
    pub enum ErrorKind {
        /// The caller's arguments cannot be used; nothing was sent.
        INVALID_INPUT = 1 => "InvalidInput",
        /// The configuration is wrong; the message names the key.
        CONFIG = 2 => "Config",
        /// The service does not accept the credential.
        UNAUTHENTICATED = 3 => "Unauthenticated",
        /// The credential is valid but may not do this.
        PERMISSION_DENIED = 4 => "PermissionDenied",
        /// It does not exist, or the credential may not see it.
        NOT_FOUND = 5 => "NotFound",
        /// It is there already and was left as it is.
        ALREADY_EXISTS = 6 => "AlreadyExists",
        /// The state of the service changed under the call, such as a ref that moved.
        CONFLICT = 7 => "Conflict",
        /// Too many requests; see the error's `retry_after`.
        RATE_LIMITED = 8 => "RateLimited",
        /// The service cannot be reached or cannot answer now.
        UNAVAILABLE = 9 => "Unavailable",
        /// The call's deadline passed.
        TIMEOUT = 10 => "Timeout",
        /// The caller cancelled.
        CANCELLED = 11 => "Cancelled",
        /// This provider cannot do this; its capabilities say so.
        UNSUPPORTED = 12 => "Unsupported",
        /// The service has removed the operation.
        ENDPOINT_REMOVED = 13 => "EndpointRemoved",
        /// The answer is not what the service promises.
        INVALID_RESPONSE = 14 => "InvalidResponse",
        /// A defect of the provider, such as a caught panic.
        INTERNAL = 15 => "Internal",
    }
}

record! {
    /// An error as every method of a provider returns it.
    ///
    /// It holds no secret and no body that is not the service's own error
    /// message: it may be logged and shown. Its `extra` holds facts that a host
    /// can act on, such as [`keys::SCOPES_ACCEPTED`].
    pub struct VcsError / VcsErrorAbi {
        /// What went wrong.
        pub kind: ErrorKind,
        /// One or more sentences for a person: what happened and what to do.
        pub message: String,
        /// The HTTP status of the service's answer, if there was one.
        pub http_status: Option<u16>,
        /// Whether the same call may succeed later without a change.
        pub retryable: bool,
        /// How long the service asked to wait, in milliseconds.
        pub retry_after_ms: Option<u64>,
        /// The service's own number for the request, for its support.
        pub service_request_id: Option<String>,
    }
}

/// The result of every method of a provider.
pub type Result<T> = std::result::Result<T, VcsError>;

/// Here, because records know no errors.
impl Extra {
    /// The value of a key as a number, flag or other type; `None` where there
    /// is no such key.
    ///
    /// # Errors
    /// `InvalidResponse`, with the key, for a value of another form.
    pub fn parse<T: FromStr>(&self, key: &str) -> Result<Option<T>>
    where
        T::Err: fmt::Display,
    {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        value.parse().map(Some).map_err(|error| {
            let message = format!("the extra fact `{key}` cannot be used: {error}");
            VcsError::new(ErrorKind::INVALID_RESPONSE, message)
        })
    }
}

impl VcsError {
    /// An error of this kind. It is retryable if its kind by nature is
    /// (`RateLimited`, `Unavailable`, `Timeout`).
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            http_status: None,
            retryable: matches!(
                kind,
                ErrorKind::RATE_LIMITED | ErrorKind::UNAVAILABLE | ErrorKind::TIMEOUT
            ),
            retry_after_ms: None,
            service_request_id: None,
            extra: Extra::new(),
        }
    }

    /// The error of a key of a server's configuration: the message begins with
    /// the key, and the key stands under [`keys::CONFIG_KEY`], so that the
    /// engine can say where in its file it is. `key` is the path from the
    /// server's table, such as `auth.token`; `why` quotes no secret.
    #[must_use]
    pub fn config(key: &str, why: impl fmt::Display) -> Self {
        Self::new(ErrorKind::CONFIG, format!("{key}: {why}")).with_extra(keys::CONFIG_KEY, key)
    }

    /// The error of a configuration that cannot be read at a place for which
    /// there is no key: `offset` counts bytes of the text that the provider was
    /// given. The line stands under [`keys::CONFIG_LINE`].
    #[must_use]
    pub fn config_text(text: &str, offset: usize, why: impl fmt::Display) -> Self {
        let before = text.as_bytes().get(..offset).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Self::new(ErrorKind::CONFIG, why.to_string())
            .with_extra(keys::CONFIG_LINE, line.to_string())
    }

    /// The key of the configuration that this error is about.
    #[must_use]
    pub fn config_key(&self) -> Option<&str> {
        self.extra.get(keys::CONFIG_KEY)
    }

    /// The line of the text that the provider was given, from 1.
    #[must_use]
    pub fn config_line(&self) -> Option<usize> {
        self.extra.get(keys::CONFIG_LINE)?.parse().ok()
    }

    /// The error of a method that the provider does not have.
    #[must_use]
    pub fn unsupported(method: &str) -> Self {
        Self::new(
            ErrorKind::UNSUPPORTED,
            format!("this provider does not support {method}"),
        )
    }

    /// The same error with the HTTP status of the answer.
    #[must_use]
    pub fn with_http_status(mut self, status: u16) -> Self {
        self.http_status = Some(status);
        self
    }

    /// The same error with the time to wait before another try.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after_ms = Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// The same error with the service's number for the request.
    #[must_use]
    pub fn with_service_request_id(mut self, id: impl Into<String>) -> Self {
        self.service_request_id = Some(id.into());
        self
    }

    /// The same error, marked as worth another try or not.
    #[must_use]
    pub fn with_retryable(mut self, retryable: bool) -> Self {
        self.retryable = retryable;
        self
    }

    /// The same error with one more fact.
    #[must_use]
    pub fn with_extra(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.extra.insert(key, value);
        self
    }

    /// The same error with words before its message that say what was tried.
    #[must_use]
    pub fn in_context(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// How long the service asked to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after_ms.map(Duration::from_millis)
    }
}

impl fmt::Display for VcsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.kind, self.message)?;
        if let Some(status) = self.http_status {
            write!(formatter, " (HTTP {status})")?;
        }
        if let Some(id) = &self.service_request_id {
            write!(formatter, " [request {id}]")?;
        }
        Ok(())
    }
}

impl std::error::Error for VcsError {}
