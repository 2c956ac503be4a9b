//! Runs `git` as a process: with a deadline, cancellable, without prompts, and
//! with a credential that only the remote's own host gets.
//!
//! Owns how a credential reaches git: through the environment of the one
//! process, given out by a credential helper that git asks for this scheme,
//! host and port only. So it stands in no address, no argument and no file, and
//! neither a redirect nor a submodule of another host gets it. Error output is
//! freed of it before anybody sees it.

mod process;
mod words;

use process::{check, read_lines, read_output, wait};
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use url::Url;
use vcs_provider_interface::context::CallContext;
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::records::CheckoutCredentials;
use vcs_provider_interface::secret::Secret;
use words::Words;

/// The environment variables that the credential helper reads.
const USERNAME_VARIABLE: &str = "ENGINE_GIT_USERNAME";
const SECRET_VARIABLE: &str = "ENGINE_GIT_SECRET";

/// What the helper is: a shell function that answers `get` and nothing else.
const HELPER: &str = "!f() { test \"$1\" = get || return 0; \
     printf 'username=%s\\npassword=%s\\n' \"$ENGINE_GIT_USERNAME\" \"$ENGINE_GIT_SECRET\"; }; f";

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
