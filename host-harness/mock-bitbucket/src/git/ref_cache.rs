//! Caches the refs of a repository for as long as git has not changed them.
//!
//! Git replaces a ref by renaming a lock file into its directory, and packed refs
//! likewise, so the times of a handful of directories and one file tell whether any
//! ref changed. (A loose ref that is written in place, past git, is not seen.)

use std::collections::HashMap;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime};

use crate::git::objects::{Ref, RefKind};
use crate::git::order::natural_order;
use crate::git::ref_files;
use crate::sync::lock;

/// File times move in steps of a few milliseconds. What changed less than this
/// ago could change again without its time moving, and is not relied on.
const SETTLED: Duration = Duration::from_millis(100);

/// All refs of a kind, in git's own order.
pub(crate) struct Refs {
    in_gits_order: Vec<Ref>,
    by_name: OnceLock<Vec<usize>>,
}

impl Refs {
    pub(crate) fn new(in_gits_order: Vec<Ref>) -> Self {
        Self {
            in_gits_order,
            by_name: OnceLock::new(),
        }
    }

    /// The same by name, in the natural order; put in order once.
    pub(crate) fn by_name(&self) -> impl DoubleEndedIterator<Item = &Ref> {
        let places = self.by_name.get_or_init(|| {
            let name = |place: &usize| &self.in_gits_order[*place].name;
            let mut places: Vec<usize> = (0..self.in_gits_order.len()).collect();
            places.sort_by(|left, right| natural_order(name(left), name(right)));
            places
        });
        places.iter().map(|place| &self.in_gits_order[*place])
    }
}

impl Deref for Refs {
    type Target = [Ref];

    fn deref(&self) -> &[Ref] {
        &self.in_gits_order
    }
}

/// Refs, and what tells whether they are still right.
type CachedRefs = (Fingerprint, Arc<Refs>);

/// The refs of one repository as they were last read.
#[derive(Default)]
pub(crate) struct RefCache {
    known: Mutex<HashMap<RefKind, CachedRefs>>,
    digest: Mutex<Option<(Fingerprint, u64)>>,
}

impl RefCache {
    /// The refs of a kind: as kept if nothing changed since, else as
    /// `read` finds them.
    ///
    /// # Errors
    ///
    /// What `read` failed with.
    pub(crate) fn get<E>(
        &self,
        git_dir: &Path,
        kind: RefKind,
        read: impl FnOnce() -> Result<Vec<Ref>, E>,
    ) -> Result<Arc<Refs>, E> {
        let known = lock(&self.known).get(&kind).cloned();
        if let Some((fingerprint, refs)) = known {
            if fingerprint.still_hold() {
                return Ok(refs);
            }
        }
        // Before the reading: a change during it then has a later time.
        let fingerprint = Fingerprint::take(git_dir);
        let refs = Arc::new(Refs::new(read()?));
        if let Some(fingerprint) = fingerprint {
            lock(&self.known).insert(kind, (fingerprint, Arc::clone(&refs)));
        }
        Ok(refs)
    }

    /// What all refs come to as one number: as kept if nothing changed since, else
    /// as `read` finds it.
    ///
    /// # Errors
    ///
    /// What `read` failed with.
    pub(crate) fn digest<E>(
        &self,
        git_dir: &Path,
        read: impl FnOnce() -> Result<u64, E>,
    ) -> Result<u64, E> {
        let known = lock(&self.digest).clone();
        if let Some((_, digest)) = known.filter(|(fingerprint, _)| fingerprint.still_hold()) {
            return Ok(digest);
        }
        let fingerprint = Fingerprint::take(git_dir);
        let digest = read()?;
        *lock(&self.digest) = fingerprint.map(|fingerprint| (fingerprint, digest));
        Ok(digest)
    }
}

/// When each place that git keeps refs in was last changed; `None` for a place
/// that is not there.
#[derive(Clone, PartialEq)]
struct Fingerprint(Vec<(PathBuf, Option<SystemTime>)>);

impl Fingerprint {
    /// The fingerprint of a repository, unless they cannot be relied on: refs that
    /// changed just now, or are kept in another way than in files.
    fn take(git_dir: &Path) -> Option<Self> {
        if !ref_files::are_readable(git_dir) {
            return None;
        }
        let packed = git_dir.join("packed-refs");
        let mut fingerprint = vec![(packed.clone(), changed(&packed))];
        let mut directories = vec![git_dir.join("refs")];
        while let Some(directory) = directories.pop() {
            // Its time first: a directory that appears afterwards moves it.
            fingerprint.push((directory.clone(), changed(&directory)));
            for entry in directory.read_dir().ok()? {
                let entry = entry.ok()?;
                if entry.file_type().ok()?.is_dir() {
                    directories.push(entry.path());
                }
            }
        }
        let settled = SystemTime::now().checked_sub(SETTLED)?;
        fingerprint
            .iter()
            .all(|(_, changed)| changed.is_none_or(|changed| changed < settled))
            .then_some(Self(fingerprint))
    }

    fn still_hold(&self) -> bool {
        self.0.iter().all(|(path, then)| changed(path) == *then)
    }
}

fn changed(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|found| found.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::fs;

    /// A directory laid out as git does, its times an hour ago.
    fn repository() -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(directory.path().join("refs/heads/topic")).expect("directories");
        fs::write(directory.path().join("refs/heads/topic/one"), "1").expect("a ref");
        settle(directory.path());
        directory
    }

    fn settle(git_dir: &Path) {
        let hour_ago = SystemTime::now() - Duration::from_secs(3600);
        for directory in ["refs", "refs/heads", "refs/heads/topic"] {
            let directory = fs::File::open(git_dir.join(directory)).expect("the directory");
            directory.set_modified(hour_ago).expect("its time");
        }
    }

    /// How often the refs are really read in two askings with `between` between.
    fn readings(git_dir: &Path, between: impl FnOnce()) -> u32 {
        let (cache, count) = (RefCache::default(), Cell::new(0));
        let ask = || {
            cache.get(git_dir, RefKind::Branch, || {
                count.set(count.get() + 1);
                Ok::<_, ()>(Vec::new())
            })
        };
        ask().expect("refs");
        between();
        ask().expect("refs");
        count.get()
    }

    #[test]
    fn what_did_not_change_is_not_read_again() {
        let directory = repository();
        assert_eq!(readings(directory.path(), || {}), 1);
    }

    #[test]
    fn a_ref_that_git_replaces_is_seen() {
        let directory = repository();
        let topic = directory.path().join("refs/heads/topic");
        let replace = || {
            fs::write(topic.join("one.lock"), "2").expect("a lock");
            fs::rename(topic.join("one.lock"), topic.join("one")).expect("the ref");
        };
        assert_eq!(readings(directory.path(), replace), 2);
    }

    #[test]
    fn refs_that_git_packs_are_seen() {
        let directory = repository();
        let pack = || fs::write(directory.path().join("packed-refs"), "").expect("packed refs");
        assert_eq!(readings(directory.path(), pack), 2);
    }

    #[test]
    fn what_changed_a_moment_ago_is_not_relied_on() {
        let directory = repository();
        fs::write(directory.path().join("refs/heads/topic/two"), "2").expect("a ref");
        assert_eq!(readings(directory.path(), || {}), 2);
    }

    #[test]
    fn refs_kept_in_another_way_are_always_read() {
        let directory = repository();
        fs::create_dir(directory.path().join("reftable")).expect("a directory");
        assert_eq!(readings(directory.path(), || {}), 2);
    }
}
