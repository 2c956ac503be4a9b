//! The log: standard error, as much of it as the arguments ask for.
//!
//! A line that cannot be written is lost; it never fails, ends or
//! holds up the work that it is about. Services hand their lines to a thread with a
//! bounded queue, because a reader that stopped reading would otherwise block every
//! task that logs. Other commands write at once, so that a line stands before the
//! message that ends the command.

use super::args::{GlobalArguments, LogFormat};
use anstream::{AutoStream, ColorChoice};
use std::io::{self, Write};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait for the writing thread; further ones are lost.
const QUEUED_LINES: usize = 8192;

/// How lines get to standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// At once, by the thread that logs.
    Direct,
    /// By a thread of its own; the work never waits for the reader.
    Queued,
}

/// The started log. Dropping it writes what is queued, for a bounded time.
pub(super) struct Log {
    _writer: Option<WorkerGuard>,
}

/// Starts the log, at this level unless the arguments name another, and settles
/// for the process whether there are colours.
pub(super) fn start(arguments: &GlobalArguments, level: LevelFilter, delivery: Delivery) -> Log {
    arguments.color.write_global();
    let filter = filter(arguments.log_level.as_deref(), level);
    match delivery {
        Delivery::Direct => {
            install(arguments, filter, || StandardError);
            Log { _writer: None }
        }
        Delivery::Queued => {
            let (writer, guard) = NonBlockingBuilder::default()
                .buffered_lines_limit(QUEUED_LINES)
                .lossy(true)
                .thread_name("log")
                .finish(StandardError);
            install(arguments, filter, writer);
            Log {
                _writer: Some(guard),
            }
        }
    }
}

/// The targets of the engine's own lines; those of libraries stay at warnings
/// unless a directive names them.
const OWN_TARGETS: [&str; 7] = [
    "engine",
    "host_harness",
    "mock_bitbucket",
    "provider",
    "vcs_conformance",
    "vcs_engine",
    "vcs_plugin_host",
];

/// What goes to the log: a level alone is one for the engine's own targets.
fn filter(asked: Option<&str>, level: LevelFilter) -> EnvFilter {
    let asked = asked.unwrap_or_default().trim();
    let mut own = level;
    let mut others = Vec::new();
    for directive in asked
        .split(',')
        .map(str::trim)
        .filter(|one| !one.is_empty())
    {
        match directive.parse::<LevelFilter>() {
            Ok(level) => own = level,
            Err(_) => others.push(directive.to_owned()),
        }
    }
    let mut directives = vec![own.min(LevelFilter::WARN).to_string()];
    directives.extend(OWN_TARGETS.map(|target| format!("{target}={own}")));
    directives.extend(others);
    EnvFilter::builder().parse_lossy(directives.join(","))
}

fn install<W>(arguments: &GlobalArguments, filter: EnvFilter, writer: W)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let has_colours = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(has_colours)
        // Complaining about standard error on standard error would panic.
        .log_internal_errors(false);
    // A log that was started before, by a host that embeds the command, stays.
    let _ = match arguments.log_format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
}

/// Standard error that cannot fail: what it does not take is counted.
struct StandardError;

impl Write for StandardError {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // Lost, where it cannot be written.
        let _ = io::stderr().lock().write_all(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_alone_is_for_the_engine_and_libraries_stay_quiet() {
        let shown = filter(Some("trace"), LevelFilter::INFO).to_string();
        assert!(shown.contains("vcs_engine=trace"), "{shown}");
        assert!(shown.split(',').any(|one| one == "warn"), "{shown}");
        let named = filter(Some("warn,notify=debug"), LevelFilter::INFO).to_string();
        assert!(named.contains("notify=debug"), "{named}");
        assert!(named.contains("vcs_engine=warn"), "{named}");
        let off = filter(Some("off"), LevelFilter::INFO).to_string();
        assert!(off.contains("vcs_engine=off"), "{off}");
    }
}
