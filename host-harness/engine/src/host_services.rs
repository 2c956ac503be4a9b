//! What the engine gives to providers: its log and its grant store.

use super::grants::GrantStore;
use std::sync::Arc;
use std::time::Duration;
use tracing::Level;
use vcs_provider_interface::error::{ErrorKind, Result, VcsError};
use vcs_provider_interface::records::{Extra, Grant};
use vcs_provider_interface::services::{HostServices, LogLevel, LogRecord};

/// The target of providers' lines in the engine's log.
pub const LOG_TARGET: &str = "provider";

/// The engine's services for the provider of one server.
pub struct EngineServices {
    server: String,
    grants: Option<Arc<GrantStore>>,
}

impl EngineServices {
    /// The services for the server of this name.
    #[must_use]
    pub fn new(server: impl Into<String>, grants: Arc<GrantStore>) -> Self {
        Self {
            server: server.into(),
            grants: Some(grants),
        }
    }

    /// The services of a single command, which opens no store: the log only.
    #[must_use]
    pub fn without_grants(server: impl Into<String>) -> Self {
        Self {
            server: server.into(),
            grants: None,
        }
    }

    fn grants(&self) -> Result<&GrantStore> {
        self.grants.as_deref().ok_or_else(|| {
            VcsError::new(
                ErrorKind::UNSUPPORTED,
                "this command has opened no grant store",
            )
        })
    }
}

/// The engine's level for a provider's; one from a newer interface is taken as
/// important, so that it is not lost.
fn level_of(level: LogLevel) -> Level {
    match level {
        LogLevel::ERROR => Level::ERROR,
        LogLevel::INFO => Level::INFO,
        LogLevel::DEBUG => Level::DEBUG,
        LogLevel::TRACE => Level::TRACE,
        _ => Level::WARN,
    }
}

fn facts(fields: &Extra) -> String {
    let facts: Vec<String> = fields
        .iter()
        .map(|(key, value)| format!("{key}={value:?}"))
        .collect();
    facts.join(" ")
}

/// Writes a line at a level that is only known now: the log's own macros want a
/// constant one.
macro_rules! write_line {
    ($level:expr, $($line:tt)*) => {
        match $level {
            Level::ERROR => tracing::event!(target: LOG_TARGET, Level::ERROR, $($line)*),
            Level::WARN => tracing::event!(target: LOG_TARGET, Level::WARN, $($line)*),
            Level::INFO => tracing::event!(target: LOG_TARGET, Level::INFO, $($line)*),
            Level::DEBUG => tracing::event!(target: LOG_TARGET, Level::DEBUG, $($line)*),
            Level::TRACE => tracing::event!(target: LOG_TARGET, Level::TRACE, $($line)*),
        }
    };
}

impl HostServices for EngineServices {
    fn log(&self, record: LogRecord) {
        let (server, part) = (&self.server, &record.target);
        let message = &record.message;
        if record.fields.is_empty() {
            write_line!(level_of(record.level), server, part, "{message}");
        } else {
            let facts = facts(&record.fields);
            write_line!(level_of(record.level), server, part, facts, "{message}");
        }
    }

    fn is_log_enabled(&self, level: LogLevel) -> bool {
        match level_of(level) {
            Level::ERROR => tracing::enabled!(target: LOG_TARGET, Level::ERROR),
            Level::WARN => tracing::enabled!(target: LOG_TARGET, Level::WARN),
            Level::INFO => tracing::enabled!(target: LOG_TARGET, Level::INFO),
            Level::DEBUG => tracing::enabled!(target: LOG_TARGET, Level::DEBUG),
            Level::TRACE => tracing::enabled!(target: LOG_TARGET, Level::TRACE),
        }
    }

    fn load_grant(&self, grant_id: &str) -> Result<Option<Grant>> {
        self.grants()?.load(grant_id)
    }

    fn store_grant(&self, grant_id: &str, grant: Grant) -> Result<()> {
        self.grants()?.store(grant_id, &grant)
    }

    fn lock_grant(&self, grant_id: &str, wait_ms: u64) -> Result<u64> {
        self.grants()?
            .lock(grant_id, Duration::from_millis(wait_ms))
    }

    fn unlock_grant(&self, grant_id: &str, lock: u64) {
        if let Some(grants) = &self.grants {
            grants.unlock(grant_id, lock);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grants::tests::grant_store;
    use std::io::Write;
    use std::sync::Mutex;
    use tracing_subscriber::fmt::MakeWriter;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn a_provider_s_line_appears_at_its_level_with_server_and_facts() {
        let (_directory, grants) = grant_store();
        let services = EngineServices::new("cloud", grants);
        let lines = Lines::default();
        let log = tracing_subscriber::fmt()
            .with_max_level(Level::INFO)
            .with_ansi(false)
            .with_writer(lines.clone())
            .finish();
        tracing::subscriber::with_default(log, || {
            assert!(services.is_log_enabled(LogLevel::WARN));
            assert!(!services.is_log_enabled(LogLevel::DEBUG));
            for level in [LogLevel::WARN, LogLevel::DEBUG] {
                services.log(LogRecord {
                    level,
                    target: "http".to_owned(),
                    message: format!("a line at {level}"),
                    fields: Extra::from([("status", "429")]),
                    ..Default::default()
                });
            }
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        for part in ["WARN provider", "a line at warn", "cloud", "http", "429"] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
    }
}
