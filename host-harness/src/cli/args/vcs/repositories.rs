//! Operations on the connection, workspaces, repositories, branches and tags.

use clap::Subcommand;
use vcs_provider_interface::records::BranchSort;

/// Operations on the connection, workspaces, repositories, branches and tags.
#[derive(Subcommand, Debug)]
pub enum RepositoryOperation {
    /// Show account, scopes and visible repositories
    CheckConnection {
        /// A repository to try the credential on.
        #[arg(value_name = "WS/SLUG")]
        repo: Option<String>,
    },
    /// Say what an administrator should know of the server
    ServerInfo,
    /// Say how webhooks are set up
    WebhooksInfo,
    /// Say how polling is set up
    PollingInfo,
    /// List the workspaces that the credential sees
    Workspaces {
        /// Stop after this many.
        #[arg(long, value_name = "COUNT")]
        limit: Option<u64>,
    },
    /// List the repositories that the credential sees
    Repos {
        /// Only of this workspace.
        workspace: Option<String>,
        /// Only names that contain this text.
        #[arg(long, value_name = "TEXT")]
        filter: Option<String>,
        /// Stop after this many.
        #[arg(long, value_name = "COUNT")]
        limit: Option<u64>,
    },
    /// Look up one repository
    RepoByFullname {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
    },
    /// List the forks of a repository
    Forks {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// Stop after this many.
        #[arg(long, value_name = "COUNT")]
        limit: Option<u64>,
    },
    /// List branches
    Branches {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// Only names that contain this text.
        #[arg(long, value_name = "TEXT")]
        filter: Option<String>,
        /// The order: name, -name or latest.
        #[arg(
            long,
            value_name = "ORDER",
            default_value = "name",
            allow_hyphen_values = true
        )]
        sort: BranchSort,
        /// Stop after this many.
        #[arg(long, value_name = "COUNT")]
        limit: Option<u64>,
    },
    /// Look up a branch, or the main branch
    Branch {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// The bare name; the main branch if it is left out.
        name: Option<String>,
    },
    /// Create a branch
    CreateBranch {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// The bare name.
        name: String,
        /// The full hash of the commit it starts at.
        target: String,
    },
    /// Delete a branch
    DeleteBranch {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// The bare name.
        name: String,
    },
    /// List tags
    Tags {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// Only names that contain this text.
        #[arg(long, value_name = "TEXT")]
        filter: Option<String>,
        /// Stop after this many.
        #[arg(long, value_name = "COUNT")]
        limit: Option<u64>,
    },
    /// Look up a tag
    Tag {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// The bare name.
        name: String,
    },
    /// Create a tag
    CreateTag {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// The bare name.
        name: String,
        /// The full hash of the commit.
        target: String,
        /// The message of an annotated tag.
        #[arg(long, value_name = "TEXT")]
        message: Option<String>,
    },
}
