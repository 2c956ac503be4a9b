//! Adding a commit to a branch without a work tree.

use std::collections::BTreeMap;

use crate::git::objects::RefKind;
use crate::git::repository::{GitError, GitRepository};

/// A commit to be made.
pub(crate) struct NewCommit<'a> {
    pub(crate) branch: &'a str,
    pub(crate) message: &'a str,
    /// `Name <email>`.
    pub(crate) author: &'a str,
    /// Seconds since 1970.
    pub(crate) seconds: u64,
    /// Paths with their new content; `None` removes.
    pub(crate) files: &'a BTreeMap<String, Option<String>>,
}

impl GitRepository {
    /// Adds a commit after the newest of a branch, which is made if need be, and
    /// returns its hash.
    pub(crate) fn commit_files(&self, commit: &NewCommit<'_>) -> Result<String, GitError> {
        let branch = commit.branch;
        if !self.is_valid_name(RefKind::Branch, branch)? {
            return Err(failed("the name of the branch is not one"));
        }
        let mut stream = format!(
            "commit refs/heads/{branch}\ncommitter {} {} +0000\ndata {}\n{}\n",
            one_line(commit.author)?,
            commit.seconds,
            commit.message.len(),
            commit.message
        );
        let parent = match self.find_ref(RefKind::Branch, branch)? {
            Some(found) => Some(found.commit),
            // A new branch begins where HEAD is.
            None => match self.head_branch()? {
                Some(head) => self
                    .find_ref(RefKind::Branch, &head)?
                    .map(|found| found.commit),
                None => None,
            },
        };
        if let Some(parent) = parent {
            stream.push_str(&format!("from {parent}\n"));
        }
        for (path, content) in commit.files {
            let path = one_line(path)?;
            match content {
                Some(content) => stream.push_str(&format!(
                    "M 100644 inline {path}\ndata {}\n{content}\n",
                    content.len()
                )),
                None => stream.push_str(&format!("D {path}\n")),
            }
        }
        stream.push_str("done\n");
        self.git(&["fast-import", "--quiet", "--done"], stream.as_bytes())?;
        self.find_ref(RefKind::Branch, branch)?
            .map(|found| found.commit)
            .ok_or(GitError::Unexpected("fast-import"))
    }
}

fn one_line(text: &str) -> Result<&str, GitError> {
    if text.is_empty() || text.contains(['\n', '"']) {
        return Err(failed(
            "a path or name is empty or holds a line break or quote",
        ));
    }
    Ok(text)
}

fn failed(message: &str) -> GitError {
    GitError::Failed {
        command: "fast-import".to_owned(),
        message: message.to_owned(),
    }
}
