//! The arguments of `engine conformance`.

use super::DirectoryArguments;
use crate::cli::completion;
use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use std::path::PathBuf;

/// What the command is about, for `--help`.
const ABOUT: &str = "\
Runs the conformance suite on a provider and reports each rule.

Against the mock, which needs nothing else:
  engine conformance --plugin libvcs_bitbucketcloud.so --mock

Against a server of a configuration file, reading one repository and writing
to another:
  engine conformance --config config.toml --server NAME \\
      --repo WS/SLUG --writable-repo WS/OTHER --git-clone PATH

In a job of a CI engine the same by environment variables: ENGINE_CONFIG,
ENGINE_PLUGIN_DIR, ENGINE_CONFORMANCE_PLUGIN, ENGINE_CONFORMANCE_SERVER,
ENGINE_CONFORMANCE_REPO, ENGINE_CONFORMANCE_WRITABLE_REPO,
ENGINE_CONFORMANCE_EMPTY_REPO and ENGINE_CONFORMANCE_GIT_CLONE.

A rule that lacks something is skipped, and the report says what. In the
writable repository branches, hooks and comments are deleted again; build
statuses and declined pull requests stay.

Exits with 3 if a rule failed or none could be checked.";

/// Run the conformance suite.
#[derive(Args, Debug)]
#[command(long_about = ABOUT)]
pub struct ConformanceArguments {
    /// Plugin directory and configuration.
    #[command(flatten)]
    pub directory: DirectoryArguments,
    /// The plugin. Default: the one of the server's type in the plugin directory.
    #[arg(long, value_name = "FILE", env = "ENGINE_CONFORMANCE_PLUGIN")]
    pub plugin: Option<PathBuf>,
    /// The server's name in the configuration. Default: the only one.
    #[arg(
        long,
        value_name = "NAME",
        env = "ENGINE_CONFORMANCE_SERVER",
        add = ArgValueCandidates::new(completion::servers)
    )]
    pub server: Option<String>,
    /// Use the mocked service, over copies of a sample repository or of the one
    /// that --git-clone names.
    #[arg(
        long,
        requires = "plugin",
        conflicts_with_all = ["config", "server", "repo", "missing_repo", "writable_repo", "empty_repo"]
    )]
    pub mock: bool,
    /// A repository with commits; read only.
    #[arg(long, value_name = "NAME", env = "ENGINE_CONFORMANCE_REPO")]
    pub repo: Option<String>,
    /// A repository that does not exist. Default: a made-up name beside --repo.
    #[arg(long, value_name = "NAME")]
    pub missing_repo: Option<String>,
    /// A repository in which rules may create and delete.
    #[arg(long, value_name = "NAME", env = "ENGINE_CONFORMANCE_WRITABLE_REPO")]
    pub writable_repo: Option<String>,
    /// A repository without a commit.
    #[arg(long, value_name = "NAME", env = "ENGINE_CONFORMANCE_EMPTY_REPO")]
    pub empty_repo: Option<String>,
    /// A clone of the repository with all its branches (git clone --mirror), to
    /// compare with.
    #[arg(long, value_name = "PATH", env = "ENGINE_CONFORMANCE_GIT_CLONE")]
    pub git_clone: Option<PathBuf>,
    /// How the service delivers webhooks: a TOML file with header names, the form
    /// of the signature and a known event. Default: the one of the provider's type,
    /// if it is known.
    #[arg(long, value_name = "FILE")]
    pub webhook_dialect: Option<PathBuf>,
    /// Write the report as JUnit XML too.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Only this rule (`list.limit`) or group of rules (`list`); may be repeated.
    #[arg(long = "rule", value_name = "ID")]
    pub rules: Vec<String>,
    /// List the rules and what they assert instead of running them.
    #[arg(long)]
    pub list: bool,
    /// Time limit of a call.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 60,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub timeout: u64,
    /// How much later than its deadline or cancellation a call may end.
    #[arg(
        long,
        value_name = "MS",
        default_value_t = 2_000,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub tolerance: u64,
}
