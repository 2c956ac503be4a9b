//! `engine action`: what a worker does with a repository.

use super::DirectoryArguments;
use super::vcs::ServerArguments;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What a worker does with a repository.
#[derive(Subcommand, Debug)]
pub enum ActionCommand {
    /// Check out a repository by its address
    GitClone {
        /// The clone address over HTTPS, without user name and password.
        url: String,
        /// The user name for git.
        #[arg(long, value_name = "NAME", requires = "token_env")]
        username: Option<String>,
        /// The environment variable that holds the password or token.
        #[arg(long, value_name = "NAME")]
        token_env: Option<String>,
        /// How long it may take.
        #[arg(
            long,
            value_name = "SECONDS",
            default_value_t = 3600,
            value_parser = clap::value_parser!(u64).range(1..)
        )]
        timeout: u64,
        /// What to check out, and how.
        #[command(flatten)]
        checkout: CheckoutArguments,
    },
    /// Check out a repository of a configured server, with the provider's credential
    CheckoutApplication {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// Where the configuration and the plugins are.
        #[command(flatten)]
        directory: DirectoryArguments,
        /// Which server, with which credential, for how long.
        #[command(flatten)]
        server: Box<ServerArguments>,
        /// What to check out, and how.
        #[command(flatten)]
        checkout: CheckoutArguments,
    },
}

/// What to check out, and how.
#[derive(Args, Debug)]
pub struct CheckoutArguments {
    /// The folder, absent or empty.
    #[arg(value_name = "DIR")]
    pub target: PathBuf,
    /// The branch; with --commit, where to look for it first. The main branch if
    /// nothing is named.
    #[arg(long, value_name = "NAME", conflicts_with = "tag")]
    pub branch: Option<String>,
    /// The tag.
    #[arg(long, value_name = "NAME", conflicts_with = "commit")]
    pub tag: Option<String>,
    /// The full hash of the commit.
    #[arg(long, value_name = "HASH")]
    pub commit: Option<String>,
    /// Only so many commits of history.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub depth: Option<u32>,
    /// Only this folder. May be repeated.
    #[arg(long = "sparse", value_name = "PATH")]
    pub sparse: Vec<String>,
    /// Fetch submodules as well. Those of other hosts get no credential.
    #[arg(long)]
    pub submodules: bool,
}
