//! Tries a plugin in another process first, so that one that hangs or ends its
//! process while it is linked costs the host nothing but a message.
//!
//! The other process is the host's own program, started again: its `main`
//! begins with [`serve_trial`].

use super::deadline::within;
use super::error::{LoadError, Reason};
use super::manifest::{Digest, Manifest};
use super::{Loader, LoaderOptions, PluginReport, Prepared};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::Duration;

/// Says to a started program that it is a trial.
const ASKED: &str = "VCS_PROVIDER_TRIAL";

/// The longest answer of a trial that is read.
const LONGEST_ANSWER: u64 = 1024 * 1024;

/// How plugins are tried.
#[derive(Clone, Debug)]
pub struct Trial {
    /// A program whose `main` begins with [`serve_trial`].
    pub program: PathBuf,
    /// How long a trial may take.
    pub time_limit: Duration,
}

/// What a trial is asked, on its standard input.
#[derive(Serialize, Deserialize)]
struct Question {
    // Not as paths: serde refuses those that are not Unicode.
    plugin: OsString,
    staged: OsString,
    size: u64,
    digest: Digest,
    manifest: Option<Manifest>,
    info_time_limit: Duration,
}

/// What a trial answers, on its standard output.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Loads(Box<PluginReport>),
    Refused(LoadError),
}

impl Trial {
    /// Trials by the running program, of at most 20 seconds.
    ///
    /// # Errors
    /// If the path of the running program cannot be found out.
    pub fn by_this_program() -> std::io::Result<Self> {
        Ok(Self {
            program: std::env::current_exe()?,
            time_limit: Duration::from_secs(20),
        })
    }

    /// Lets another process link and ask the plugin.
    ///
    /// # Errors
    /// `trial_failed`, `trial_killed`, `trial_timed_out`, and whatever the
    /// other process refused it for.
    pub(super) fn run(
        &self,
        prepared: &Prepared,
        options: &LoaderOptions,
    ) -> Result<PluginReport, LoadError> {
        let plugin = &prepared.plugin;
        let failed = |found: &dyn Display| LoadError::new(Reason::TrialFailed, plugin).found(found);
        let question = serde_json::to_vec(&Question {
            plugin: plugin.clone().into_os_string(),
            staged: prepared.staged.clone().into_os_string(),
            size: prepared.size,
            digest: prepared.digest,
            manifest: prepared.manifest.clone(),
            info_time_limit: options.info_time_limit,
        })
        .map_err(|error| failed(&error))?;
        let mut child = Command::new(&self.program)
            .env(ASKED, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| failed(&format!("{}: {error}", self.program.display())))?;
        let answer = self.converse(&mut child, question);
        let in_time = answer.is_ok();
        if !in_time {
            // It may have ended in this moment; then there is nothing to kill.
            let _ = child.kill();
        }
        let status = child.wait().map_err(|error| failed(&error))?;
        let Ok(answer) = answer else {
            return Err(LoadError::new(Reason::TrialTimedOut, plugin)
                .expected(format!("an answer within {:?}", self.time_limit))
                .found("none"));
        };
        match serde_json::from_slice(&answer) {
            Ok(Answer::Loads(mut report)) if status.success() => {
                report.path.clone_from(plugin);
                Ok(*report)
            }
            Ok(Answer::Refused(mut error)) => {
                error.facts.path.clone_from(plugin);
                Err(error)
            }
            _ => Err(ended_badly(plugin, status)),
        }
    }

    /// Writes the question and reads until the other process has closed its output.
    fn converse(&self, child: &mut Child, question: Vec<u8>) -> Result<Vec<u8>, super::NoResult> {
        let (input, output) = (child.stdin.take(), child.stdout.take());
        within(self.time_limit, "provider-trial", move || {
            let mut answer = Vec::new();
            if let (Some(mut input), Some(output)) = (input, output) {
                // A process that has ended takes no question and gives no
                // answer; its status says why.
                let _ = input.write_all(&question);
                drop(input);
                let _ = output.take(LONGEST_ANSWER).read_to_end(&mut answer);
            }
            answer
        })
    }
}

fn ended_badly(plugin: &std::path::Path, status: ExitStatus) -> LoadError {
    match status.signal() {
        Some(signal) => LoadError::new(Reason::TrialKilled, plugin)
            .expected("an answer")
            .found(format!("signal {signal}")),
        None => LoadError::new(Reason::TrialFailed, plugin)
            .expected("an answer")
            .found(format!("{status} without one")),
    }
}

/// Serves as the other process of a trial, if this process was started as one.
///
/// The first line of a host's `main`:
/// ```no_run
/// # fn main() -> std::process::ExitCode {
/// if let Some(code) = vcs_plugin_host::loader::serve_trial() {
///     return code;
/// }
/// # std::process::ExitCode::SUCCESS
/// # }
/// ```
#[must_use]
pub fn serve_trial() -> Option<ExitCode> {
    std::env::var_os(ASKED)?;
    // A plugin that hangs must not outlive a host that is killed while it waits.
    // Where that cannot be arranged, the host's own limit ends it.
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    let mut question = Vec::new();
    let answered = std::io::stdin()
        .read_to_end(&mut question)
        .map_err(|error| error.to_string())
        .and_then(|_| serde_json::from_slice(&question).map_err(|error| error.to_string()))
        .and_then(|question| answer(question).map_err(|error| error.to_string()));
    Some(match answered {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    })
}

fn answer(question: Question) -> std::io::Result<()> {
    let loader = Loader::new(LoaderOptions {
        info_time_limit: question.info_time_limit,
        ..Default::default()
    });
    let outcome = loader.open(&Prepared {
        plugin: question.plugin.into(),
        staged: question.staged.into(),
        size: question.size,
        digest: question.digest,
        manifest: question.manifest,
    });
    let answer = match outcome {
        Ok(loaded) => Answer::Loads(Box::new(loaded.report())),
        Err(error) => Answer::Refused(error),
    };
    let text = serde_json::to_vec(&answer)?;
    let mut output = std::io::stdout();
    output.write_all(&text)?;
    output.flush()
}
