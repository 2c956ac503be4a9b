//! Why a provider was not put into service.

use crate::loader::LoadError;
use std::fmt;
use std::time::Duration;
use vcs_provider_interface::error::{ErrorKind, VcsError};

/// A swap that did not happen. What served before goes on serving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SwapError {
    /// The plugin was rejected.
    Load(LoadError),
    /// The provider did not make a server of this configuration.
    Constructor {
        /// The name of the server.
        server: String,
        /// Its answer.
        error: VcsError,
    },
    /// The provider took too long to make a server.
    ConstructorTimedOut {
        /// The name of the server.
        server: String,
        /// How long it had.
        limit: Duration,
    },
    /// The new server did not pass the probe.
    Probe {
        /// The name of the server.
        server: String,
        /// Its answer.
        error: VcsError,
    },
    /// The new server took too long to answer the probe.
    ProbeTimedOut {
        /// The name of the server.
        server: String,
        /// How long it had.
        limit: Duration,
    },
    /// Too many old generations still have calls that do not end.
    TooManyDraining {
        /// The name of the server.
        server: String,
        /// How many there are.
        draining: usize,
    },
    /// The server has no process of its own.
    Isolation {
        /// The name of the server.
        server: String,
        /// What happened.
        reason: String,
    },
    /// The host stops.
    Stopping,
    /// There is no server of this name.
    UnknownServer(String),
    /// No plugin of this provider type was loaded.
    UnknownType(String),
    /// There is no earlier plugin of this provider type to go back to.
    NoPrevious(String),
}

impl SwapError {
    /// The stable code; that of the [`LoadError`] for rejected plugins.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Load(error) => error.code(),
            Self::Constructor { .. } => "constructor_failed",
            Self::ConstructorTimedOut { .. } => "constructor_timed_out",
            Self::Probe { .. } => "probe_failed",
            Self::ProbeTimedOut { .. } => "probe_timed_out",
            Self::TooManyDraining { .. } => "too_many_draining",
            Self::Isolation { .. } => "isolation_failed",
            Self::Stopping => "stopping",
            Self::UnknownServer(_) => "unknown_server",
            Self::UnknownType(_) => "unknown_type",
            Self::NoPrevious(_) => "no_previous",
        }
    }
}

impl From<LoadError> for SwapError {
    fn from(error: LoadError) -> Self {
        Self::Load(error)
    }
}

impl fmt::Display for SwapError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load(error) => error.fmt(formatter),
            Self::Constructor { server, error } => {
                write!(
                    formatter,
                    "server {server}: its provider did not start: {error}"
                )
            }
            Self::ConstructorTimedOut { server, limit } => write!(
                formatter,
                "server {server}: its provider did not start: expected within {limit:?}, found no answer"
            ),
            Self::Probe { server, error } => {
                write!(
                    formatter,
                    "server {server}: its provider failed the probe: {error}"
                )
            }
            Self::ProbeTimedOut { server, limit } => write!(
                formatter,
                "server {server}: its provider failed the probe: expected an answer within {limit:?}, found none"
            ),
            Self::TooManyDraining { server, draining } => write!(
                formatter,
                "server {server}: {draining} old generations have calls that do not end; restart the engine"
            ),
            Self::Isolation { server, reason } => {
                write!(
                    formatter,
                    "server {server}: it gets no process of its own: {reason}"
                )
            }
            Self::Stopping => formatter.write_str("the host stops"),
            Self::UnknownServer(server) => write!(formatter, "there is no server {server}"),
            Self::UnknownType(provider_type) => {
                write!(formatter, "no plugin of type {provider_type} is loaded")
            }
            Self::NoPrevious(provider_type) => write!(
                formatter,
                "there is no earlier plugin of type {provider_type} to go back to"
            ),
        }
    }
}

impl std::error::Error for SwapError {}

/// The error of a call to a server that has no provider.
pub(super) fn no_provider(server: &str, provider_type: &str) -> VcsError {
    VcsError::new(
        ErrorKind::UNAVAILABLE,
        format!("server {server} has no provider: no plugin of type {provider_type} is in service"),
    )
}
