//! Runs `git` as a process: with a deadline, cancellable, without prompts, and
//! with a credential that only the remote's own host gets.
//!
//! Owns how a credential reaches git: through the environment of the one
//! process, given out by a credential helper that git asks for this scheme,
//! host and port only. So it stands in no address, no argument and no file, and
//! neither a redirect nor a submodule of another host gets it. Error output is
//! freed of it before anybody sees it.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use url::Url;
use vcs_provider_interface::context::CallContext;
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::records::CheckoutCredentials;
use vcs_provider_interface::secret::Secret;

/// The environment variables that the credential helper reads.
const USERNAME_VARIABLE: &str = "ENGINE_GIT_USERNAME";
const SECRET_VARIABLE: &str = "ENGINE_GIT_SECRET";

/// What the helper is: a shell function that answers `get` and nothing else.
const HELPER: &str = "!f() { test \"$1\" = get || return 0; \
     printf 'username=%s\\npassword=%s\\n' \"$ENGINE_GIT_USERNAME\" \"$ENGINE_GIT_SECRET\"; }; f";

/// How often a running git is looked at for its deadline.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// How long git may take to tidy up after it was asked to end.
const GRACE: Duration = Duration::from_secs(2);
/// How much of git's error output is kept for the message.
const KEPT_LINES: usize = 12;

/// Why git did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The deadline passed, the call was cancelled, or git's words have a plain
    /// meaning such as "not found" or "not authenticated".
    #[error("{}", .0.message)]
    Vcs(#[from] VcsError),
    /// Git failed for a reason of its own.
    #[error("git {command} failed: {message}")]
    Failed {
        /// The command, such as `fetch`.
        command: String,
        /// The end of what git said.
        message: String,
    },
    /// Git cannot be started.
    #[error("git cannot be started: {0}; is it installed?")]
    NotStarted(#[source] std::io::Error),
}

/// A remote and what is needed to reach it.
#[derive(Clone, Debug)]
pub struct Remote {
    url: Url,
    username: Option<String>,
    secret: Option<Secret>,
}

impl Remote {
    /// A remote by its address over HTTP(S), with a credential or none.
    ///
    /// # Errors
    /// `InvalidInput` for another scheme or an address that holds a credential.
    pub fn new(
        url: &str,
        username: Option<String>,
        secret: Option<Secret>,
    ) -> Result<Self, VcsError> {
        let refused =
            |why: &str| VcsError::new(ErrorKind::INVALID_INPUT, format!("the clone address {why}"));
        let url = Url::parse(url).map_err(|error| refused(&format!("is no address: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(refused("must begin with https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("must not hold a user name or password"));
        }
        let is_one_line = |text: &str| !text.contains(['\n', '\r', '\0']);
        let texts = [
            username.as_deref(),
            secret.as_ref().map(|secret| secret.expose()),
        ];
        if !texts.into_iter().flatten().all(is_one_line) {
            let message = "the credential holds a line break, which git cannot take";
            return Err(VcsError::new(ErrorKind::INVALID_INPUT, message));
        }
        Ok(Self {
            url,
            username,
            secret,
        })
    }

    /// The remote that a provider described.
    ///
    /// # Errors
    /// As [`Remote::new`].
    pub fn of(credentials: CheckoutCredentials) -> Result<Self, VcsError> {
        Self::new(
            &credentials.http_url,
            credentials.username,
            credentials.secret,
        )
    }

    /// The address, without a credential.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Git's settings and variables that make the credential known for this
    /// remote's origin, and for nothing else.
    fn prepare(&self, command: &mut Command) {
        // The empty helper drops those of the machine.
        let mut settings = vec![
            ("credential.helper".to_owned(), String::new()),
            ("core.askPass".to_owned(), String::new()),
        ];
        if let Some(secret) = &self.secret {
            let origin = self.url.origin().ascii_serialization();
            settings.push((format!("credential.{origin}.helper"), HELPER.to_owned()));
            command
                .env(USERNAME_VARIABLE, self.username.as_deref().unwrap_or("git"))
                .env(SECRET_VARIABLE, secret.expose());
        }
        command.env("GIT_CONFIG_COUNT", settings.len().to_string());
        for (index, (key, value)) in settings.iter().enumerate() {
            command
                .env(format!("GIT_CONFIG_KEY_{index}"), key)
                .env(format!("GIT_CONFIG_VALUE_{index}"), value);
        }
    }

    /// The text without the secret and without credentials in addresses.
    fn redact(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        if let Some(secret) = self.secret.as_ref().filter(|secret| !secret.is_empty()) {
            let encoded: String =
                url::form_urlencoded::byte_serialize(secret.expose().as_bytes()).collect();
            for form in [secret.expose(), &encoded] {
                clean = clean.replace(form, "[redacted]");
            }
        }
        clean
    }
}

/// Receives git's progress, line by line.
pub type Progress<'a> = &'a mut dyn FnMut(&str);

/// A git command to run.
pub struct Git<'a> {
    folder: &'a Path,
    remote: Option<&'a Remote>,
    environment: Vec<(OsString, OsString)>,
}

impl<'a> Git<'a> {
    /// Commands in this folder, without a remote.
    #[must_use]
    pub fn new(folder: &'a Path) -> Self {
        Self {
            folder,
            remote: None,
            environment: Vec::new(),
        }
    }

    /// The same with a remote's credential.
    #[must_use]
    pub fn with_remote(mut self, remote: &'a Remote) -> Self {
        self.remote = Some(remote);
        self
    }

    /// The same with one more environment variable.
    #[must_use]
    pub fn with_variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Runs a command and gives its standard output.
    ///
    /// # Errors
    /// `Timeout` and `Cancelled` by the context; `Unauthenticated`, `NotFound`,
    /// `Unavailable` where git's words say so; otherwise [`GitError::Failed`].
    pub fn run<S: AsRef<OsStr>>(
        &self,
        context: &dyn CallContext,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<String, GitError> {
        self.run_with_progress(context, arguments, &mut |_| {})
    }

    /// The same, handing on each line of git's progress.
    ///
    /// # Errors
    /// As [`Git::run`].
    pub fn run_with_progress<S: AsRef<OsStr>>(
        &self,
        context: &dyn CallContext,
        arguments: impl IntoIterator<Item = S>,
        progress: Progress<'_>,
    ) -> Result<String, GitError> {
        let arguments: Vec<OsString> = arguments
            .into_iter()
            .map(|argument| argument.as_ref().to_owned())
            .collect();
        let name = arguments
            .first()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        check(context, &name)?;
        let mut command = self.command();
        command.args(&arguments);
        let mut child = command.spawn().map_err(GitError::NotStarted)?;
        let output = read_output(child.stdout.take());
        let lines = read_lines(child.stderr.take());
        let mut words = Words::new(self.remote);
        let status = wait(&mut child, context, &name, &lines, &mut |line| {
            words.take(line, progress);
        })?;
        let output = output.join().unwrap_or_default();
        if status.success() {
            return Ok(String::from_utf8_lossy(&output).into_owned());
        }
        Err(words.into_error(name, self.remote))
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        command
            .current_dir(self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Its own group, so that git's helpers end with it, and so that
            // Ctrl-C comes through the context and not past it.
            .process_group(0)
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "")
            .env("SSH_ASKPASS", "")
            .env("GIT_ALLOW_PROTOCOL", "http:https")
            .env("GIT_LFS_SKIP_SMUDGE", "1");
        // A surrounding git, such as one that runs a hook, must not redirect ours.
        for name in [
            "GIT_DIR",
            "GIT_WORK_TREE",
            "GIT_INDEX_FILE",
            "GIT_OBJECT_DIRECTORY",
            "GIT_ALTERNATE_OBJECT_DIRECTORIES",
            "GIT_TRACE",
            "GIT_TRACE_CURL",
            "GIT_CURL_VERBOSE",
        ] {
            command.env_remove(name);
        }
        if let Some(remote) = self.remote {
            remote.prepare(&mut command);
        }
        command.envs(self.environment.iter().cloned());
        command
    }
}

/// What git says on standard error.
struct Words<'a> {
    remote: Option<&'a Remote>,
    kept: Vec<String>,
}

impl<'a> Words<'a> {
    fn new(remote: Option<&'a Remote>) -> Self {
        Self {
            remote,
            kept: Vec::new(),
        }
    }

    fn take(&mut self, line: &str, progress: Progress<'_>) {
        let clean = match self.remote {
            Some(remote) => remote.redact(line),
            None => line.to_owned(),
        };
        progress(&clean);
        // Lines of progress end in a percentage and say nothing of a failure.
        if clean.contains("% (") {
            return;
        }
        if self.kept.len() == KEPT_LINES {
            self.kept.remove(0);
        }
        self.kept.push(clean);
    }

    fn into_error(self, command: String, remote: Option<&Remote>) -> GitError {
        let message = self.kept.join("; ");
        let lower = message.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        let place = remote.map_or_else(String::new, |remote| format!(" {}", remote.url()));
        let meaning = if says(&[
            "authentication failed",
            "could not read username",
            "could not read password",
            "error: 401",
        ]) {
            Some((
                ErrorKind::UNAUTHENTICATED,
                "the service does not accept the credential for",
            ))
        } else if says(&["error: 403"]) {
            Some((
                ErrorKind::PERMISSION_DENIED,
                "the credential may not do this on",
            ))
        } else if says(&["couldn't find remote ref", "not our ref", "no such ref"]) {
            Some((ErrorKind::NOT_FOUND, "there is no such ref or commit on"))
        } else if says(&["repository not found", "error: 404", "not found"]) && remote.is_some() {
            Some((
                ErrorKind::NOT_FOUND,
                "there is no such repository, or the credential may not see it:",
            ))
        } else if says(&[
            "could not resolve host",
            "failed to connect",
            "couldn't connect",
            "connection refused",
        ]) {
            Some((ErrorKind::UNAVAILABLE, "the service cannot be reached at"))
        } else {
            None
        };
        match meaning {
            Some((kind, words)) => VcsError::new(
                kind,
                format!("git {command}: {words}{place} (git says: {message})"),
            )
            .into(),
            None => GitError::Failed { command, message },
        }
    }
}

/// Waits for the end of git, handing on its lines and looking at the context.
fn wait(
    child: &mut Child,
    context: &dyn CallContext,
    name: &str,
    lines: &Receiver<String>,
    take: &mut dyn FnMut(&str),
) -> Result<ExitStatus, GitError> {
    loop {
        match lines.recv_timeout(LOOK_INTERVAL) {
            Ok(line) => take(&line),
            Err(RecvTimeoutError::Timeout) => {}
            // Git closed its standard error: it has ended or is about to.
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if let Err(error) = check(context, name) {
            end(child);
            return Err(error.into());
        }
    }
    child.wait().map_err(GitError::NotStarted)
}

fn check(context: &dyn CallContext, name: &str) -> Result<(), VcsError> {
    if context.is_cancelled() {
        let message = format!("git {name} was cancelled");
        return Err(VcsError::new(ErrorKind::CANCELLED, message));
    }
    if context.time_left() == Some(Duration::ZERO) {
        let message = format!("git {name} did not end before the deadline");
        return Err(VcsError::new(ErrorKind::TIMEOUT, message));
    }
    Ok(())
}

/// Ends git and its helpers: politely first, so that it removes its lock files.
fn end(child: &mut Child) {
    signal_group(child, rustix::process::Signal::TERM);
    let deadline = Instant::now() + GRACE;
    while Instant::now() < deadline {
        if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    signal_group(child, rustix::process::Signal::KILL);
    // It has ended by now; this only takes its status from the system.
    let _ = child.wait();
}

fn signal_group(child: &Child, signal: rustix::process::Signal) {
    let group = i32::try_from(child.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        // A group that is gone already needs no signal.
        let _ = rustix::process::kill_process_group(group, signal);
    }
}

fn read_output(source: Option<std::process::ChildStdout>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut source) = source {
            // What arrived before a failure of the pipe is all there is.
            let _ = source.read_to_end(&mut bytes);
        }
        bytes
    })
}

/// Splits standard error into lines; progress overwrites its line by `\r`.
fn read_lines(source: Option<std::process::ChildStderr>) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let Some(mut source) = source else { return };
        let mut pending = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = source.read(&mut buffer) {
            for byte in &buffer[..count] {
                if matches!(byte, b'\n' | b'\r') {
                    if !send_line(&sender, &mut pending) {
                        return;
                    }
                } else {
                    pending.push(*byte);
                }
            }
        }
        send_line(&sender, &mut pending);
    });
    receiver
}

fn send_line(sender: &std::sync::mpsc::Sender<String>, pending: &mut Vec<u8>) -> bool {
    let line = String::from_utf8_lossy(pending).trim().to_owned();
    pending.clear();
    line.is_empty() || sender.send(line).is_ok()
}

/// A folder that is removed again unless the work in it succeeds.
pub(super) struct FolderGuard {
    created: Option<PathBuf>,
}

impl FolderGuard {
    /// Takes an absent or empty folder for a checkout.
    pub(super) fn claim(folder: &Path) -> Result<Self, VcsError> {
        let refused = |why: String| {
            VcsError::new(
                ErrorKind::INVALID_INPUT,
                format!("{}: {why}", folder.display()),
            )
        };
        match std::fs::read_dir(folder) {
            Ok(mut entries) => match entries.next() {
                None => Ok(Self { created: None }),
                Some(_) => Err(refused("the folder is not empty".to_owned())),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                std::fs::create_dir_all(folder).map_err(|error| refused(error.to_string()))?;
                Ok(Self {
                    created: Some(folder.to_owned()),
                })
            }
            Err(error) => Err(refused(error.to_string())),
        }
    }

    /// Keeps the folder.
    pub(super) fn keep(mut self) {
        self.created = None;
    }
}

impl Drop for FolderGuard {
    fn drop(&mut self) {
        if let Some(folder) = &self.created {
            // What cannot be removed is left for the administrator.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}
