//! Arguments of `engine grants`.

use super::{DirectoryArguments, FormArguments};
use clap::{Args, Subcommand};

/// What projects have consented to.
#[derive(Args, Debug)]
pub struct GrantsArguments {
    /// Where the configuration is.
    #[command(flatten)]
    pub directory: DirectoryArguments,
    /// The form of what is printed.
    #[command(flatten)]
    pub form: FormArguments,
    /// What to do.
    #[command(subcommand)]
    pub command: GrantsCommand,
}

/// What to do with grants.
#[derive(Subcommand, Debug)]
pub enum GrantsCommand {
    /// List the grants that projects hold, without their tokens
    List,
    /// Take a project's grant for a server away and wipe it from the store
    Revoke {
        /// The project's key.
        project: String,
        /// The server's name in the configuration.
        server: String,
    },
}
