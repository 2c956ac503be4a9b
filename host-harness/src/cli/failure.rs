//! Why a command failed, in the form that is reported.

use super::exit::{self, Exit};
use serde_json::{Map, Value, json};
use std::fmt;
use std::path::Path;
use vcs_engine::config::ConfigError;
use vcs_plugin_host::loader::LoadError;
use vcs_provider_interface::error::VcsError;

/// A command's failure.
#[derive(Debug)]
pub(super) struct Failure {
    exit: Exit,
    message: String,
    facts: Map<String, Value>,
    advice: Option<String>,
    is_broken_pipe: bool,
}

impl Failure {
    /// A failure with this exit code.
    pub(super) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            facts: Map::new(),
            advice: None,
            is_broken_pipe: false,
        }
    }

    /// Arguments that clap cannot see are wrong.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::new(exit::USAGE, message)
    }

    /// A file cannot be read or written.
    pub(super) fn file(path: &Path, error: &std::io::Error) -> Self {
        Self::new(exit::FAILURE, format!("{}: {error}", path.display()))
    }

    /// Standard output cannot be written; that nobody reads it is no failure.
    pub(super) fn standard_output(error: &std::io::Error) -> Self {
        Self {
            is_broken_pipe: error.kind() == std::io::ErrorKind::BrokenPipe,
            ..Self::new(exit::FAILURE, format!("standard output: {error}"))
        }
    }

    /// The same failure with words before its message.
    pub(super) fn in_context(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// The same failure with one more fact for scripts.
    pub(super) fn with_fact(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.facts.insert(name.to_owned(), value.into());
        self
    }

    /// The same failure with this way out in place of the one of its kind.
    pub(super) fn with_advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    pub(super) fn exit(&self) -> Exit {
        self.exit
    }

    /// Whether the reader of standard output has gone.
    pub(super) fn is_broken_pipe(&self) -> bool {
        self.is_broken_pipe
    }

    /// What to do about it.
    pub(super) fn advice(&self) -> Option<&str> {
        self.advice.as_deref().or_else(|| self.advice_of_kind())
    }

    /// What to do about it, where the kind alone says something.
    fn advice_of_kind(&self) -> Option<&'static str> {
        Some(match self.exit {
            exit::UNAUTHENTICATED => {
                "check the configured credential, or make a new token; `engine vcs check-connection` shows whose it is"
            }
            exit::PERMISSION_DENIED => {
                "`engine vcs check-connection` shows which scopes the credential lacks"
            }
            exit::NOT_FOUND => {
                "check the name, and what the credential sees: `engine vcs check-connection WS/SLUG`"
            }
            exit::RATE_LIMITED => "wait, then try again",
            exit::UNAVAILABLE => {
                "check the network, and the configured addresses and proxy; then try again"
            }
            exit::TIMEOUT => "try again, or allow more time with --timeout",
            exit::INVALID_RESPONSE => {
                "check that the configured addresses lead to the service, and not to a login page or a proxy's own page"
            }
            _ => return None,
        })
    }

    /// The JSON document of the failure.
    pub(super) fn document(&self) -> Value {
        let mut error = json!({
            "kind": self.exit.kind,
            "message": self.message,
            "exit_code": self.exit.code,
        });
        if let Value::Object(error) = &mut error {
            if let Some(advice) = self.advice() {
                error.insert("advice".to_owned(), advice.into());
            }
            error.extend(self.facts.clone());
        }
        json!({ "error": error })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl From<VcsError> for Failure {
    fn from(error: VcsError) -> Self {
        let mut failure = Self::new(exit::of_kind(error.kind), error.message);
        let mut fact = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                failure.facts.insert(name.to_owned(), value);
            }
        };
        fact("http_status", error.http_status.map(Value::from));
        fact("retryable", Some(error.retryable.into()));
        fact("retry_after_ms", error.retry_after_ms.map(Value::from));
        fact(
            "service_request_id",
            error.service_request_id.map(Value::from),
        );
        let extra: Map<String, Value> = error
            .extra
            .into_iter()
            .map(|(key, value)| (key, value.into()))
            .collect();
        fact("extra", (!extra.is_empty()).then_some(Value::Object(extra)));
        failure
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(exit::CONFIG, error.to_string())
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        Self::new(exit::of_step(error.step()), error.to_string())
            .with_fact("step", error.step().name())
            .with_fact("code", error.code())
    }
}
