//! Commits made anew after others, as `git rebase` does it, without a work tree.

use crate::git::compare::{EMPTY_TREE, JoinedGit};
use crate::git::repository::GitError;

/// Headers of a commit that a rebased one keeps. Signatures would be wrong.
const KEPT_HEADERS: [&[u8]; 2] = [b"author ", b"encoding "];

impl JoinedGit<'_> {
    /// Makes the commits that `source` has and `onto` lacks anew after `onto`,
    /// and returns the last one; `None` when one of them conflicts.
    ///
    /// As with git: merges are left out, and so are commits whose change `onto`
    /// has already; a commit that stands right after `onto` stays what it is.
    /// `committer` is `Name <email> seconds +offset`; authors stay.
    pub(crate) fn rebase(
        &self,
        onto: &str,
        source: &str,
        committer: &str,
    ) -> Result<Option<String>, GitError> {
        let range = format!("{onto}...{source}");
        let listed = self.git(
            &[
                "rev-list",
                "--reverse",
                "--topo-order",
                "--no-merges",
                "--cherry-pick",
                "--right-only",
                "--parents",
                &range,
            ],
            &[],
        )?;
        let mut head = onto.to_owned();
        for line in String::from_utf8_lossy(&listed).lines() {
            let (commit, parent) = line.split_once(' ').unwrap_or((line, ""));
            if parent == head {
                commit.clone_into(&mut head);
                continue;
            }
            let before = if parent.is_empty() {
                EMPTY_TREE
            } else {
                parent
            };
            let Some(tree) = self.merge_trees_after(before, &head, commit)? else {
                return Ok(None);
            };
            // What was empty from the start was meant to be.
            if tree == self.tree(&head)? && self.tree(commit)? != self.tree(before)? {
                continue;
            }
            let content = self.git(&["cat-file", "commit", commit], &[])?;
            let content = rebased(&content, &tree, &head, committer);
            head = self.store_commit(&content)?;
        }
        Ok(Some(head))
    }
}

/// The content of a commit with another tree, parent and committer.
fn rebased(content: &[u8], tree: &str, parent: &str, committer: &str) -> Vec<u8> {
    let end = content
        .windows(2)
        .position(|pair| pair == b"\n\n")
        .unwrap_or(content.len());
    let (headers, message) = content.split_at(end);
    let mut new = format!("tree {tree}\nparent {parent}\n").into_bytes();
    for kept in KEPT_HEADERS {
        for line in headers.split(|byte| *byte == b'\n') {
            if line.starts_with(kept) {
                new.extend_from_slice(line);
                new.push(b'\n');
            }
        }
        if kept == KEPT_HEADERS[0] {
            new.extend_from_slice(format!("committer {committer}\n").as_bytes());
        }
    }
    new.extend_from_slice(message.strip_prefix(b"\n").unwrap_or(b"\n"));
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn author_encoding_and_message_stay_and_a_signature_goes() {
        let before = "tree 1\nparent 2\nauthor A <a@x> 5 +0100\ncommitter B <b@x> 6 +0000\n\
                      encoding ISO-8859-1\ngpgsig -----BEGIN\n author no\n -----END\n\n\
                      subject\n\nauthor of nothing\n";
        let after = rebased(before.as_bytes(), "9", "8", "C <c@x> 7 +0000");
        assert_eq!(
            String::from_utf8_lossy(&after),
            "tree 9\nparent 8\nauthor A <a@x> 5 +0100\ncommitter C <c@x> 7 +0000\n\
             encoding ISO-8859-1\n\nsubject\n\nauthor of nothing\n"
        );
    }
}
