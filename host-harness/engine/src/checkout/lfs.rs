//! Files of Git LFS: their content where git-lfs is installed, otherwise a
//! warning that counts the pointers.
//!
//! Git runs git-lfs as its filter while it writes the files, as `git clone` does
//! on a machine where git-lfs is installed. So submodules and sparse checkouts
//! get exactly the files that they have.

use super::Work;
use crate::git::{Git, GitError};
use std::io::Read;
use std::path::{Path, PathBuf};
use vcs_provider_interface::context::CallContext;

/// The filter as `git lfs install` configures it.
const FILTER: &[(&str, &str)] = &[
    ("filter.lfs.clean", "git-lfs clean -- %f"),
    ("filter.lfs.smudge", "git-lfs smudge -- %f"),
    ("filter.lfs.process", "git-lfs filter-process"),
    ("filter.lfs.required", "true"),
];

/// A repository may name a directory of this machine as its LFS server; git-lfs
/// would read its files.
const NO_LOCAL_SERVER: (&str, &str) = ("lfs.customtransfer.lfs-standalone-file.path", "false");

/// How every pointer begins.
const POINTER_START: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";
/// A longer file is not a pointer.
const LONGEST_POINTER: u64 = 1024;

/// Whether git-lfs is installed.
pub(super) fn is_installed(context: &dyn CallContext) -> Result<bool, GitError> {
    match Git::new(Path::new("/")).run(context, ["lfs", "version"]) {
        Ok(_) => Ok(true),
        Err(GitError::Failed { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The same command, running git-lfs where git has a file of its.
pub(super) fn with_filter(git: Git<'_>) -> Git<'_> {
    git.with_settings(FILTER).with_settings(&[NO_LOCAL_SERVER])
}

/// A failure of git-lfs with the way out.
pub(super) fn explain(error: GitError) -> GitError {
    match error {
        GitError::Failed {
            command,
            output,
            code,
            ..
        } if output.contains("filter lfs failed") => {
            let reason = output
                .lines()
                .find(|line| line.contains("Smudge error") || line.contains("LFS:"))
                .unwrap_or("git-lfs failed");
            GitError::Failed {
                message: format!(
                    "a Git LFS file has no content ({reason}); --lfs=false leaves the pointers"
                ),
                command,
                output,
                code,
            }
        }
        other => other,
    }
}

impl Work<'_> {
    /// Keeps the filter in the repositories that need it, so that later commands
    /// see unchanged files; or counts the pointers that are left.
    pub(super) fn settle_lfs(&mut self) -> Result<(), GitError> {
        let mut pointers = 0;
        for tree in self.work_trees()? {
            let files = self.lfs_files(&tree)?;
            if files.is_empty() {
                continue;
            }
            if self.lfs {
                for (key, value) in FILTER {
                    Git::new(&tree).run(self.context, ["config", key, value])?;
                }
            }
            pointers += files
                .iter()
                .filter(|file| is_pointer(&tree.join(file)))
                .count();
        }
        if pointers > 0 {
            let files = if pointers == 1 {
                "file is"
            } else {
                "files are"
            };
            let why = match (self.lfs, self.options.lfs) {
                (true, _) => "git-lfs gave no content for them",
                (false, true) => "git-lfs is not installed on this machine",
                (false, false) => "LFS was switched off",
            };
            self.warnings.push(format!(
                "{pointers} {files} Git LFS pointers without their content: {why}"
            ));
        }
        Ok(())
    }

    /// The work tree and those of its submodules.
    fn work_trees(&mut self) -> Result<Vec<PathBuf>, GitError> {
        let top = self.directory().to_owned();
        let mut trees = vec![top.clone()];
        if self.options.submodules && top.join(".git/modules").is_dir() {
            let status = self.local(&["submodule", "status", "--recursive"])?;
            // ` HASH PATH (DESCRIPTION)`, the description only where there is one.
            trees.extend(status.lines().filter_map(|line| {
                let path = line.get(1..)?.split_once(' ')?.1;
                let bare = path.rsplit_once(" (").map_or(path, |(path, _)| path);
                [path, bare]
                    .map(|path| top.join(path))
                    .into_iter()
                    .find(|path| path.is_dir())
            }));
        }
        Ok(trees)
    }

    /// The files that attributes of the repository hand to LFS.
    fn lfs_files(&mut self, tree: &Path) -> Result<Vec<String>, GitError> {
        let arguments = ["ls-files", "-z", "--", ":(top,attr:filter=lfs)"];
        let list = Git::new(tree).run(self.context, arguments)?;
        let names = list.split('\0').filter(|name| !name.is_empty());
        Ok(names.map(str::to_owned).collect())
    }
}

fn is_pointer(file: &Path) -> bool {
    let is_short = std::fs::symlink_metadata(file)
        .is_ok_and(|metadata| metadata.is_file() && metadata.len() <= LONGEST_POINTER);
    if !is_short {
        return false;
    }
    let mut start = Vec::new();
    let read = std::fs::File::open(file).and_then(|file| {
        file.take(POINTER_START.len() as u64)
            .read_to_end(&mut start)
    });
    read.is_ok() && start == POINTER_START
}
