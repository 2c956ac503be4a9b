//! One git command: its environment, its run, its end.

use super::GitError;
use super::environment::Settings;
use super::isolation::isolate;
use super::process::{check, read_lines, read_output, wait};
use super::progress::Progress;
use super::remote::Remote;
use super::stderr::Stderr;
use super::version;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use vcs_provider_interface::context::CallContext;

/// A git command to run.
pub struct Git<'a> {
    directory: &'a Path,
    remote: Option<&'a Remote>,
    environment: Vec<(OsString, OsString)>,
    settings: Vec<(&'a str, &'a str)>,
}

impl<'a> Git<'a> {
    /// Commands in this directory, without a remote.
    #[must_use]
    pub fn new(directory: &'a Path) -> Self {
        Self {
            directory,
            remote: None,
            environment: Vec::new(),
            settings: Vec::new(),
        }
    }

    /// The same with a remote's credential and network.
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

    /// The same with further settings of git.
    #[must_use]
    pub fn with_settings(mut self, settings: &[(&'a str, &'a str)]) -> Self {
        self.settings.extend_from_slice(settings);
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
        version::check()?;
        let mut command = self.command()?;
        command.args(&arguments);
        let mut child = command.spawn().map_err(GitError::NotStarted)?;
        let output = read_output(child.stdout.take());
        let lines = read_lines(child.stderr.take());
        let mut stderr = Stderr::new(self.remote);
        let status = wait(&mut child, context, &name, &lines, &mut |line| {
            stderr.take(line, progress);
        })?;
        let output = output.join().unwrap_or_default();
        if status.success() {
            return Ok(String::from_utf8_lossy(&output).into_owned());
        }
        Err(stderr.into_error(name, status.code()))
    }

    fn command(&self) -> Result<Command, GitError> {
        let mut command = Command::new("git");
        isolate(
            &mut command,
            self.directory,
            self.remote.map(Remote::network),
        );
        command
            .current_dir(self.directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Its own group, so that git's helpers end with it, and so that
            // Ctrl-C comes through the context and not past it.
            .process_group(0);
        let mut settings = Settings::isolated(self.directory);
        if let Some(remote) = self.remote {
            remote.prepare(&mut settings, &mut command)?;
        }
        for (key, value) in &self.settings {
            settings.set(*key, *value);
        }
        settings.apply(&mut command);
        command.envs(self.environment.iter().cloned());
        Ok(command)
    }
}
