//! The provider's voice in the host's log. Knows nothing of what is logged;
//! whoever calls it has taken the secrets out.

use std::sync::Arc;
use vcs_provider_interface::prelude::*;

/// Writes lines to the host's log.
#[derive(Clone)]
pub(crate) struct Log(Arc<dyn HostServices>);

impl Log {
    pub(crate) fn new(host: Arc<dyn HostServices>) -> Self {
        Self(host)
    }

    /// The host behind the log, which also keeps the grants.
    pub(crate) fn host(&self) -> Arc<dyn HostServices> {
        Arc::clone(&self.0)
    }

    /// Whether lines of this level are kept, so that costly ones need not be made.
    pub(crate) fn is_enabled(&self, level: LogLevel) -> bool {
        self.0.is_log_enabled(level)
    }

    /// Writes a line. `target` says which part of the provider speaks.
    pub(crate) fn line(
        &self,
        level: LogLevel,
        target: &str,
        message: impl Into<String>,
        fields: Extra,
    ) {
        if self.is_enabled(level) {
            self.0.log(LogRecord {
                level,
                target: target.to_owned(),
                message: message.into(),
                fields,
                ..Default::default()
            });
        }
    }

    pub(crate) fn info(&self, target: &str, message: impl Into<String>) {
        self.line(LogLevel::INFO, target, message, Extra::new());
    }

    pub(crate) fn warn(&self, target: &str, message: impl Into<String>) {
        self.line(LogLevel::WARN, target, message, Extra::new());
    }
}
