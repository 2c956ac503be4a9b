//! Comparing and merging commits, also across a fork: the objects of a second
//! repository are looked at without being copied.

use std::collections::HashMap;

use crate::git::repository::{GitError, GitRepository, run};

/// The tree without entries: what a first commit is compared with.
pub(crate) const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// A repository together with the objects of another one.
pub(crate) struct JoinedGit<'a> {
    base: &'a GitRepository,
    other: Option<&'a GitRepository>,
}

/// How a file differs between two commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    Added,
    Removed,
    Modified,
    Renamed,
}

/// One file that differs between two commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileChange {
    pub(crate) kind: ChangeKind,
    /// The path before; absent when the file was added.
    pub(crate) old: Option<String>,
    /// The path after; absent when the file was removed.
    pub(crate) new: Option<String>,
    /// Lines added; 0 for a binary file.
    pub(crate) lines_added: u64,
    /// Lines removed; 0 for a binary file.
    pub(crate) lines_removed: u64,
}

/// How to compare.
#[derive(Clone, Debug)]
pub(crate) struct DiffOptions {
    pub(crate) renames: bool,
    pub(crate) ignore_whitespace: bool,
    /// Lines of context in a text diff.
    pub(crate) context: u32,
    /// Whether a text diff shows binary files.
    pub(crate) binary: bool,
    /// Only these files and directories; empty: all.
    pub(crate) paths: Vec<String>,
}

impl Default for DiffOptions {
    fn default() -> Self {
        Self {
            renames: true,
            ignore_whitespace: false,
            context: 3,
            binary: true,
            paths: Vec::new(),
        }
    }
}

impl<'a> JoinedGit<'a> {
    /// `base`, with the objects of `other` at hand if that is another repository.
    pub(crate) fn new(base: &'a GitRepository, other: &'a GitRepository) -> Self {
        Self {
            base,
            other: (base.git_dir() != other.git_dir()).then_some(other),
        }
    }

    pub(super) fn git(&self, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, GitError> {
        let mut command = self.base.command();
        if let Some(other) = self.other {
            command.env(
                "GIT_ALTERNATE_OBJECT_DIRECTORIES",
                other.git_dir().join("objects"),
            );
        }
        command.args(arguments);
        run(
            command,
            arguments.first().copied().unwrap_or_default(),
            input,
        )
    }

    /// Commits as mails, oldest first: those that `newer` has and `older` has not.
    pub(crate) fn patch(&self, older: Option<&str>, newer: &str) -> Result<Vec<u8>, GitError> {
        let range = match older {
            Some(older) => format!("{older}..{newer}"),
            None => newer.to_owned(),
        };
        let mut arguments = vec!["format-patch", "--stdout"];
        if older.is_none() {
            arguments.push("-1");
        }
        arguments.push(&range);
        self.git(&arguments, &[])
    }

    /// One best common ancestor, if there is any.
    pub(crate) fn merge_base(&self, one: &str, two: &str) -> Result<Option<String>, GitError> {
        match self.git(&["merge-base", one, two], &[]) {
            Ok(output) => Ok(first_line(&output)),
            Err(GitError::Failed { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Whether `older` can be reached from `newer`.
    pub(crate) fn is_ancestor(&self, older: &str, newer: &str) -> Result<bool, GitError> {
        Ok(self.merge_base(older, newer)?.as_deref() == Some(older))
    }

    /// The hashes that `include` reaches and `exclude` does not, newest first.
    pub(crate) fn walk(
        &self,
        include: &str,
        exclude: Option<&str>,
    ) -> Result<Vec<String>, GitError> {
        let mut input = format!("{include}\n");
        if let Some(exclude) = exclude {
            input.push_str(&format!("^{exclude}\n"));
        }
        let output = self.git(&["rev-list", "--stdin"], input.as_bytes())?;
        Ok(String::from_utf8_lossy(&output)
            .lines()
            .map(str::to_owned)
            .collect())
    }

    /// What differs, file by file, in git's order.
    pub(crate) fn changes(
        &self,
        old: &str,
        new: &str,
        options: &DiffOptions,
    ) -> Result<Vec<FileChange>, GitError> {
        let mut arguments = vec!["--literal-pathspecs", "diff-tree", "-r", "-z"];
        arguments.extend(["--raw", "--numstat"]);
        arguments.extend(common_arguments(options));
        arguments.extend([old, new, "--"]);
        arguments.extend(options.paths.iter().map(String::as_str));
        parse_changes(&self.git(&arguments, &[])?)
    }

    /// The difference as text.
    pub(crate) fn diff(
        &self,
        old: &str,
        new: &str,
        options: &DiffOptions,
    ) -> Result<Vec<u8>, GitError> {
        let context = format!("--unified={}", options.context);
        let mut arguments = vec!["--literal-pathspecs", "diff-tree", "-r", "-p", &context];
        if options.binary {
            arguments.push("--binary");
        }
        arguments.extend(common_arguments(options));
        arguments.extend([old, new, "--"]);
        arguments.extend(options.paths.iter().map(String::as_str));
        self.git(&arguments, &[])
    }

    /// Merges two commits and returns the tree; `None` when they conflict. What
    /// both had before is found in their history.
    pub(crate) fn merge_trees(&self, ours: &str, theirs: &str) -> Result<Option<String>, GitError> {
        let arguments = ["merge-tree", "--write-tree", "--no-messages", ours, theirs];
        match self.git(&arguments, &[]) {
            Ok(output) => Ok(first_line(&output)),
            // Conflicts are told on standard output; standard error is for faults.
            Err(GitError::Failed { message, .. }) if message.is_empty() => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// The same, where both had `before`, a commit or a tree, whatever their
    /// history says: git can be told so since 2.40, and earlier by a history.
    pub(crate) fn merge_trees_after(
        &self,
        before: &str,
        ours: &str,
        theirs: &str,
    ) -> Result<Option<String>, GitError> {
        let stand_in = |tree: String, parents: &[&str]| {
            self.write_commit(&tree, parents, "Mock <mock@example.com> 0 +0000", "")
        };
        let before = stand_in(self.tree(before)?, &[])?;
        let ours = stand_in(self.tree(ours)?, &[&before])?;
        let theirs = stand_in(self.tree(theirs)?, &[&before])?;
        self.merge_trees(&ours, &theirs)
    }

    /// The tree of a commit, or of itself.
    pub(crate) fn tree(&self, commit: &str) -> Result<String, GitError> {
        let tree = self.git(
            &["rev-parse", "--verify", &format!("{commit}^{{tree}}")],
            &[],
        )?;
        first_line(&tree).ok_or(GitError::Unexpected("rev-parse"))
    }

    /// Writes a commit; `person` is `Name <email> seconds +offset`.
    pub(crate) fn write_commit(
        &self,
        tree: &str,
        parents: &[&str],
        person: &str,
        message: &str,
    ) -> Result<String, GitError> {
        let parents: String = parents
            .iter()
            .map(|parent| format!("parent {parent}\n"))
            .collect();
        let content =
            format!("tree {tree}\n{parents}author {person}\ncommitter {person}\n\n{message}\n");
        self.store_commit(content.as_bytes())
    }

    /// Stores a commit's content as it stands, and returns its hash.
    pub(super) fn store_commit(&self, content: &[u8]) -> Result<String, GitError> {
        let output = self.git(&["hash-object", "-t", "commit", "-w", "--stdin"], content)?;
        first_line(&output).ok_or(GitError::Unexpected("hash-object"))
    }

    /// Copies what `branch` of the other repository reaches into this one.
    pub(crate) fn fetch(&self, branch: &str) -> Result<(), GitError> {
        let Some(other) = self.other else {
            return Ok(());
        };
        let from = other.git_dir().to_string_lossy().into_owned();
        let source = format!("refs/heads/{branch}");
        self.base
            .git(
                &[
                    "fetch",
                    "--quiet",
                    "--no-tags",
                    "--no-write-fetch-head",
                    "--no-auto-maintenance",
                    &from,
                    &source,
                ],
                &[],
            )
            .map(drop)
    }
}

fn common_arguments(options: &DiffOptions) -> Vec<&'static str> {
    let mut arguments = vec![if options.renames {
        "--find-renames"
    } else {
        "--no-renames"
    }];
    if options.ignore_whitespace {
        arguments.push("--ignore-all-space");
    }
    arguments
}

fn first_line(output: &[u8]) -> Option<String> {
    String::from_utf8_lossy(output)
        .lines()
        .next()
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
}

/// Reads `diff-tree --raw --numstat -z`: first every entry with its paths, then
/// every entry again with its numbers, in the same order.
fn parse_changes(output: &[u8]) -> Result<Vec<FileChange>, GitError> {
    let unexpected = || GitError::Unexpected("diff-tree");
    let mut changes: Vec<FileChange> = Vec::new();
    let mut tokens = output
        .split(|byte| *byte == 0)
        .map(|token| String::from_utf8_lossy(token).into_owned())
        .peekable();
    while let Some(entry) = tokens.next_if(|token| token.starts_with(':')) {
        let status = entry
            .rsplit(' ')
            .next()
            .and_then(|text| text.chars().next());
        let path = tokens.next().ok_or_else(unexpected)?;
        let (kind, old, new) = match status {
            Some('A') => (ChangeKind::Added, None, Some(path)),
            Some('D') => (ChangeKind::Removed, Some(path), None),
            Some('R') => {
                let new = tokens.next().ok_or_else(unexpected)?;
                (ChangeKind::Renamed, Some(path), Some(new))
            }
            _ => (ChangeKind::Modified, Some(path.clone()), Some(path)),
        };
        changes.push(FileChange {
            kind,
            old,
            new,
            lines_added: 0,
            lines_removed: 0,
        });
    }
    // By path: ignored whitespace can leave an entry without numbers.
    let mut numbers: HashMap<String, (u64, u64)> = HashMap::new();
    while let Some(entry) = tokens.next() {
        let mut parts = entry.splitn(3, '\t');
        let mut number = || parts.next().and_then(|text| text.parse().ok()).unwrap_or(0);
        let lines = (number(), number());
        let path = match parts.next() {
            None => continue,
            Some("") => {
                tokens.next();
                tokens.next().ok_or_else(unexpected)?
            }
            Some(path) => path.to_owned(),
        };
        numbers.insert(path, lines);
    }
    for change in &mut changes {
        let path = change.new.as_ref().or(change.old.as_ref());
        if let Some((added, removed)) = path.and_then(|path| numbers.get(path)) {
            change.lines_added = *added;
            change.lines_removed = *removed;
        }
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_change_is_read_with_its_numbers() {
        let output = [
            ":000000 100644 0 1 A|new.txt|:100644 000000 1 0 D|gone.txt|",
            ":100644 100644 1 1 R100|a.txt|b/a.txt|:100644 100644 1 2 M|image.png|",
            "3\t0\tnew.txt|0\t4\tgone.txt|0\t0\t|a.txt|b/a.txt|-\t-\timage.png|",
        ]
        .concat()
        .replace('|', "\0");
        let changes = parse_changes(output.as_bytes()).expect("changes");
        let summary: Vec<_> = changes
            .iter()
            .map(|change| {
                (
                    change.kind,
                    change.old.as_deref(),
                    change.new.as_deref(),
                    change.lines_added,
                    change.lines_removed,
                )
            })
            .collect();
        assert_eq!(
            summary,
            [
                (ChangeKind::Added, None, Some("new.txt"), 3, 0),
                (ChangeKind::Removed, Some("gone.txt"), None, 0, 4),
                (ChangeKind::Renamed, Some("a.txt"), Some("b/a.txt"), 0, 0),
                (
                    ChangeKind::Modified,
                    Some("image.png"),
                    Some("image.png"),
                    0,
                    0
                ),
            ]
        );
    }
}
