//! `engine demo`: tells the story and reports each step.

use super::args::DemoArguments;
use super::exit;
use super::failure::Failure;
use super::interrupt;
use super::output::{Output, print_text};
use super::render::one_line;
use super::session::careful_loading;
use crate::demo::{self, DemoError, DemoOptions, DemoReport, STEPS, StepReport};
use indicatif::ProgressBar;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use vcs_engine::git::GitError;
use vcs_provider_interface::context::HostCallContext;

/// The name of the plugin that the demo looks for.
const PLUGIN: &str = "libvcs_bitbucketcloud.so";

/// So many requests of a step are shown to a person; JSON has all of them.
const SHOWN_REQUESTS: usize = 5;

/// So much of a request's path is shown to a person.
const SHOWN_PATH: usize = 90;

/// Tells the story.
pub(super) fn run(arguments: &DemoArguments, output: &Output) -> Result<(), Failure> {
    let options = DemoOptions {
        plugin: plugin_of(arguments.plugin.as_deref())?,
        repository: arguments.repo.clone(),
        loader: careful_loading(None)?,
    };
    let context = HostCallContext::new("engine-demo")
        .with_time_limit(Duration::from_secs(arguments.timeout))
        .with_cancellation(interrupt::cancellation());
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(Duration::from_millis(200));
    spinner.set_message(STEPS[0].title);
    let mut printed = Ok(());
    let mut number = 0;
    let (report, outcome) = demo::run(&options, &context, &mut |step| {
        number += 1;
        if !output.is_json() && printed.is_ok() {
            printed = spinner.suspend(|| print_text(&step_text(number, step)));
        }
        if let Some(next) = STEPS.get(number) {
            spinner.set_message(next.title);
        }
    });
    spinner.finish_and_clear();
    printed?;
    match outcome {
        Ok(()) => output.either(|| json!(report), || end_text(&report)),
        Err(error) => Err(failure_of(error, &report)),
    }
}

/// The plugin that was named, or the one beside the executable.
fn plugin_of(named: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    let executable = std::env::current_exe()
        .map_err(|error| Failure::file(Path::new("the executable"), &error))?;
    let beside = executable.with_file_name(PLUGIN);
    let in_directory = executable.with_file_name("plugins").join(PLUGIN);
    let installed = executable
        .with_file_name("../lib/engine/plugins")
        .join(PLUGIN);
    [&beside, &in_directory, &installed]
        .into_iter()
        .find(|path| path.is_file())
        .cloned()
        .ok_or_else(|| {
            Failure::usage(format!(
                "neither {} nor {} is there; name the plugin with --plugin FILE, or run: cargo xtask demo",
                beside.display(),
                in_directory.display()
            ))
        })
}

/// The failure names the step; the report up to there goes with it.
fn failure_of(error: DemoError, report: &DemoReport) -> Failure {
    let failure = match error {
        DemoError::Load(error) => Failure::from(*error),
        DemoError::Vcs(error) => Failure::from(*error),
        DemoError::Git(error) => git_failure(error),
        DemoError::Check(message) => Failure::new(exit::CHECK_FAILED, message),
        other @ (DemoError::Mock(_) | DemoError::System(..)) => {
            Failure::new(exit::FAILURE, other.to_string())
        }
    };
    let step = report.steps.last().map_or("begin", |step| step.name);
    failure
        .in_context(format!("the step {step} failed"))
        .with_fact("demo_step", step)
        .with_fact("report", json!(report))
}

/// The failure of git.
pub(super) fn git_failure(error: GitError) -> Failure {
    match error {
        GitError::Vcs(error) => Failure::from(error),
        other => Failure::new(exit::GIT_FAILED, other.to_string()),
    }
}

fn step_text(number: usize, step: &StepReport) -> String {
    let (colour, word) = if step.ok {
        ("32", "ok")
    } else {
        ("31", "failed")
    };
    let mut text = format!(
        "\x1b[1m{number:>2}/{}  {}\x1b[0m  \x1b[{colour}m{word}\x1b[0m  {} ms\n",
        STEPS.len(),
        step.title,
        step.milliseconds
    );
    for (name, value) in &step.facts {
        let value = match value {
            Value::Null => continue,
            Value::Array(items) if items.is_empty() => continue,
            Value::String(value) => value.clone(),
            other => other.to_string(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "       {name}: {}", one_line(&value));
    }
    for request in step.requests.iter().take(SHOWN_REQUESTS) {
        let _ = writeln!(
            text,
            "       \x1b[2m-> {} {} {} ({} ms)\x1b[0m",
            request.method,
            shortened(&one_line(&request.path)),
            request.status,
            request.milliseconds
        );
    }
    if let Some(hidden @ 1..) = step.requests.len().checked_sub(SHOWN_REQUESTS) {
        let _ = writeln!(text, "       \x1b[2m-> and {hidden} more requests\x1b[0m");
    }
    text
}

/// A path without the end that would fill lines.
fn shortened(path: &str) -> String {
    if path.chars().count() <= SHOWN_PATH {
        return path.to_owned();
    }
    let start: String = path.chars().take(SHOWN_PATH).collect();
    format!("{start}…")
}

fn end_text(report: &DemoReport) -> String {
    let requests: usize = report.steps.iter().map(|step| step.requests.len()).sum();
    format!(
        "\x1b[1;32mAll {} steps succeeded\x1b[0m in {} ms with {requests} requests.\n",
        report.steps.len(),
        report.milliseconds
    )
}
