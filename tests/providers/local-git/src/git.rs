//! Runs `git` under the deadline and the cancellation of a call.

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;
use vcs_provider_interface::prelude::*;

/// How often a running `git` is compared with its call's deadline.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The longest error text of `git` that is kept.
const LONGEST_COMPLAINT: u64 = 4096;

/// A repository on disk.
pub(crate) struct Git<'a> {
    context: &'a dyn CallContext,
    folder: PathBuf,
}

/// How a run of `git` ended that was not ended by its call.
pub(crate) struct Ended<T> {
    /// What was made of its output.
    pub(crate) value: T,
    /// Whether it ended with success.
    pub(crate) succeeded: bool,
    /// What it said on standard error.
    pub(crate) complaint: String,
}

/// What a reader of output wants next.
pub(crate) enum Next {
    /// More output.
    More,
    /// Nothing more; `git` is ended.
    Enough,
}

impl<'a> Git<'a> {
    pub(crate) fn new(context: &'a dyn CallContext, folder: PathBuf) -> Self {
        Self { context, folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The call for which git is asked.
    pub(crate) fn context(&self) -> &'a dyn CallContext {
        self.context
    }

    /// Runs `git` and collects its whole output.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Result<Ended<Vec<u8>>> {
        let mut all = Vec::new();
        let ended = self.stream(arguments, |output| {
            output.read_to_end(&mut all).map(|_| Next::More)
        })?;
        Ok(Ended {
            value: all,
            succeeded: ended.succeeded,
            complaint: ended.complaint,
        })
    }

    /// The same where anything but success is an error.
    pub(crate) fn must(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let ended = self.ask(arguments)?;
        if ended.succeeded {
            return Ok(ended.value);
        }
        Err(failed(arguments, &ended.complaint))
    }

    /// Runs `git` and hands out the fields of its output that end with NUL, in
    /// groups of this many, until there is enough.
    pub(crate) fn records(
        &self,
        arguments: &[&str],
        fields: usize,
        mut take: impl FnMut(Vec<String>) -> Result<Next>,
    ) -> Result<()> {
        let mut taken = Ok(Next::More);
        let ended = self.stream(arguments, |output| {
            let mut output = BufReader::new(output);
            let mut record = Vec::with_capacity(fields);
            loop {
                let mut field = Vec::new();
                if output.read_until(0, &mut field)? == 0 {
                    return Ok(Next::More);
                }
                if field.last() == Some(&0) {
                    field.pop();
                }
                record.push(String::from_utf8_lossy(&field).into_owned());
                if record.len() == fields {
                    taken = take(std::mem::take(&mut record));
                    if !matches!(taken, Ok(Next::More)) {
                        return Ok(Next::Enough);
                    }
                }
            }
        })?;
        match taken? {
            Next::Enough => Ok(()),
            Next::More if ended.succeeded => Ok(()),
            Next::More => Err(failed(arguments, &ended.complaint)),
        }
    }

    /// Runs `git` and lets its output be read. It is ended when the reader has
    /// enough, when the call is cancelled, and at the deadline.
    pub(crate) fn stream(
        &self,
        arguments: &[&str],
        read: impl FnOnce(&mut dyn Read) -> std::io::Result<Next>,
    ) -> Result<Ended<()>> {
        check(self.context)?;
        let mut child = self
            .command(arguments)
            .spawn()
            .map_err(|error| internal(format!("git cannot be started: {error}")))?;
        let (output, complaints) = (child.stdout.take(), child.stderr.take());
        let (Some(mut output), Some(complaints)) = (output, complaints) else {
            return Err(internal("git has no output".to_owned()));
        };
        let guarded = Guarded::new(child);
        let (outcome, complaint) = std::thread::scope(|scope| {
            scope.spawn(|| guarded.end_when_unwanted(self.context));
            let complaint = scope.spawn(|| {
                let mut text = Vec::new();
                // What it complains about is lost at worst.
                let _ = complaints.take(LONGEST_COMPLAINT).read_to_end(&mut text);
                String::from_utf8_lossy(&text).trim().to_owned()
            });
            let outcome = read(&mut output);
            if !matches!(outcome, Ok(Next::More)) {
                guarded.end();
            }
            drop(output);
            let complaint = complaint.join().unwrap_or_default();
            guarded.finish();
            (outcome, complaint)
        });
        let status = guarded.wait()?;
        check(self.context)?;
        outcome.map_err(|error| internal(format!("the output of git cannot be read: {error}")))?;
        Ok(Ended {
            value: (),
            succeeded: status.success(),
            complaint,
        })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_AUTHOR_NAME", "local-git")
            .env("GIT_AUTHOR_EMAIL", "local-git@localhost")
            .env("GIT_COMMITTER_NAME", "local-git")
            .env("GIT_COMMITTER_EMAIL", "local-git@localhost")
            .args(["-c", "safe.directory=*", "--git-dir"])
            .arg(&self.folder)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

/// A running `git` that two threads may want to end.
struct Guarded {
    child: Mutex<Child>,
    is_over: Mutex<bool>,
    over: Condvar,
}

impl Guarded {
    fn new(child: Child) -> Self {
        Self {
            child: Mutex::new(child),
            is_over: Mutex::new(false),
            over: Condvar::new(),
        }
    }

    fn end(&self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        // It may have ended by itself; then there is nothing to end.
        let _ = child.kill();
    }

    fn finish(&self) {
        *self.is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.over.notify_all();
    }

    fn end_when_unwanted(&self, context: &dyn CallContext) {
        let mut is_over = self.is_over.lock().unwrap_or_else(PoisonError::into_inner);
        while !*is_over {
            if check(context).is_err() {
                self.end();
                return;
            }
            is_over = self
                .over
                .wait_timeout(is_over, LOOK_AGAIN)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn wait(self) -> Result<ExitStatus> {
        let mut child = self
            .child
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        child
            .wait()
            .map_err(|error| internal(format!("git did not end: {error}")))
    }
}

/// Whether the call is still wanted.
pub(crate) fn check(context: &dyn CallContext) -> Result<()> {
    if context.is_cancelled() {
        return Err(VcsError::new(
            ErrorKind::CANCELLED,
            "the call was cancelled",
        ));
    }
    if context.time_left() == Some(Duration::ZERO) {
        return Err(VcsError::new(
            ErrorKind::TIMEOUT,
            "the deadline of the call has passed",
        ));
    }
    Ok(())
}

pub(crate) fn internal(message: String) -> VcsError {
    VcsError::new(ErrorKind::INTERNAL, message)
}

pub(crate) fn failed(arguments: &[&str], complaint: &str) -> VcsError {
    let command = arguments.first().copied().unwrap_or_default();
    internal(format!("git {command} failed: {complaint}"))
}
