//! A clone on this machine: what git itself says of the repository.

use super::verdict::Failure;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A clone with all branches as `refs/heads/*` and all tags.
pub(super) struct GitClone {
    path: PathBuf,
}

/// Stands between fields in git's output: no name, hash or date holds it.
const FIELD: char = '\u{1f}';

impl GitClone {
    pub(super) fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    fn run(&self, arguments: &[&str]) -> std::result::Result<Vec<u8>, Failure> {
        let output = Command::new("git")
            .arg("-C")
            .arg(&self.path)
            .args(["-c", "safe.directory=*", "-c", "core.quotePath=false"])
            .args(arguments)
            .env("GIT_TERMINAL_PROMPT", "0")
            .output()
            .map_err(|error| Failure::skipped(format!("git cannot be run: {error}")))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(Failure::skipped(format!(
            "git {} in {}: {}",
            arguments.first().copied().unwrap_or_default(),
            self.path.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        )))
    }

    fn text(&self, arguments: &[&str]) -> std::result::Result<String, Failure> {
        self.run(arguments)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The refs below this prefix as "name commit".
    pub(super) fn refs(&self, prefix: &str) -> std::result::Result<Vec<String>, Failure> {
        let format = format!("--format=%(refname){FIELD}%(*objectname){FIELD}%(objectname)");
        let text = self.text(&["for-each-ref", &format, prefix])?;
        Ok(text
            .lines()
            .filter_map(|line| {
                let mut fields = line.split(FIELD);
                let name = fields.next()?.strip_prefix(prefix)?;
                // An annotated tag has the commit behind it in the second field.
                let commit = fields.find(|field| !field.is_empty())?;
                Some(format!("{name} {commit}"))
            })
            .collect())
    }

    /// The commits of this one as "hash seconds parent,parent target".
    pub(super) fn commits(&self, head: &str) -> std::result::Result<Vec<String>, Failure> {
        let format = format!("--format=%H{FIELD}%at{FIELD}%P{FIELD}%B%x00");
        let text = self.text(&["log", &format, head, "--"])?;
        Ok(text
            .split('\0')
            .filter_map(|record| {
                let mut fields = record.trim_start_matches('\n').split(FIELD);
                let (hash, seconds) = (fields.next()?, fields.next()?);
                let parents = fields.next()?.replace(' ', ",");
                let target = fields.next()?.lines().next().unwrap_or_default();
                Some(format!("{hash} {seconds} {parents} {target}"))
            })
            .collect())
    }

    /// The files changed on the way from the common ancestor to `head`, as
    /// "change path"; a renamed one is removed and added.
    pub(super) fn changed_files(
        &self,
        base: &str,
        head: &str,
    ) -> std::result::Result<Vec<String>, Failure> {
        let range = format!("{base}...{head}");
        let text = self.text(&["diff", "--name-status", "--no-renames", "-z", &range, "--"])?;
        let mut fields = text.split('\0');
        let mut files = Vec::new();
        while let (Some(status), Some(path)) = (fields.next(), fields.next()) {
            let change = match status {
                "A" => "added",
                "D" => "removed",
                _ => "modified",
            };
            files.push(format!("{change} {path}"));
        }
        Ok(files)
    }

    /// The paths of all files of a commit.
    pub(super) fn files(&self, commit: &str) -> std::result::Result<Vec<String>, Failure> {
        let text = self.text(&["ls-tree", "-r", "-z", commit])?;
        Ok(text
            .split('\0')
            .filter_map(|line| {
                let (kind, path) = line.split_once('\t')?;
                // A subrepository is no file.
                (!kind.starts_with("160000")).then(|| path.to_owned())
            })
            .collect())
    }

    /// The bytes of a file.
    pub(super) fn content(
        &self,
        commit: &str,
        path: &str,
    ) -> std::result::Result<Vec<u8>, Failure> {
        self.run(&["cat-file", "blob", &format!("{commit}:{path}")])
    }
}
