//! The log: standard error, as much of it as the arguments ask for.

use super::args::GlobalArguments;
use anstream::{AutoStream, ColorChoice};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Starts the log, at this level unless the arguments name another, and settles
/// for the process whether there are colours.
pub(super) fn start(arguments: &GlobalArguments, level: LevelFilter) {
    arguments.color.write_global();
    let filter = EnvFilter::builder()
        .with_default_directive(level.into())
        .parse_lossy(arguments.log_level.as_deref().unwrap_or_default());
    let has_colours = AutoStream::choice(&std::io::stderr()) != ColorChoice::Never;
    // A log that was started before, by a host that embeds the command, stays.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(has_colours)
        .try_init();
}
