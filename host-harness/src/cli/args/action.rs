//! `engine action`: what a worker does with a repository.

use super::vcs::ServerArguments;
use super::{DirectoryArguments, HiddenText};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// What a worker does with a repository.
#[derive(Subcommand, Debug)]
pub enum ActionCommand {
    /// Check out a repository by its address
    GitClone(Box<GitCloneArguments>),
    /// Check out an application, or a repository of a configured server, with the provider's credential
    CheckoutApplication(Box<CheckoutApplicationArguments>),
}

/// Check out a repository by its address.
#[derive(Args, Debug)]
pub struct GitCloneArguments {
    /// The clone address: https://…, ssh://… or user@host:path, without a password.
    pub url: String,
    /// The directory, absent or empty. The current one if it is left out.
    #[arg(value_name = "DIR", conflicts_with = "into")]
    pub target: Option<PathBuf>,
    /// The user name for HTTPS.
    #[arg(long, alias = "username", value_name = "NAME", requires = "secret")]
    pub user: Option<String>,
    /// Where the password or token for HTTPS is: `env:NAME` or `file:PATH`.
    #[arg(long, value_name = "REFERENCE", group = "secret")]
    pub password: Option<HiddenText>,
    /// The environment variable that contains the password or token.
    #[arg(long, value_name = "NAME", group = "secret")]
    pub token_env: Option<String>,
    /// Where the private key for SSH is: `env:NAME` or `file:PATH`.
    #[arg(long, value_name = "REFERENCE")]
    pub private_key: Option<HiddenText>,
    /// Where the passphrase of the private key is: `env:NAME` or `file:PATH`.
    #[arg(long, value_name = "REFERENCE", requires = "private_key")]
    pub passphrase: Option<HiddenText>,
    /// The `known_hosts` file for SSH. Without it, those of this user and machine.
    /// An unknown host is always rejected.
    #[arg(long, value_name = "FILE")]
    pub known_hosts: Option<PathBuf>,
    /// The proxy for HTTPS: its address without a password, or `env:NAME` or
    /// `file:PATH`. Without it, that of the environment (`https_proxy`).
    #[arg(long, value_name = "URL")]
    pub proxy: Option<HiddenText>,
    /// The certificates of the authorities to trust in place of the system's, in
    /// PEM form.
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// How long it may take.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 3600,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub timeout: u64,
    /// What to check out, and how.
    #[command(flatten)]
    pub checkout: CheckoutArguments,
}

/// Check out an application or a repository.
#[derive(Args, Debug)]
pub struct CheckoutApplicationArguments {
    /// The application of the engine's store, or the full name of a repository.
    /// An application of that name comes first.
    #[arg(value_name = "KEY/APP or WS/SLUG")]
    pub repo: Option<String>,
    /// The directory, absent or empty. The current one if it is left out.
    #[arg(value_name = "DIR", conflicts_with = "into")]
    pub target: Option<PathBuf>,
    /// Check out the commit of this run of the application.
    #[arg(long, value_name = "ID", conflicts_with_all = ["branch", "tag", "commit"])]
    pub run: Option<i64>,
    /// Where the configuration and the plugins are.
    #[command(flatten)]
    pub directory: DirectoryArguments,
    /// Which server, with which credential, for how long.
    #[command(flatten)]
    pub server: ServerArguments,
    /// What to check out, and how.
    #[command(flatten)]
    pub checkout: CheckoutArguments,
}

/// What to check out, and how.
#[derive(Args, Debug)]
pub struct CheckoutArguments {
    /// The directory, absent or empty.
    #[arg(long = "directory", id = "into", value_name = "DIR")]
    pub into: Option<PathBuf>,
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
    /// How many commits of history are fetched; `false` fetches all.
    #[arg(long, value_name = "COUNT", default_value = "50", value_parser = parse_depth)]
    pub depth: Depth,
    /// Only this directory. May be repeated.
    #[arg(long = "sparse", value_name = "PATH")]
    pub sparse: Vec<String>,
    /// Whether submodules are fetched as well, and theirs. Those of other hosts
    /// get no credential.
    #[arg(
        long,
        value_name = "true|false",
        num_args = 0..=1,
        require_equals = true,
        default_value = "true",
        default_missing_value = "true",
        value_parser = parse_submodules
    )]
    pub submodules: bool,
    /// Whether Git LFS files get their content, where git-lfs is installed.
    #[arg(
        long,
        value_name = "true|false",
        num_args = 0..=1,
        require_equals = true,
        default_value_t = true,
        default_missing_value = "true",
        action = clap::ArgAction::Set
    )]
    pub lfs: bool,
    /// The number of the build, which becomes a part of `cds.semver`. That of the
    /// run if one is named.
    #[arg(long, value_name = "NUMBER", value_parser = parse_build_number)]
    pub build_number: Option<String>,
    /// What is printed: facts as text, JSON (as with --json), or the variables as
    /// lines for a shell.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
}

/// How much history is fetched.
#[derive(Clone, Copy, Debug)]
pub struct Depth(pub Option<u32>);

/// What a checkout prints.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputFormat {
    /// Facts, a line each.
    Text,
    /// One JSON document.
    Json,
    /// Lines of `NAME='value'`.
    Env,
}

fn parse_depth(text: &str) -> Result<Depth, String> {
    match text {
        "" | "false" => Ok(Depth((text.is_empty()).then_some(50))),
        _ => match text.parse() {
            Ok(count @ 1..) => Ok(Depth(Some(count))),
            _ => Err("use a number of commits, or false for all of them".to_owned()),
        },
    }
}

fn parse_submodules(text: &str) -> Result<bool, String> {
    match text {
        "true" | "recursive" => Ok(true),
        "false" => Ok(false),
        _ => Err("use true, false or recursive (as true)".to_owned()),
    }
}

fn parse_build_number(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    if text.is_empty() || !text.chars().all(is_plain) {
        return Err("use letters, digits, `-` and `.`, as a semantic version has them".to_owned());
    }
    Ok(text.to_owned())
}
