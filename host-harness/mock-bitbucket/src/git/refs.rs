//! Branches and tags of a real git repository: reading, comparing, changing.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::git::objects::{Ref, RefKind, parse_tag};
use crate::git::ref_cache::Refs;
use crate::git::ref_files::{self, RawRef};
use crate::git::repository::{GitError, GitRepository};

/// Branches and tags at one moment.
pub(crate) type Snapshot = BTreeMap<(u8, String), Ref>;

/// Tags of tags of tags: deeper than this nobody goes.
const MOST_NESTED_TAGS: usize = 10;

impl GitRepository {
    /// All refs of one kind in git's own order. Tags of things that are no
    /// commits are left out: the service has no way to show them.
    pub(crate) fn refs(&self, kind: RefKind) -> Result<Arc<Refs>, GitError> {
        self.cached_refs()
            .get(self.git_dir(), kind, || self.read_refs(kind))
    }

    /// The ref of exactly this name.
    pub(crate) fn find_ref(&self, kind: RefKind, name: &str) -> Result<Option<Ref>, GitError> {
        let refs = self.refs(kind)?;
        let found = refs.binary_search_by(|found| found.name.as_str().cmp(name));
        Ok(found.ok().map(|position| refs[position].clone()))
    }

    /// A number that is another one once any branch or tag has changed.
    pub(crate) fn refs_digest(&self) -> Result<u64, GitError> {
        self.cached_refs().digest(self.git_dir(), || {
            let mut digest = DefaultHasher::new();
            for kind in [RefKind::Branch, RefKind::Tag] {
                for (name, found) in self.raw_refs(kind)? {
                    (name, found.object).hash(&mut digest);
                }
            }
            Ok(digest.finish())
        })
    }

    fn raw_refs(&self, kind: RefKind) -> Result<BTreeMap<String, RawRef>, GitError> {
        if ref_files::are_readable(self.git_dir()) {
            Ok(ref_files::read(self.git_dir(), kind.prefix())?)
        } else {
            self.ask_for_refs(kind)
        }
    }

    fn read_refs(&self, kind: RefKind) -> Result<Vec<Ref>, GitError> {
        let mut refs: Vec<Ref> = self
            .raw_refs(kind)?
            .iter()
            .filter_map(|(full_name, raw)| {
                Some(Ref {
                    name: full_name.strip_prefix(kind.prefix())?.to_owned(),
                    kind,
                    object: raw.object.clone(),
                    commit: raw
                        .peeled
                        .clone()
                        .flatten()
                        .unwrap_or_else(|| raw.object.clone()),
                })
            })
            .collect();
        // Branches name commits and nothing else, so no object has to be opened for
        // them.
        if kind == RefKind::Tag {
            self.peel(&mut refs)?;
        }
        Ok(refs)
    }

    /// Refs that are not kept in files: git knows where they are.
    fn ask_for_refs(&self, kind: RefKind) -> Result<BTreeMap<String, RawRef>, GitError> {
        let output = self.git(
            &[
                "for-each-ref",
                "--format=%(objectname) %(refname)",
                kind.prefix().trim_end_matches('/'),
            ],
            &[],
        )?;
        Ok(String::from_utf8_lossy(&output)
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(object, name)| {
                let found = RawRef {
                    object: object.to_owned(),
                    peeled: None,
                };
                (name.to_owned(), found)
            })
            .collect())
    }

    /// Follows tags of tags to their commits, and leaves out what ends elsewhere.
    fn peel(&self, refs: &mut Vec<Ref>) -> Result<(), GitError> {
        for _ in 0..MOST_NESTED_TAGS {
            let hashes: Vec<&str> = refs.iter().map(|found| found.commit.as_str()).collect();
            let types = self.types(&hashes)?;
            let annotations: Vec<&str> = hashes
                .iter()
                .zip(&types)
                .filter(|(_, kind)| kind.as_deref() == Some("tag"))
                .map(|(hash, _)| *hash)
                .collect();
            let targets: HashMap<String, String> = self
                .objects(&annotations)?
                .into_iter()
                .map(|(hash, _, content)| (hash, parse_tag(&content).target))
                .collect();
            let mut kept = Vec::new();
            for (mut found, kind) in refs.drain(..).zip(types) {
                match kind.as_deref() {
                    Some("commit") => kept.push(found),
                    Some("tag") => {
                        if let Some(target) = targets.get(&found.commit) {
                            found.commit.clone_from(target);
                            kept.push(found);
                        }
                    }
                    _ => {}
                }
            }
            *refs = kept;
            if targets.is_empty() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The branch that HEAD names, whether or not it exists yet.
    pub(crate) fn head_branch(&self) -> Result<Option<String>, GitError> {
        if ref_files::are_readable(self.git_dir()) {
            return Ok(ref_files::head_branch(self.git_dir())?);
        }
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
