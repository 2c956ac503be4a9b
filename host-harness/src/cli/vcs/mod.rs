//! `engine vcs OPERATION`: turns the arguments into the interface's request,
//! makes the call and prints the answer.

mod call;
mod changes;
mod content;
mod hooks;
mod pull_requests;
mod repositories;
mod statuses;

use super::args::vcs::{Operation, VcsArguments};
use super::failure::Failure;
use super::output::Output;
use super::session::Session;
use call::Call;

/// Makes one call through a plugin.
pub(super) fn run(arguments: VcsArguments, output: &Output) -> Result<(), Failure> {
    let session = Session::open(&arguments.directory, &arguments.server)?;
    let call = Call::new(&session, &arguments.server, output)?;
    match arguments.operation {
        Operation::Repositories(operation) => repositories::run(&call, operation),
        Operation::Changes(operation) => changes::run(&call, operation),
        Operation::PullRequests(operation) => pull_requests::run(&call, operation),
        Operation::Hooks(operation) => hooks::run(&call, operation),
        Operation::Statuses(operation) => statuses::run(&call, operation),
        Operation::Content(operation) => content::run(&call, operation),
    }
}
