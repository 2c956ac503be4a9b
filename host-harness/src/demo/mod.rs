//! The whole story once, for real: a plugin is staged, checked and loaded; it
//! talks to the mocked service over a real git repository; a real push makes a
//! signed delivery; what was pushed is checked out and gets build statuses.
//!
//! Each step is one function in `steps` and one entry of [`STEPS`]; a new part
//! of the story is a new entry. The given repository is never changed: the mock
//! serves a bare clone of it.

mod receiver;
mod report;
mod repository;
mod steps;
mod story;

pub use report::{DemoReport, RequestLine, StepReport};
pub use steps::STEPS;

use mock_bitbucket::MockError;
use std::path::PathBuf;
use std::time::Instant;
use story::Story;
use vcs_engine::git::GitError;
use vcs_plugin_host::loader::{LoadError, LoaderOptions};
use vcs_provider_interface::context::{CallContext, HostCallContext};
use vcs_provider_interface::error::VcsError;

/// What to demonstrate with.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// The plugin.
    pub plugin: PathBuf,
    /// The git repository, bare or not; `None` makes a small one.
    pub repository: Option<PathBuf>,
    /// How the plugin is loaded.
    pub loader: LoaderOptions,
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The plugin was rejected.
    #[error(transparent)]
    Load(Box<LoadError>),
    /// A call to the provider failed.
    #[error("{}", .0.message)]
    Vcs(Box<VcsError>),
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The mock failed.
    #[error(transparent)]
    Mock(#[from] MockError),
    /// A file or socket failed.
    #[error("{0}: {1}")]
    System(String, #[source] std::io::Error),
    /// Something is otherwise than it has to be.
    #[error("{0}")]
    Check(String),
}

impl From<LoadError> for DemoError {
    fn from(error: LoadError) -> Self {
        Self::Load(Box::new(error))
    }
}

impl From<VcsError> for DemoError {
    fn from(error: VcsError) -> Self {
        Self::Vcs(Box::new(error))
    }
}

/// One step of the story.
pub struct Step {
    /// The name for scripts.
    pub name: &'static str,
    /// What it does, for people.
    pub title: &'static str,
    /// Does it.
    run: fn(&mut Story<'_>) -> Result<(), DemoError>,
}

/// Tells the story. `observe` gets each step when it has ended; the first that
/// fails ends the story and comes back with its error.
///
/// # Errors
/// The error of the step that failed, which is also the last in the report.
pub fn run(
    options: &DemoOptions,
    context: &HostCallContext,
    observe: &mut dyn FnMut(&StepReport),
) -> (DemoReport, Result<(), DemoError>) {
    let started = Instant::now();
    let mut report = DemoReport::default();
    let mut story = match Story::begin(options, context) {
        Ok(story) => story,
        Err(error) => return (report, Err(error)),
    };
    let mut outcome = Ok(());
    for step in STEPS {
        let began = Instant::now();
        let result = check(context, step).and_then(|()| (step.run)(&mut story));
        let ended = StepReport {
            name: step.name,
            title: step.title,
            ok: result.is_ok(),
            error: result.as_ref().err().map(ToString::to_string),
            milliseconds: milliseconds_since(began),
            facts: story.take_facts(),
            requests: story.take_requests(),
        };
        observe(&ended);
        report.steps.push(ended);
        if result.is_err() {
            outcome = result;
            break;
        }
    }
    report.repository = story.repository_name().to_owned();
    report.ok = outcome.is_ok();
    report.milliseconds = milliseconds_since(started);
    (report, outcome)
}

fn check(context: &HostCallContext, step: &Step) -> Result<(), DemoError> {
    if context.is_cancelled() {
        let message = format!("cancelled before the step {}", step.name);
        let kind = vcs_provider_interface::error::ErrorKind::CANCELLED;
        return Err(VcsError::new(kind, message).into());
    }
    Ok(())
}

fn milliseconds_since(start: Instant) -> f64 {
    (start.elapsed().as_secs_f64() * 10_000.0).round() / 10.0
}
