//! A real git repository, read and changed through git's plumbing commands.
//!
//! Every revision that goes to git is a full hash or a full ref name that was
//! looked up before; text from a request never becomes a revision expression.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

pub use crate::git::error::GitError;
use crate::git::object_reader::{Object, ObjectReader};
use crate::git::objects::{Commit, Tag, is_full_hash, is_hex, parse_commit, parse_tag};
use crate::git::ref_cache::RefCache;
use crate::sync::lock;

/// How many parsed commits are kept per repository before the cache starts anew.
const CACHED_COMMITS: usize = 20_000;

/// A repository on disk, bare or not.
pub(crate) struct GitRepository {
    git_dir: PathBuf,
    commits: Mutex<HashMap<String, Arc<Commit>>>,
    refs: RefCache,
    reader: ObjectReader,
    /// How many git processes were started.
    processes: AtomicU64,
}

impl GitRepository {
    /// Opens the repository at `path` (its top directory or its git directory).
    pub(crate) fn open(path: &Path) -> Result<Self, GitError> {
        let mut command = clean_git();
        command
            .arg("-C")
            .arg(path)
            .args(["rev-parse", "--absolute-git-dir"]);
        let output = run(command, "rev-parse", &[])?;
        let text = String::from_utf8(output).map_err(|_| GitError::Unexpected("rev-parse"))?;
        let git_dir = PathBuf::from(text.trim_end_matches('\n'));
        Ok(Self {
            reader: ObjectReader::new(&git_dir),
            git_dir,
            commits: Mutex::default(),
            refs: RefCache::default(),
            processes: AtomicU64::new(0),
        })
    }

    /// A new bare repository in an empty directory.
    pub(crate) fn create(path: &Path) -> Result<Self, GitError> {
        let mut command = clean_git();
        command
            .args([
                "init",
                "--quiet",
                "--bare",
                "--initial-branch=main",
                "--template=",
            ])
            .arg(path);
        run(command, "init", &[])?;
        Self::open(path)
    }

    /// Forgets what was read of commits: they may be gone.
    pub(crate) fn forget_cached_commits(&self) {
        lock(&self.commits).clear();
        self.reader.stop();
    }

    /// How many git processes were started for this repository so far.
    #[cfg(test)]
    pub(crate) fn processes(&self) -> u64 {
        self.processes.load(Ordering::Relaxed)
    }

    /// The refs as they were last read.
    pub(crate) fn cached_refs(&self) -> &RefCache {
        &self.refs
    }

    /// The directory with the objects and refs.
    pub(crate) fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// Runs one git command in this repository with `input` on its standard
    /// input, and returns its standard output.
    pub(crate) fn git(&self, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, GitError> {
        let mut command = self.command();
        command.args(arguments);
        run(
            command,
            arguments.first().copied().unwrap_or_default(),
            input,
        )
    }

    /// A git command for this repository, for a caller that streams.
    pub(crate) fn command(&self) -> Command {
        self.processes.fetch_add(1, Ordering::Relaxed);
        let mut command = clean_git();
        command.arg("--git-dir").arg(&self.git_dir);
        command
    }

    /// Reads commits by their full hashes; what is not a commit is `None`.
    pub(crate) fn commits(&self, hashes: &[String]) -> Result<Vec<Option<Arc<Commit>>>, GitError> {
        let mut found: HashMap<String, Arc<Commit>> = HashMap::new();
        let mut missing = Vec::new();
        {
            let cache = lock(&self.commits);
            for hash in hashes {
                match cache.get(hash) {
                    Some(commit) => {
                        found.insert(hash.clone(), Arc::clone(commit));
                    }
                    None => missing.push(hash.as_str()),
                }
            }
        }
        if !missing.is_empty() {
            for (hash, kind, content) in self.objects(&missing)? {
                if kind == "commit" {
                    found.insert(hash.clone(), Arc::new(parse_commit(&hash, &content)));
                }
            }
            let mut cache = lock(&self.commits);
            if cache.len() > CACHED_COMMITS {
                cache.clear();
            }
            for hash in missing {
                if let Some(commit) = found.get(hash) {
                    cache.insert(hash.to_owned(), Arc::clone(commit));
                }
            }
        }
        Ok(hashes
            .iter()
            .map(|hash| found.get(hash).map(Arc::clone))
            .collect())
    }

    /// Reads one commit by its full hash.
    pub(crate) fn commit(&self, hash: &str) -> Result<Option<Arc<Commit>>, GitError> {
        Ok(self.commits(&[hash.to_owned()])?.pop().flatten())
    }

    /// Reads an annotated tag by the hash of its object.
    pub(crate) fn tag(&self, hash: &str) -> Result<Option<Tag>, GitError> {
        Ok(self
            .objects(&[hash])?
            .into_iter()
            .find(|(_, kind, _)| kind == "tag")
            .map(|(_, _, content)| parse_tag(&content)))
    }

    /// Reads objects by full hash: hash, type and content of those that exist.
    pub(crate) fn objects(&self, hashes: &[&str]) -> Result<Vec<Object>, GitError> {
        let hashes: Vec<&str> = hashes
            .iter()
            .copied()
            .filter(|hash| is_full_hash(hash))
            .collect();
        if hashes.is_empty() {
            return Ok(Vec::new());
        }
        self.reader.contents(|| self.command(), &hashes)
    }

    /// The types of objects by full hash, in order; `None` for what is not there.
    pub(crate) fn types(&self, hashes: &[&str]) -> Result<Vec<Option<String>>, GitError> {
        if hashes.is_empty() {
            return Ok(Vec::new());
        }
        self.reader.types(|| self.command(), hashes)
    }

    /// The commits whose hash begins with `prefix` (at least four hex digits).
    pub(crate) fn commits_starting_with(&self, prefix: &str) -> Result<Vec<String>, GitError> {
        let prefix = prefix.to_ascii_lowercase();
        if prefix.len() < 4 || prefix.len() > 40 || !is_hex(&prefix) {
            return Ok(Vec::new());
        }
        let candidates = self.git(&["rev-parse", &format!("--disambiguate={prefix}")], &[])?;
        let types = self.git(
            &["cat-file", "--batch-check=%(objecttype) %(objectname)"],
            &candidates,
        )?;
        Ok(String::from_utf8_lossy(&types)
            .lines()
            .filter_map(|line| line.strip_prefix("commit "))
            .map(str::to_owned)
            .collect())
    }

    /// The commits reachable from `include` and not from `exclude`, in the
    /// order of `git log`, limited to those that touch `path`. Hashes only.
    pub(crate) fn walk(
        &self,
        include: &[String],
        exclude: &[String],
        path: Option<&str>,
    ) -> Result<Vec<String>, GitError> {
        if include.is_empty() {
            return Ok(Vec::new());
        }
        let mut input = String::new();
        for hash in include {
            input.push_str(hash);
            input.push('\n');
        }
        for hash in exclude {
            input.push('^');
            input.push_str(hash);
            input.push('\n');
        }
        let mut arguments = vec!["--literal-pathspecs", "rev-list", "--stdin"];
        if let Some(path) = path {
            arguments.extend(["--", path]);
        }
        let output = self.git(&arguments, input.as_bytes())?;
        Ok(String::from_utf8_lossy(&output)
            .lines()
            .map(str::to_owned)
            .collect())
    }

    /// At most `most` commits reachable from `include` and not from `exclude`.
    pub(crate) fn newest(
        &self,
        include: &str,
        exclude: &[String],
        most: usize,
    ) -> Result<Vec<String>, GitError> {
        let most = format!("--max-count={most}");
        let mut input = format!("{include}\n");
        for hash in exclude {
            input.push_str(&format!("^{hash}\n"));
        }
        let output = self.git(&["rev-list", &most, "--stdin"], input.as_bytes())?;
        Ok(String::from_utf8_lossy(&output)
            .lines()
            .map(str::to_owned)
            .collect())
    }

    /// Whether `older` can be reached from `newer`.
    pub(crate) fn is_ancestor(&self, older: &str, newer: &str) -> Result<bool, GitError> {
        match self.git(&["merge-base", "--is-ancestor", older, newer], &[]) {
            Ok(_) => Ok(true),
            Err(GitError::Failed { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }
}

/// git without anything inherited that would point it at another repository,
/// and without the repository owner's own hooks.
fn clean_git() -> Command {
    let mut command = Command::new("git");
    for (name, value) in git_environment() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// The variable that says where hooks are.
pub(crate) const HOOKS_PATH: &str = "GIT_CONFIG_VALUE_1";

/// The environment every git process of the mock gets; `None` removes a name.
pub(crate) fn git_environment() -> Vec<(&'static str, Option<&'static str>)> {
    vec![
        ("GIT_DIR", None),
        ("GIT_WORK_TREE", None),
        ("GIT_INDEX_FILE", None),
        ("GIT_OBJECT_DIRECTORY", None),
        ("GIT_ALTERNATE_OBJECT_DIRECTORIES", None),
        ("GIT_COMMON_DIR", None),
        ("GIT_NAMESPACE", None),
        ("GIT_TERMINAL_PROMPT", Some("0")),
        ("LC_ALL", Some("C")),
        ("GIT_CONFIG_PARAMETERS", None),
        ("GIT_CONFIG_COUNT", Some("5")),
        ("GIT_CONFIG_KEY_0", Some("safe.directory")),
        ("GIT_CONFIG_VALUE_0", Some("*")),
        ("GIT_CONFIG_KEY_1", Some("core.hooksPath")),
        (HOOKS_PATH, Some("/dev/null")),
        ("GIT_CONFIG_KEY_2", Some("http.receivepack")),
        ("GIT_CONFIG_VALUE_2", Some("true")),
        ("GIT_CONFIG_KEY_3", Some("receive.denyCurrentBranch")),
        ("GIT_CONFIG_VALUE_3", Some("ignore")),
        ("GIT_CONFIG_KEY_4", Some("gc.auto")),
        ("GIT_CONFIG_VALUE_4", Some("0")),
    ]
}

/// Runs a command with `input` on its standard input and returns what it wrote.
pub(crate) fn run(mut command: Command, name: &str, input: &[u8]) -> Result<Vec<u8>, GitError> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let stdin = child.stdin.take();
    // Input and output are moved at the same time: a long response to a long
    // question would otherwise fill both pipes.
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            if let Some(mut stdin) = stdin {
                // git may end without reading everything; its status tells.
                let _ = stdin.write_all(input);
            }
        });
        child.wait_with_output()
    })?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(GitError::Failed {
            command: name.to_owned(),
            message: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }
}
