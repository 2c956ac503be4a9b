//! Operations on build statuses and reports.

use clap::Subcommand;
use std::path::PathBuf;
use vcs_provider_interface::records::BuildState;

/// Operations on build statuses and reports.
#[derive(Subcommand, Debug)]
pub enum StatusOperation {
    /// Set a build status
    SetStatus {
        /// The repository that holds the commit.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// The full hash.
        hash: String,
        /// Waiting, Checking, Building, Success, Fail, Stopped, Cancelled,
        /// Skipped, Disabled or NeverBuilt.
        #[arg(long, value_name = "STATE")]
        state: BuildState,
        /// What tells this build from others of the commit.
        #[arg(long, value_name = "KEY")]
        key: String,
        /// Where to look: absolute, with a public host.
        #[arg(long, value_name = "URL")]
        url: String,
        /// The name for people; the key if it is left out.
        #[arg(long, value_name = "TEXT", default_value = "")]
        name: String,
        /// A sentence for people.
        #[arg(long, value_name = "TEXT", default_value = "")]
        description: String,
        /// The source branch of a pull request, to tie the status to it.
        #[arg(long, value_name = "BRANCH")]
        ref_name: Option<String>,
        /// The number of the pull request.
        #[arg(long, value_name = "NUMBER")]
        pull_request: Option<u64>,
    },
    /// List the build statuses of a commit
    ListStatuses {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// The full hash.
        hash: String,
        /// Stop after this many.
        #[arg(long, value_name = "COUNT")]
        limit: Option<u64>,
    },
    /// Publish a report with annotations on a commit
    CreateInsightReport {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// The full hash.
        hash: String,
        /// The report as JSON: {"id", "title", "details", "kind", "result",
        /// "data": […], "annotations": […]}; `-` reads standard input.
        #[arg(long, value_name = "FILE")]
        report: PathBuf,
    },
}
