//! `engine action`: checkouts from the command line.

use super::args::action::{ActionCommand, CheckoutArguments};
use super::demo::git_failure;
use super::failure::Failure;
use super::interrupt;
use super::output::Output;
use super::render::one_line;
use super::session::Session;
use super::vcs::secret_from;
use indicatif::ProgressBar;
use std::time::Duration;
use vcs_engine::checkout::{Checkout, CheckoutOptions, Target, checkout_application, git_clone};
use vcs_engine::git::{GitError, Remote};
use vcs_provider_interface::context::HostCallContext;

/// Checks out a repository.
pub(super) fn run(command: ActionCommand, output: &Output) -> Result<(), Failure> {
    match command {
        ActionCommand::GitClone {
            url,
            username,
            token_env,
            timeout,
            checkout,
        } => {
            let secret = secret_from(None, token_env.as_deref())?;
            let remote = Remote::new(&url, username, secret)?;
            let options = options_of(checkout);
            let result = with_progress(timeout, |context, progress| {
                git_clone(context, &remote, &options, progress)
            });
            report(result, output)
        }
        ActionCommand::CheckoutApplication {
            repo,
            directory,
            server,
            checkout,
        } => {
            let session = Session::open(&directory, &server)?;
            let client = session.client(&server)?;
            let options = options_of(checkout);
            let result = with_progress(server.timeout, |context, progress| {
                checkout_application(context, &*client, &repo, &options, progress)
            });
            report(result, output)
        }
    }
}

fn options_of(arguments: CheckoutArguments) -> CheckoutOptions {
    let target = match (arguments.commit, arguments.tag, arguments.branch) {
        (Some(hash), _, branch) => Target::Commit { hash, branch },
        (None, Some(tag), _) => Target::Tag(tag),
        (None, None, Some(branch)) => Target::Branch(branch),
        (None, None, None) => Target::MainBranch,
    };
    CheckoutOptions {
        directory: arguments.target,
        target,
        depth: arguments.depth,
        sparse: arguments.sparse,
        submodules: arguments.submodules,
    }
}

/// Runs a checkout; git's progress is shown on a terminal.
fn with_progress(
    seconds: u64,
    checkout: impl FnOnce(&HostCallContext, &mut dyn FnMut(&str)) -> Result<Checkout, GitError>,
) -> Result<Checkout, GitError> {
    let context = HostCallContext::new("engine-action")
        .with_time_limit(Duration::from_secs(seconds))
        .with_cancellation(interrupt::cancellation());
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(Duration::from_millis(200));
    let result = checkout(&context, &mut |line| spinner.set_message(one_line(line)));
    spinner.finish_and_clear();
    result
}

fn report(result: Result<Checkout, GitError>, output: &Output) -> Result<(), Failure> {
    let checkout = result.map_err(git_failure)?;
    for warning in &checkout.warnings {
        tracing::warn!("{warning}");
    }
    output.record(&checkout)
}
