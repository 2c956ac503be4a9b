//! Loads a plugin in another process first, so that one that hangs or crashes,
//! while it is linked or while it makes a server, costs the host nothing but a
//! message.
//!
//! The other process is the host's own program, started again: its `main`
//! begins with [`serve_preflight`].

use super::confine::{self, Confinement};
use super::deadline::{StopSwitch, within};
use super::error::{LoadError, Reason};
use super::manifest::{Digest, Manifest};
use super::probe::default_probe;
use super::{LoadedProvider, Loader, LoaderOptions, NoResult, PluginReport, Prepared};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::error::{ErrorKind, Result as CallResult, VcsError};
use vcs_provider_interface::prelude::{Grant, HostServices, LogLevel, LogRecord};

/// Says to a started program that it is to do a preflight.
const REQUESTED: &str = "VCS_PLUGIN_PREFLIGHT";

/// The longest request and response that is read.
const LONGEST_MESSAGE: u64 = 16 * 1024 * 1024;

/// How plugins are loaded in another process first.
#[derive(Clone, Debug)]
pub struct Preflight {
    /// A program whose `main` begins with [`serve_preflight`].
    pub program: PathBuf,
    /// How long the other process may take.
    pub time_limit: Duration,
    /// How the other process is confined: for plugins that are to run in
    /// confined processes only.
    pub confinement: Option<Confinement>,
}

/// What the other process is to do, on its standard input.
#[derive(Serialize, Deserialize)]
struct Request {
    // Not as paths: serde rejects those that are not Unicode.
    plugin: OsString,
    staged: OsString,
    size: u64,
    digest: Digest,
    manifest: Option<Manifest>,
    info_time_limit: Duration,
    server_time_limit: Duration,
    confinement: Option<Confinement>,
    /// The tables of the servers to make; they may hold secrets.
    servers: Vec<String>,
}

/// What came of it, on its standard output.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    Loads(Box<PluginReport>),
    Rejected(LoadError),
}

impl Preflight {
    /// In the running program, for at most 20 seconds.
    ///
    /// # Errors
    /// If the path of the running program cannot be found out.
    pub fn by_this_program() -> std::io::Result<Self> {
        Ok(Self {
            program: std::env::current_exe()?,
            time_limit: Duration::from_secs(20),
            confinement: None,
        })
    }

    /// Lets another process link the plugin, ask it what it is, make these
    /// servers and probe them.
    ///
    /// # Errors
    /// `preflight_failed`, `preflight_killed`, `preflight_timed_out`, and
    /// whatever the other process rejected it for.
    pub(super) fn run(
        &self,
        prepared: &Prepared,
        servers: Vec<String>,
        options: &LoaderOptions,
    ) -> Result<PluginReport, LoadError> {
        let plugin = &prepared.plugin;
        let failed =
            |found: &dyn Display| LoadError::new(Reason::PreflightFailed, plugin).found(found);
        let request = serde_json::to_vec(&Request {
            plugin: plugin.clone().into_os_string(),
            staged: prepared.copy.path.clone().into_os_string(),
            size: prepared.size,
            digest: prepared.digest,
            manifest: prepared.manifest.clone(),
            info_time_limit: options.info_time_limit,
            server_time_limit: self.time_limit / 2,
            confinement: self.confinement.clone(),
            servers,
        })
        .map_err(|error| failed(&error))?;
        let mut child = Command::new(&self.program)
            .env(REQUESTED, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| failed(&format!("{}: {error}", self.program.display())))?;
        let response = self.converse(&mut child, request, &options.stop);
        if response.is_err() {
            // It may have ended in this moment; then there is nothing to kill.
            let _ = child.kill();
        }
        let status = child.wait().map_err(|error| failed(&error))?;
        let response = match response {
            Ok(response) => response,
            Err(NoResult::TimedOut) => {
                return Err(LoadError::new(Reason::PreflightTimedOut, plugin)
                    .expected(format!("a response within {:?}", self.time_limit))
                    .found("none"));
            }
            Err(NoResult::Stopped) => return Err(failed(&"that the host stops")),
            Err(NoResult::Failed) => return Err(failed(&"no thread to wait for it")),
        };
        match serde_json::from_slice(&response) {
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
    fn converse(
        &self,
        child: &mut Child,
        request: Vec<u8>,
        stop: &StopSwitch,
    ) -> Result<Vec<u8>, NoResult> {
        let (input, output) = (child.stdin.take(), child.stdout.take());
        within(self.time_limit, stop, "provider-preflight", move || {
            let mut response = Vec::new();
            if let (Some(mut input), Some(output)) = (input, output) {
                // A process that has ended takes no request and gives no
                // response; its status says why.
                let _ = input.write_all(&request);
                drop(input);
                let _ = output.take(LONGEST_MESSAGE).read_to_end(&mut response);
            }
            response
        })
    }
}

fn ended_badly(plugin: &Path, status: ExitStatus) -> LoadError {
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
    std::env::var_os(REQUESTED)?;
    // A plugin that hangs must not outlive a host that is killed while it waits.
    // Where that cannot be arranged, the host's own limit ends it.
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    let mut request = Vec::new();
    let responded = std::io::stdin()
        .take(LONGEST_MESSAGE)
        .read_to_end(&mut request)
        .map_err(|error| error.to_string())
        .and_then(|_| serde_json::from_slice(&request).map_err(|error| error.to_string()))
        .and_then(|request| respond(request).map_err(|error| error.to_string()));
    Some(match responded {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    })
}

fn respond(request: Request) -> std::io::Result<()> {
    let loader = Loader::new(LoaderOptions {
        info_time_limit: request.info_time_limit,
        ..Default::default()
    });
    let plugin = PathBuf::from(request.plugin);
    let staged = PathBuf::from(request.staged);
    let confined = match &request.confinement {
        Some(confinement) => confine::apply(confinement, &staged)
            .map(drop)
            .map_err(|what| confine::failed(&plugin, &what)),
        None => Ok(()),
    };
    let prepared = Prepared::of_copy(
        plugin.clone(),
        staged,
        request.size,
        request.digest,
        request.manifest,
    );
    let loaded = confined.and_then(|()| loader.open(&prepared));
    let tried = loaded.and_then(|loaded| {
        for config in request.servers {
            try_server(&loaded, &plugin, config, request.server_time_limit)?;
        }
        Ok(loaded.report())
    });
    let response = match tried {
        Ok(report) => Response::Loads(Box::new(report)),
        Err(error) => Response::Rejected(error),
    };
    let text = serde_json::to_vec(&response)?;
    let mut output = std::io::stdout();
    output.write_all(&text)?;
    output.flush()
}

/// Makes a server and probes it. What it answers is for the host itself to find
/// out; here it must neither crash nor hang.
fn try_server(
    loaded: &LoadedProvider,
    plugin: &Path,
    config: String,
    limit: Duration,
) -> Result<(), LoadError> {
    let provider = loaded.provider;
    let tried = within(limit, &StopSwitch::default(), "provider-try", move || {
        if let Ok(server) = provider.new_server(&config, Arc::new(Silent)) {
            let context = HostCallContext::new("preflight").with_time_limit(limit);
            let _ = default_probe(&server, &context);
            // A drop that hangs hangs no call of a host.
            let dropped = move || drop(server);
            let limit = Duration::from_secs(1).min(limit);
            let _ = within(limit, &StopSwitch::default(), "provider-drop", dropped);
        }
    });
    match tried {
        Err(NoResult::TimedOut) => Err(LoadError::new(Reason::PreflightTimedOut, plugin)
            .expected(format!("a server that answers within {limit:?}"))
            .found("none")),
        Ok(()) | Err(NoResult::Stopped | NoResult::Failed) => Ok(()),
    }
}

/// The services of a process in which nothing is kept.
struct Silent;

impl HostServices for Silent {
    fn log(&self, _record: LogRecord) {}

    fn is_log_enabled(&self, _level: LogLevel) -> bool {
        false
    }

    fn load_grant(&self, _grant_id: &str) -> CallResult<Option<Grant>> {
        Err(keeps_nothing())
    }

    fn store_grant(&self, _grant_id: &str, _grant: Grant) -> CallResult<()> {
        Err(keeps_nothing())
    }

    fn lock_grant(&self, _grant_id: &str, _wait_ms: u64) -> CallResult<u64> {
        Err(keeps_nothing())
    }

    fn unlock_grant(&self, _grant_id: &str, _lock: u64) {}
}

fn keeps_nothing() -> VcsError {
    VcsError::new(ErrorKind::UNAVAILABLE, "there are no grants in a preflight")
}
