//! One `git cat-file` that is kept for a repository, so that reading objects
//! costs no process each.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::time::SystemTime;

use crate::git::error::GitError;
use crate::sync::lock;

/// Questions that are asked before the replies are read. They fit into a pipe, so
/// that neither side waits for the other.
const AT_ONCE: usize = 500;

/// An object: its hash, its type and its content.
pub(crate) type Object = (String, String, Vec<u8>);

/// Reads objects of one repository; starts git when it is needed.
pub(crate) struct ObjectReader {
    packs: PathBuf,
    running: Mutex<Option<Running>>,
}

struct Running {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// When the packs last changed: a process keeps those open that it knows.
    packs_changed: Option<SystemTime>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Clone, Copy)]
enum Question {
    Info,
    Contents,
}

impl ObjectReader {
    pub(crate) fn new(git_dir: &Path) -> Self {
        Self {
            packs: git_dir.join("objects/pack"),
            running: Mutex::default(),
        }
    }

    /// Ends git, and with it what it knows of objects that are gone.
    pub(crate) fn stop(&self) {
        *lock(&self.running) = None;
    }

    /// The types of objects by full hash, in order; `None` for what is not there.
    pub(crate) fn types(
        &self,
        command: impl Fn() -> Command,
        hashes: &[&str],
    ) -> Result<Vec<Option<String>>, GitError> {
        let found = self.ask(&command, Question::Info, hashes)?;
        Ok(found
            .into_iter()
            .map(|object| object.map(|(_, kind, _)| kind))
            .collect())
    }

    /// Objects by full hash, without those that are not there.
    pub(crate) fn contents(
        &self,
        command: impl Fn() -> Command,
        hashes: &[&str],
    ) -> Result<Vec<Object>, GitError> {
        let found = self.ask(&command, Question::Contents, hashes)?;
        Ok(found.into_iter().flatten().collect())
    }

    fn ask(
        &self,
        command: &impl Fn() -> Command,
        question: Question,
        hashes: &[&str],
    ) -> Result<Vec<Option<Object>>, GitError> {
        let mut running = lock(&self.running);
        let packs_changed = self
            .packs
            .metadata()
            .and_then(|found| found.modified())
            .ok();
        if running
            .as_ref()
            .is_some_and(|running| running.packs_changed != packs_changed)
        {
            *running = None;
        }
        // A kept process may have been killed by somebody: once more with a fresh one.
        if let Some(kept) = running.as_mut() {
            match kept.ask(question, hashes) {
                Ok(found) => return Ok(found),
                Err(_) => *running = None,
            }
        }
        let mut fresh = Running::start(command(), packs_changed)?;
        let found = fresh.ask(question, hashes)?;
        *running = Some(fresh);
        Ok(found)
    }
}

impl Running {
    fn start(mut command: Command, packs_changed: Option<SystemTime>) -> Result<Self, GitError> {
        let mut child = command
            .args(["cat-file", "--batch-command"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(GitError::Unexpected("cat-file"));
        };
        Ok(Self {
            child,
            input,
            output: BufReader::with_capacity(64 * 1024, output),
            packs_changed,
        })
    }

    fn ask(
        &mut self,
        question: Question,
        hashes: &[&str],
    ) -> Result<Vec<Option<Object>>, GitError> {
        let word = match question {
            Question::Info => "info",
            Question::Contents => "contents",
        };
        let mut found = Vec::with_capacity(hashes.len());
        for some in hashes.chunks(AT_ONCE) {
            let mut input = String::with_capacity(some.len() * 50);
            for hash in some {
                input.push_str(word);
                input.push(' ');
                input.push_str(hash);
                input.push('\n');
            }
            self.input.write_all(input.as_bytes())?;
            self.input.flush()?;
            for _ in some {
                found.push(self.read_one(question)?);
            }
        }
        Ok(found)
    }

    fn read_one(&mut self, question: Question) -> Result<Option<Object>, GitError> {
        let mut header = String::new();
        if self.output.read_line(&mut header)? == 0 {
            return Err(GitError::Unexpected("cat-file"));
        }
        let mut parts = header.trim_end().split(' ');
        let (Some(hash), Some(kind)) = (parts.next(), parts.next()) else {
            return Err(GitError::Unexpected("cat-file"));
        };
        let Some(size) = parts.next() else {
            return match kind {
                "missing" => Ok(None),
                _ => Err(GitError::Unexpected("cat-file")),
            };
        };
        let mut content = Vec::new();
        if matches!(question, Question::Contents) {
            let size: usize = size.parse().map_err(|_| GitError::Unexpected("cat-file"))?;
            content = vec![0; size];
            self.output.read_exact(&mut content)?;
            let mut end = [0];
            self.output.read_exact(&mut end)?;
        }
        Ok(Some((hash.to_owned(), kind.to_owned(), content)))
    }
}
