//! Loads a plugin in another process first, so that one that hangs or crashes
//! while it is linked costs the host nothing but a message.
//!
//! The other process is the host's own program, started again: its `main`
//! begins with [`serve_preflight`].

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

/// Says to a started program that it is a preflight.
const ASKED: &str = "VCS_PLUGIN_PREFLIGHT";

/// The longest answer of a preflight that is read.
const LONGEST_RESPONSE: u64 = 1024 * 1024;

/// How plugins are tried.
#[derive(Clone, Debug)]
pub struct Preflight {
    /// A program whose `main` begins with [`serve_preflight`].
    pub program: PathBuf,
    /// How long a preflight may take.
    pub time_limit: Duration,
}

/// What a preflight is asked, on its standard input.
#[derive(Serialize, Deserialize)]
struct Request {
    // Not as paths: serde rejects those that are not Unicode.
    plugin: OsString,
    staged: OsString,
    size: u64,
    digest: Digest,
    manifest: Option<Manifest>,
    info_time_limit: Duration,
}

/// What a preflight answers, on its standard output.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    Loads(Box<PluginReport>),
    Rejected(LoadError),
}

impl Preflight {
    /// Preflights by the running program, of at most 20 seconds.
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
    /// `preflight_failed`, `preflight_killed`, `preflight_timed_out`, and whatever the
    /// other process rejected it for.
    pub(super) fn run(
        &self,
        prepared: &Prepared,
        options: &LoaderOptions,
    ) -> Result<PluginReport, LoadError> {
        let plugin = &prepared.plugin;
        let failed =
            |found: &dyn Display| LoadError::new(Reason::PreflightFailed, plugin).found(found);
        let request = serde_json::to_vec(&Request {
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
        let answer = self.converse(&mut child, request);
        let in_time = answer.is_ok();
        if !in_time {
            // It may have ended in this moment; then there is nothing to kill.
            let _ = child.kill();
        }
        let status = child.wait().map_err(|error| failed(&error))?;
        let Ok(answer) = answer else {
            return Err(LoadError::new(Reason::PreflightTimedOut, plugin)
                .expected(format!("a response within {:?}", self.time_limit))
                .found("none"));
        };
        match serde_json::from_slice(&answer) {
            Ok(Response::Loads(mut report)) if status.success() => {
                report.path.clone_from(plugin);
                Ok(*report)
            }
            Ok(Response::Rejected(mut error)) => {
                error.facts.path.clone_from(plugin);
                Err(error)
            }
            _ => Err(ended_badly(plugin, status)),
        }
    }

    /// Writes the request and reads until the other process has closed its output.
    fn converse(&self, child: &mut Child, request: Vec<u8>) -> Result<Vec<u8>, super::NoResult> {
        let (input, output) = (child.stdin.take(), child.stdout.take());
        within(self.time_limit, "provider-preflight", move || {
            let mut answer = Vec::new();
            if let (Some(mut input), Some(output)) = (input, output) {
                // A process that has ended takes no request and gives no
                // answer; its status says why.
                let _ = input.write_all(&request);
                drop(input);
                let _ = output.take(LONGEST_RESPONSE).read_to_end(&mut answer);
            }
            answer
        })
    }
}

fn ended_badly(plugin: &std::path::Path, status: ExitStatus) -> LoadError {
    match status.signal() {
        Some(signal) => LoadError::new(Reason::PreflightKilled, plugin)
            .expected("a response")
            .found(format!("signal {signal}")),
        None => LoadError::new(Reason::PreflightFailed, plugin)
            .expected("a response")
            .found(format!("{status} without one")),
    }
}

/// Serves as the other process of a preflight, if this process was started as one.
///
/// The first line of a host's `main`:
/// ```no_run
/// # fn main() -> std::process::ExitCode {
/// if let Some(code) = vcs_plugin_host::loader::serve_preflight() {
///     return code;
/// }
/// # std::process::ExitCode::SUCCESS
/// # }
/// ```
#[must_use]
pub fn serve_preflight() -> Option<ExitCode> {
    std::env::var_os(ASKED)?;
    // A plugin that hangs must not outlive a host that is killed while it waits.
    // Where that cannot be arranged, the host's own limit ends it.
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    let mut request = Vec::new();
    let answered = std::io::stdin()
        .read_to_end(&mut request)
        .map_err(|error| error.to_string())
        .and_then(|_| serde_json::from_slice(&request).map_err(|error| error.to_string()))
        .and_then(|request| respond(request).map_err(|error| error.to_string()));
    Some(match answered {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    })
}

fn respond(request: Request) -> std::io::Result<()> {
    let loader = Loader::new(LoaderOptions {
        info_time_limit: request.info_time_limit,
        ..Default::default()
    });
    let outcome = loader.open(&Prepared {
        plugin: request.plugin.into(),
        staged: request.staged.into(),
        size: request.size,
        digest: request.digest,
        manifest: request.manifest,
    });
    let response = match outcome {
        Ok(loaded) => Response::Loads(Box::new(loaded.report())),
        Err(error) => Response::Rejected(error),
    };
    let text = serde_json::to_vec(&response)?;
    let mut output = std::io::stdout();
    output.write_all(&text)?;
    output.flush()
}
