//! Branches and tags of a real git repository: reading, comparing, changing.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::git::objects::{Ref, RefKind};
use crate::git::ref_cache::Refs;
use crate::git::repository::{GitError, GitRepository};

/// Branches and tags at one moment.
pub(crate) type Snapshot = BTreeMap<(u8, String), Ref>;

impl GitRepository {
    /// All refs of one kind in git's own order. Tags of things that are no
    /// commits are left out: the service has no way to show them.
    pub(crate) fn refs(&self, kind: RefKind) -> Result<Arc<Refs>, GitError> {
        self.cached_refs().get(self.git_dir(), kind, || {
            self.read_refs(kind, kind.prefix().trim_end_matches('/'))
        })
    }

    /// The ref of exactly this name.
    pub(crate) fn find_ref(&self, kind: RefKind, name: &str) -> Result<Option<Ref>, GitError> {
        if !is_plausible_ref_name(name) {
            return Ok(None);
        }
        let full_name = format!("{}{name}", kind.prefix());
        let found = self.read_refs(kind, &full_name)?;
        Ok(found.into_iter().find(|found| found.name == name))
    }

    fn read_refs(&self, kind: RefKind, pattern: &str) -> Result<Vec<Ref>, GitError> {
        // Branches name commits and nothing else, so git need not open any
        // object for them; with thousands of branches that is what takes time.
        let format = match kind {
            RefKind::Branch => "--format=commit %(objectname)   %(refname)",
            RefKind::Tag => {
                "--format=%(objecttype) %(objectname) %(*objecttype) %(*objectname) %(refname)"
            }
        };
        let output = self.git(&["for-each-ref", format, pattern], &[])?;
        let mut refs = Vec::new();
        for line in output.split(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(line);
            let mut parts = line.splitn(5, ' ');
            let mut next = || parts.next();
            let (Some(object_type), Some(object), Some(inner_type), Some(inner), Some(full_name)) =
                (next(), next(), next(), next(), next())
            else {
                continue;
            };
            let Some(name) = full_name.strip_prefix(kind.prefix()) else {
                continue;
            };
            let commit = match (object_type, inner_type) {
                ("commit", _) => object.to_owned(),
                ("tag", "commit") => inner.to_owned(),
                ("tag", "tag") => match self.peel(object)? {
                    Some(commit) => commit,
                    None => continue,
                },
                _ => continue,
            };
            refs.push(Ref {
                name: name.to_owned(),
                kind,
                object: object.to_owned(),
                commit,
            });
        }
        Ok(refs)
    }

    /// The commit behind a tag of a tag, if a commit is what it ends at.
    fn peel(&self, hash: &str) -> Result<Option<String>, GitError> {
        let output = self.git(
            &["cat-file", "--batch-check=%(objectname) %(objecttype)"],
            format!("{hash}^{{commit}}\n").as_bytes(),
        )?;
        let text = String::from_utf8_lossy(&output).into_owned();
        Ok(text.strip_suffix(" commit\n").map(str::to_owned))
    }

    /// The branch that HEAD names, whether or not it exists yet.
    pub(crate) fn head_branch(&self) -> Result<Option<String>, GitError> {
        match self.git(&["symbolic-ref", "--quiet", "HEAD"], &[]) {
            Ok(output) => Ok(String::from_utf8_lossy(&output)
                .trim_end_matches('\n')
                .strip_prefix(RefKind::Branch.prefix())
                .map(str::to_owned)),
            Err(GitError::Failed { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// All branches and tags with the objects they name, for comparing before
    /// and after a push.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, GitError> {
        let mut snapshot = BTreeMap::new();
        for (order, kind) in [(0, RefKind::Branch), (1, RefKind::Tag)] {
            for found in self.refs(kind)?.iter() {
                snapshot.insert((order, found.name.clone()), found.clone());
            }
        }
        Ok(snapshot)
    }

    /// Whether git accepts `name` for a ref of this kind.
    pub(crate) fn is_valid_name(&self, kind: RefKind, name: &str) -> Result<bool, GitError> {
        if !is_plausible_ref_name(name) {
            return Ok(false);
        }
        let full_name = format!("{}{name}", kind.prefix());
        match self.git(&["check-ref-format", &full_name], &[]) {
            Ok(_) => Ok(true),
            Err(GitError::Failed { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// Creates a ref that must not exist yet.
    pub(crate) fn create_ref(&self, kind: RefKind, name: &str, hash: &str) -> Result<(), GitError> {
        self.update_refs(&format!("create {}{name}\0{hash}\0", kind.prefix()))
    }

    /// Moves a ref from `old` to `new`; fails if it is elsewhere by then.
    pub(crate) fn move_ref(
        &self,
        kind: RefKind,
        name: &str,
        new: &str,
        old: &str,
    ) -> Result<(), GitError> {
        self.update_refs(&format!("update {}{name}\0{new}\0{old}\0", kind.prefix()))
    }

    /// Deletes a ref that names `old`.
    pub(crate) fn delete_ref(&self, kind: RefKind, name: &str, old: &str) -> Result<(), GitError> {
        self.update_refs(&format!("delete {}{name}\0{old}\0", kind.prefix()))
    }

    fn update_refs(&self, instructions: &str) -> Result<(), GitError> {
        self.git(&["update-ref", "-z", "--stdin"], instructions.as_bytes())
            .map(drop)
    }

    /// Writes an annotation for `commit` and returns the tag object's hash.
    /// `tagger` is `Name <email> seconds +offset`.
    pub(crate) fn write_tag(
        &self,
        name: &str,
        commit: &str,
        tagger: &str,
        message: &str,
    ) -> Result<String, GitError> {
        let content =
            format!("object {commit}\ntype commit\ntag {name}\ntagger {tagger}\n\n{message}\n");
        let output = self.git(
            &["hash-object", "-t", "tag", "-w", "--stdin"],
            content.as_bytes(),
        )?;
        Ok(String::from_utf8_lossy(&output).trim_end().to_owned())
    }
}

/// Keeps names away from git that could be read as a pattern or as two lines;
/// git forbids all of these in refs anyway.
fn is_plausible_ref_name(name: &str) -> bool {
    !name.is_empty()
        && !name
            .chars()
            .any(|c| c.is_control() || matches!(c, '*' | '?' | '[' | '\\' | '^' | ':' | '~' | ' '))
}
