//! The command that is useful after an operation, for a person at a terminal.

use crate::cli::args::vcs::{
    ChangeOperation, ContentOperation, Operation, PullRequestOperation, RepositoryOperation,
    StatusOperation,
};

/// What to call next; `None` where nothing suggests itself.
pub(super) fn next_command(operation: &Operation) -> Option<String> {
    use RepositoryOperation as Op;
    Some(match operation {
        Operation::Repositories(Op::CheckConnection { repo: None }) => {
            "engine vcs repos lists the repositories that this credential sees".to_owned()
        }
        Operation::Repositories(Op::CheckConnection { repo: Some(repo) }) => {
            format!("engine vcs branches {repo}")
        }
        Operation::Repositories(Op::Workspaces { .. }) => {
            "engine vcs repos WORKSPACE lists the repositories of one".to_owned()
        }
        Operation::Repositories(Op::Repos { .. }) => {
            "engine vcs branches WS/SLUG lists the branches of one".to_owned()
        }
        Operation::Repositories(Op::RepoByFullname { repo } | Op::CreateBranch { repo, .. }) => {
            format!("engine vcs branches {repo}")
        }
        Operation::Repositories(Op::Branches { repo, .. }) => {
            format!("engine vcs commits {repo} --branch NAME")
        }
        Operation::Repositories(Op::Tags { repo, .. } | Op::CreateTag { repo, .. }) => {
            format!("engine vcs commits {repo} --until HASH begins at the commit of a tag")
        }
        Operation::Changes(
            ChangeOperation::Commits { repo, .. }
            | ChangeOperation::CommitsBetweenRefs { repo, .. },
        ) => format!("engine vcs list-statuses {repo} HASH shows the builds of one"),
        Operation::Changes(ChangeOperation::Commit { repo, hash }) => {
            format!("engine vcs list-statuses {repo} {hash}")
        }
        Operation::PullRequests(PullRequestOperation::PullRequests { repo, .. }) => {
            format!("engine vcs pull-request {repo} ID shows one")
        }
        Operation::PullRequests(PullRequestOperation::PullRequest { repo, id }) => {
            format!("engine vcs pull-request-comments {repo} {id}")
        }
        Operation::Statuses(StatusOperation::SetStatus { repo, hash, .. }) => {
            format!("engine vcs list-statuses {repo} {hash}")
        }
        Operation::Content(ContentOperation::ListContent { at, .. }) => {
            format!("engine vcs get-content {} PATH prints a file", at.repo)
        }
        Operation::Content(ContentOperation::CheckoutCredentials { repo }) => {
            format!("engine action checkout-application {repo} DIR")
        }
        _ => return None,
    })
}
