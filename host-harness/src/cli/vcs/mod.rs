//! `engine vcs OPERATION`: turns the arguments into the interface's request,
//! makes the call and prints the response.

mod call;
mod changes;
mod content;
mod hints;
mod hooks;
mod pull_requests;
mod repositories;
mod statuses;

use super::args::vcs::{Operation, RepositoryOperation, VcsArguments};
use super::failure::Failure;
use super::output::Output;
use super::session::Session;
use call::Call;

/// Makes one call through a plugin.
pub(super) fn run(arguments: VcsArguments, output: &Output) -> Result<(), Failure> {
    let session = Session::open(&arguments.directory, &arguments.server)?;
    let next = hints::next_command(&arguments.operation);
    let call = match &arguments.operation {
        // Whether the service accepts a consumer can be seen without any project.
        Operation::Repositories(RepositoryOperation::CheckConnection { .. }) => {
            let (client, as_consumer) = session.client_or_consumer(&arguments.server)?;
            Call::new(&session, client, &arguments.server, output).for_the_consumer(as_consumer)
        }
        _ => {
            let client = session.client(&arguments.server)?;
            Call::new(&session, client, &arguments.server, output)
        }
    };
    match arguments.operation {
        Operation::Repositories(operation) => repositories::run(&call, operation),
        Operation::Changes(operation) => changes::run(&call, operation),
        Operation::PullRequests(operation) => pull_requests::run(&call, operation),
        Operation::Hooks(operation) => hooks::run(&call, operation),
        Operation::Statuses(operation) => statuses::run(&call, operation),
        Operation::Content(operation) => content::run(&call, operation),
    }?;
    if let Some(next) = next {
        output.hint(&next);
    }
    Ok(())
}
