//! The command `engine`: arguments in, reports and exit codes out.
//!
//! Owns what a person or a script sees: the arguments ([`args`]), the exit codes
//! ([`exit`]), what goes to standard output and what to standard error
//! (`output`). It must not know HTTP or any provider: all work is done by the
//! packages below.
//!
//! Standard output holds the result and nothing else; with `--json` it is one
//! JSON document, also for a failure: `{"error": {"kind", "message",
//! "exit_code", …}}`. A failure's sentence always goes to standard error as
//! well. Logs and progress go to standard error. A reader that closes the pipe
//! early is no failure.

mod action;
pub mod args;
mod completion;
mod config;
mod conformance;
mod demo;
pub mod exit;
mod failure;
mod grants;
mod input;
mod interrupt;
mod logging;
mod output;
mod pages;
mod plugins;
mod progress;
mod render;
mod session;
mod start;
mod store;
mod terminal;
mod tokens;
mod vcs;
mod webhook;

use args::{Arguments, Command, MockCommand, OutputForm, WebhookCommand};
use clap::error::ErrorKind as UsageErrorKind;
use clap::{CommandFactory, Parser};
use failure::Failure;
use logging::{Delivery, Log};
use mock_bitbucket::{
    self,
    command::{CommandError, MockArguments},
};
use output::Output;
use signal_hook::consts::SIGXFSZ;
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tracing_subscriber::filter::LevelFilter;

/// Runs the command with the arguments of the process.
#[must_use]
pub fn run() -> ExitCode {
    // A shell that asks for completions gets them, and the process ends.
    clap_complete::CompleteEnv::with_factory(Arguments::command)
        .var(pages::ASKED_BY)
        .bin("engine")
        .complete();
    run_with(std::env::args_os().collect())
}

fn run_with(words: Vec<OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(&words) {
        Ok(arguments) => arguments,
        Err(error) => return report_usage(&error, &words),
    };
    let output = Output::new(&arguments.global, arguments.command.form());
    let (level, delivery) = match arguments.command {
        // Services are watched by their log, and do not wait for its reader.
        Command::Start(_) => (LevelFilter::INFO, Delivery::Queued),
        _ => (LevelFilter::WARN, Delivery::Direct),
    };
    survive_file_size_limits();
    let log = logging::start(&arguments.global, level, delivery);
    let executed = execute(arguments.command, &output, &log);
    // What is queued stands before the message that ends the command.
    drop(log);
    match executed {
        Ok(()) => exit::SUCCESS.into(),
        Err(failure) => output.report(&failure),
    }
}

/// Makes a write beyond a limit on file sizes (`ulimit -f`) an error that is
/// reported, where the signal would end the process.
fn survive_file_size_limits() {
    let ignored = Arc::new(AtomicBool::new(false));
    if let Err(error) = signal_hook::flag::register(SIGXFSZ, ignored) {
        tracing::warn!(%error, "a limit on file sizes ends this process when it is reached");
    }
}

fn run_mock_bitbucket(arguments: &MockArguments) -> Result<(), Failure> {
    mock_bitbucket::command::run(arguments).map_err(|error| match error {
        CommandError::Terminal(error) => Failure::standard_output(&error),
        other => Failure::new(exit::FAILURE, other.to_string()),
    })
}

fn execute(command: Command, output: &Output, log: &Log) -> Result<(), Failure> {
    match command {
        Command::Conformance(arguments) => conformance::run(&arguments, output),
        Command::Demo(arguments) => demo::run(&arguments, output),
        Command::Action(command) => action::run(command, output),
        Command::Start(arguments) => start::run(&arguments, output, log),
        Command::Config(arguments) => config::run(&arguments, output),
        Command::Tokens(arguments) => tokens::run(&arguments, output),
        Command::Grants(arguments) => grants::run(&arguments, output),
        Command::Store(arguments) => store::run(&arguments, output),
        Command::Plugins(arguments) => plugins::run(&arguments, output),
        Command::Vcs(arguments) => vcs::run(*arguments, output),
        Command::Webhook(WebhookCommand::Parse(arguments)) => webhook::parse(&arguments, output),
        Command::Completions { shell } => pages::completions(shell, output),
        Command::Man { directory } => pages::manual(&directory),
        Command::Mock(MockCommand::Bitbucket(arguments)) => run_mock_bitbucket(&arguments),
    }
}

/// Reports what clap found: help and version are results, everything else is
/// wrong usage.
fn report_usage(error: &clap::Error, words: &[OsString]) -> ExitCode {
    let is_result = matches!(
        error.kind(),
        UsageErrorKind::DisplayHelp | UsageErrorKind::DisplayVersion
    );
    // Nothing can be done about a closed standard output or error here.
    let _ = error.print();
    if is_result {
        return exit::SUCCESS.into();
    }
    let mut asked = words.iter().take_while(|word| *word != "--");
    if let Some(form) = asked.find_map(|word| match word.to_str() {
        Some("--json" | "--output=json") => Some(OutputForm::Json),
        Some("--output=jsonl") => Some(OutputForm::Jsonl),
        _ => None,
    }) {
        let text = error.render().to_string();
        let sentence = text.lines().next().unwrap_or_default();
        let sentence = sentence.strip_prefix("error: ").unwrap_or(sentence);
        output::print_error_document(&Failure::usage(sentence), form);
    }
    exit::USAGE.into()
}
