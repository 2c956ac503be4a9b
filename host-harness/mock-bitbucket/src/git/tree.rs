//! Directories and files of a commit.

use crate::git::repository::{GitError, GitRepository};

/// What a directory holds under one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    File,
    Executable,
    SymbolicLink,
    Directory,
    Submodule,
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TreeEntry {
    pub(crate) kind: EntryKind,
    pub(crate) hash: String,
    /// Bytes; 0 for anything but a file.
    pub(crate) size: u64,
    /// From the root of the repository.
    pub(crate) path: String,
}

impl TreeEntry {
    /// Reads one record of `ls-tree -l -z`; `directory` is put before its path.
    pub(crate) fn parse(record: &str, directory: &str) -> Option<Self> {
        let (head, path) = record.split_once('\t')?;
        let mut parts = head.split_ascii_whitespace();
        let (mode, _, hash, size) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        Some(Self {
            kind: match mode {
                "040000" => EntryKind::Directory,
                "120000" => EntryKind::SymbolicLink,
                "160000" => EntryKind::Submodule,
                "100755" => EntryKind::Executable,
                _ => EntryKind::File,
            },
            hash: hash.to_owned(),
            size: size.parse().unwrap_or(0),
            path: format!("{directory}{path}"),
        })
    }

    /// The entry as a record that [`parse`](Self::parse) reads.
    pub(crate) fn record(&self) -> String {
        let mode = match self.kind {
            EntryKind::Directory => "040000",
            EntryKind::SymbolicLink => "120000",
            EntryKind::Submodule => "160000",
            EntryKind::Executable => "100755",
            EntryKind::File => "100644",
        };
        format!("{mode} - {} {}\t{}", self.hash, self.size, self.path)
    }

    /// How many directories the entry lies in.
    pub(crate) fn depth(&self) -> usize {
        self.path.matches('/').count()
    }
}

/// The entry at a path of a commit. The path has no slash at its end.
pub(crate) fn find(
    git: &GitRepository,
    commit: &str,
    path: &str,
) -> Result<Option<TreeEntry>, GitError> {
    let output = git.git(
        &["ls-tree", "-l", "-z", "--full-tree", commit, "--", path],
        &[],
    )?;
    Ok(records(&output)
        .iter()
        .filter_map(|record| TreeEntry::parse(record, ""))
        .find(|entry| entry.path == path))
}

/// The entries of the tree with this hash, in git's order, and those of the
/// directories in it as well if asked. `directory` is put before every path.
pub(crate) fn children(
    git: &GitRepository,
    tree: &str,
    directory: &str,
    recursive: bool,
) -> Result<Vec<TreeEntry>, GitError> {
    let mut arguments = vec!["ls-tree", "-l", "-z", "--full-tree"];
    if recursive {
        arguments.extend(["-r", "-t"]);
    }
    arguments.push(tree);
    let output = git.git(&arguments, &[])?;
    Ok(records(&output)
        .iter()
        .filter_map(|record| TreeEntry::parse(record, directory))
        .collect())
}

/// The content of a file.
pub(crate) fn content(git: &GitRepository, blob: &str) -> Result<Vec<u8>, GitError> {
    git.git(&["cat-file", "blob", blob], &[])
}

fn records(output: &[u8]) -> Vec<String> {
    output
        .split(|byte| *byte == 0)
        .filter(|record| !record.is_empty())
        .map(|record| String::from_utf8_lossy(record).into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_with_their_sizes_and_modes() {
        let file = TreeEntry::parse("100755 blob abc      12\tb c.sh", "a/");
        assert_eq!(
            file,
            Some(TreeEntry {
                kind: EntryKind::Executable,
                hash: "abc".into(),
                size: 12,
                path: "a/b c.sh".into(),
            })
        );
        let directory = TreeEntry::parse("040000 tree abc       -\td", "");
        assert_eq!(
            directory.map(|directory| directory.kind),
            Some(EntryKind::Directory)
        );
    }
}
