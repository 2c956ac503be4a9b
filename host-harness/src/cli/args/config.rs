//! Arguments of `engine config`.

use super::DirectoryArguments;
use clap::{Args, Subcommand};

/// Work with configurations.
#[derive(Args, Debug)]
pub struct ConfigArguments {
    /// Where the configuration and the plugins are.
    #[command(flatten)]
    pub directory: DirectoryArguments,
    /// What to do.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What to do with configurations.
#[derive(Subcommand, Debug)]
pub enum ConfigCommand {
    /// Print a commented configuration to begin with
    Sample,
    /// Check a configuration: keys, secrets, addresses, plugins, connections
    Check {
        /// Ask no service.
        #[arg(long)]
        offline: bool,
    },
}
