//! `engine vcs OPERATION`: one command for each method of a client, under the
//! method's name in kebab case.

mod changes;
mod content;
mod hooks;
mod pull_requests;
mod repositories;
mod statuses;

pub use changes::ChangeOperation;
pub use content::{ContentOperation, ReferenceArguments};
pub use hooks::{HookArguments, HookOperation};
pub use pull_requests::PullRequestOperation;
pub use repositories::RepositoryOperation;
pub use statuses::StatusOperation;

use super::{DirectoryArguments, FormArguments};
use crate::cli::completion;
use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCandidates;

/// Make one call through a plugin.
#[derive(Args, Debug)]
pub struct VcsArguments {
    /// Where the configuration and the plugins are.
    #[command(flatten)]
    pub directory: DirectoryArguments,
    /// The form of what is printed.
    #[command(flatten)]
    pub form: FormArguments,
    /// Which server, with which credential, for how long.
    #[command(flatten)]
    pub server: ServerArguments,
    /// What to call.
    #[command(subcommand)]
    pub operation: Operation,
}

/// Which server, with which credential, for how long.
#[derive(Args, Debug)]
pub struct ServerArguments {
    /// The server's name in the configuration; may be left out if there is only one.
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        add = ArgValueCandidates::new(completion::servers)
    )]
    pub server: Option<String>,
    /// How long the call may take.
    #[arg(
        long,
        global = true,
        value_name = "SECONDS",
        default_value_t = 300,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub timeout: u64,
    /// Bypass the cache.
    #[arg(long, global = true)]
    pub bypass_cache: bool,
    /// Use this grant of the engine's store instead of the configured credential.
    #[arg(
        long,
        global = true,
        value_name = "ID",
        conflicts_with_all = ["token_env", "client_credentials", "anonymous"]
    )]
    pub grant: Option<String>,
    /// Use what this project has consented to: its grant for the server, from the
    /// engine's store. `engine grants list` shows the projects.
    #[arg(
        long,
        global = true,
        value_name = "KEY",
        conflicts_with_all = ["grant", "token_env", "client_credentials", "anonymous"]
    )]
    pub project: Option<String>,
    /// Use the token in this environment variable: an access token, or with
    /// --username an API token.
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        conflicts_with_all = ["client_credentials", "anonymous"]
    )]
    pub token_env: Option<String>,
    /// The account's e-mail address or user name that the token belongs to.
    #[arg(long, global = true, value_name = "NAME", requires = "token_env")]
    pub username: Option<String>,
    /// Use the configured OAuth client itself, without a user.
    #[arg(long, global = true, conflicts_with = "anonymous")]
    pub client_credentials: bool,
    /// Use no credential.
    #[arg(long, global = true)]
    pub anonymous: bool,
}

impl ServerArguments {
    /// Whether the arguments choose a credential in place of the configured one.
    #[must_use]
    pub fn choose_a_credential(&self) -> bool {
        self.grant.is_some()
            || self.project.is_some()
            || self.token_env.is_some()
            || self.client_credentials
            || self.anonymous
    }
}

/// What to call.
#[derive(Subcommand, Debug)]
pub enum Operation {
    /// Connection, workspaces, repositories, branches, tags.
    #[command(flatten)]
    Repositories(RepositoryOperation),
    /// Commits and changed files.
    #[command(flatten)]
    Changes(ChangeOperation),
    /// Pull requests and comments.
    #[command(flatten)]
    PullRequests(PullRequestOperation),
    /// Hooks and events.
    #[command(flatten)]
    Hooks(HookOperation),
    /// Build statuses and reports.
    #[command(flatten)]
    Statuses(StatusOperation),
    /// Files, archives, releases, checkout.
    #[command(flatten)]
    Content(ContentOperation),
}

#[cfg(test)]
mod tests {
    use crate::cli::args::Arguments;
    use clap::CommandFactory;
    use std::collections::BTreeSet;
    use vcs_provider_interface::provider::AUTHORIZED_CLIENT_METHODS;

    /// Of the server, not of a client.
    const SERVER_OPERATIONS: [&str; 3] = ["polling-info", "server-info", "webhooks-info"];

    #[test]
    fn every_method_of_a_client_is_an_operation_and_nothing_else_is() {
        let command = Arguments::command();
        let vcs = command.find_subcommand("vcs").expect("engine vcs");
        let operations: BTreeSet<String> = vcs
            .get_subcommands()
            .map(|operation| operation.get_name().to_owned())
            .collect();
        let expected: BTreeSet<String> = AUTHORIZED_CLIENT_METHODS
            .iter()
            .map(|method| method.replace('_', "-"))
            .chain(SERVER_OPERATIONS.map(str::to_owned))
            .collect();
        assert_eq!(operations, expected);
    }
}
