//! `engine action`: checkouts from the command line.

mod application;
mod secrets;
mod worker;

use super::args::action::{
    ActionCommand, CheckoutApplicationArguments, CheckoutArguments, GitCloneArguments, OutputFormat,
};
use super::demo::git_failure;
use super::failure::Failure;
use super::input::secret_from;
use super::interrupt;
use super::output::{Output, print_text};
use super::render::one_line;
use indicatif::{ProgressBar, ProgressDrawTarget};
use std::path::PathBuf;
use std::time::Duration;
use vcs_engine::checkout::{Checkout, CheckoutOptions, Target, git_clone};
use vcs_engine::git::{GitError, GitNetwork, KnownHosts, ProxyAddress, Remote, SshAccess};
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::secret::Secret;

/// Checks out a repository.
pub(super) fn run(command: ActionCommand, output: &Output) -> Result<(), Failure> {
    match command {
        ActionCommand::GitClone(arguments) => clone(*arguments, output),
        ActionCommand::CheckoutApplication(arguments) => application::check_out(*arguments, output),
    }
}

fn clone(arguments: GitCloneArguments, output: &Output) -> Result<(), Failure> {
    let password = match &arguments.password {
        Some(reference) => Some(secrets::read("--password", reference)?),
        None => secret_from(None, arguments.token_env.as_deref())?,
    };
    let remote = Remote::new(&arguments.url, arguments.user.clone(), password)?
        .with_network(network_of(&arguments)?)
        .with_ssh(ssh_of(&arguments)?);
    let format = arguments.checkout.output;
    let options = options_of(arguments.checkout, arguments.target);
    let result = with_progress(arguments.timeout, |context, progress| {
        git_clone(context, &remote, &options, progress)
    });
    report(result, format, output)
}

fn network_of(arguments: &GitCloneArguments) -> Result<GitNetwork, Failure> {
    let proxy = match &arguments.proxy {
        Some(text) if secrets::is_reference(text) => Some(secrets::read("--proxy", text)?),
        Some(text) if text.0.contains('@') => {
            return Err(Failure::usage(
                "--proxy: other users of this machine can see a password here; name the address \
                 by env:NAME or file:PATH",
            ));
        }
        Some(text) => Some(Secret::from(text.0.as_str())),
        None => None,
    };
    let ca_file = match &arguments.ca_file {
        Some(file) => {
            let file = file.canonicalize();
            let named = arguments.ca_file.as_deref().unwrap_or_else(|| "".as_ref());
            Some(file.map_err(|error| Failure::file(named, &error))?)
        }
        None => None,
    };
    Ok(GitNetwork {
        proxy: proxy.as_ref().map(ProxyAddress::new).transpose()?,
        ca_file,
        ..GitNetwork::default()
    })
}

fn ssh_of(arguments: &GitCloneArguments) -> Result<SshAccess, Failure> {
    let read = |name: &str, reference| match reference {
        Some(reference) => secrets::read(name, reference).map(Some),
        None => Ok(None),
    };
    Ok(SshAccess {
        private_key: read("--private-key", arguments.private_key.as_ref())?,
        passphrase: read("--passphrase", arguments.passphrase.as_ref())?,
        known_hosts: match &arguments.known_hosts {
            Some(file) => KnownHosts::File(file.clone()),
            None => KnownHosts::Machine,
        },
    })
}

/// The options that the arguments name; `target` is the directory by its place.
fn options_of(arguments: CheckoutArguments, target: Option<PathBuf>) -> CheckoutOptions {
    let directory = target
        .or(arguments.into)
        .unwrap_or_else(|| PathBuf::from("."));
    let target = match (arguments.commit, arguments.tag, arguments.branch) {
        (Some(hash), _, branch) => Target::Commit { hash, branch },
        (None, Some(tag), _) => Target::Tag(tag),
        (None, None, Some(branch)) => Target::Branch(branch),
        (None, None, None) => Target::MainBranch,
    };
    CheckoutOptions {
        depth: arguments.depth.0,
        sparse: arguments.sparse,
        submodules: arguments.submodules,
        lfs: arguments.lfs,
        build_number: arguments.build_number,
        ..CheckoutOptions::new(directory, target)
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
    spinner.set_draw_target(ProgressDrawTarget::stderr());
    spinner.enable_steady_tick(Duration::from_millis(200));
    let result = checkout(&context, &mut |line| spinner.set_message(one_line(line)));
    spinner.finish_and_clear();
    result
}

fn report(
    result: Result<Checkout, GitError>,
    format: OutputFormat,
    output: &Output,
) -> Result<(), Failure> {
    let checkout = result.map_err(git_failure)?;
    for warning in &checkout.warnings {
        tracing::warn!("{warning}");
    }
    match format {
        OutputFormat::Text => output.record(&checkout),
        OutputFormat::Json => output.as_json().record(&checkout),
        OutputFormat::Env => {
            let lines = checkout.variables.iter().map(|one| one.shell_line());
            print_text(&lines.collect::<String>())
        }
    }
}
