//! Operations on hooks and events.

use clap::{Args, Subcommand};
use std::path::PathBuf;
use vcs_provider_interface::records::EventKind;

/// Operations on hooks and events.
#[derive(Subcommand, Debug)]
pub enum HookOperation {
    /// Create a hook
    CreateHook(HookArguments),
    /// Change a hook
    UpdateHook {
        /// The hook as it should be.
        #[command(flatten)]
        hook: HookArguments,
        /// The hook's id.
        #[arg(long, value_name = "ID")]
        id: String,
    },
    /// Find the hook of an address, repair it, or create it
    ReconcileHook(HookArguments),
    /// List the hooks of a repository
    Hooks {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// Stop after this many.
        #[arg(long, value_name = "COUNT")]
        limit: Option<u64>,
    },
    /// Look up the hook of an address
    GetHook {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// The address.
        url: String,
    },
    /// Delete a hook
    DeleteHook {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// The hook's id.
        #[arg(long, value_name = "ID", required_unless_present = "url")]
        id: Option<String>,
        /// The address, if the id is not known.
        #[arg(long, value_name = "URL", conflicts_with = "id")]
        url: Option<String>,
    },
    /// Find in which repositories of a workspace something happened since a cursor
    PollRepositories {
        /// The workspace.
        workspace: String,
        /// Only this repository, by full name. May be repeated.
        #[arg(long = "repo", value_name = "WS/SLUG")]
        repos: Vec<String>,
        /// Where the last call ended; without it the polling begins now.
        #[arg(long, value_name = "CURSOR")]
        cursor: Option<String>,
    },
    /// Find what happened since a cursor, without deliveries
    PollEvents {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// Where the last poll ended; without it the poll begins now.
        #[arg(long, value_name = "CURSOR")]
        cursor: Option<String>,
        /// Only this kind, such as ref_updated. May be repeated.
        #[arg(long = "kind", value_name = "KIND")]
        kinds: Vec<EventKind>,
    },
    /// Fetch what a delivery left out of an event
    CompleteEvent {
        /// The event as `webhook parse --json` gives it; `-` reads standard input.
        file: PathBuf,
    },
}

/// A hook as it should be.
#[derive(Args, Debug)]
pub struct HookArguments {
    /// The repository.
    #[arg(value_name = "WS/SLUG")]
    pub repo: String,
    /// Where deliveries go.
    pub url: String,
    /// The name for people.
    #[arg(long, value_name = "TEXT", default_value = "engine")]
    pub name: String,
    /// An event key, such as repo:push. May be repeated; the provider's default
    /// if it is left out.
    #[arg(long = "event", value_name = "KEY")]
    pub events: Vec<String>,
    /// Let it deliver nothing for now.
    #[arg(long)]
    pub disable: bool,
    /// A file that holds the signing key.
    #[arg(long, value_name = "FILE", conflicts_with = "secret_env")]
    pub secret_file: Option<PathBuf>,
    /// The environment variable that holds the signing key.
    #[arg(long, value_name = "NAME")]
    pub secret_env: Option<String>,
}
