//! Private copies: what is linked is a file that nobody else can change, under
//! a name that says what is in it.
//!
//! The dynamic linker maps a file instead of reading it, so a file that is
//! changed in place changes the running program. And it gives the library it
//! has when a path is opened a second time, even if another file stands there
//! by then. A copy named by its digest has neither problem.
//!
//! Where the directory cannot be used (a file system without execution, a full
//! disk, one that somebody else made), the copy is made in memory: sealed, so
//! that nobody can change it either.

use super::error::{LoadError, Reason};
use super::manifest::Digest;
use super::source::{Directory, Source, Trust};
use rustix::fs::{MemfdFlags, SealFlags, StatVfsMountFlags};
use std::fmt::Display;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// How long a copy stays that nobody uses.
const KEEP_UNUSED: Duration = Duration::from_secs(24 * 60 * 60);

/// What to do where no copy can be made.
const ADVICE: &str = "name a directory with plugins.stagingDirectory that only the engine's \
                      user can enter, on a file system that allows execution";

/// The directory of private copies.
#[derive(Debug)]
pub(super) struct Staging {
    directory: PathBuf,
    was_tidied: AtomicBool,
    /// Why the last copy was made in memory.
    unusable: Mutex<Option<LoadError>>,
}

/// A private copy.
#[derive(Clone, Debug)]
pub(super) struct Copy {
    /// The path under which the dynamic linker finds it.
    pub(super) path: PathBuf,
    /// What keeps that path valid, for a copy in memory.
    pub(super) _memory: Option<Arc<OwnedFd>>,
}

impl Copy {
    /// A copy that another process made and keeps.
    pub(super) fn elsewhere(path: PathBuf) -> Self {
        Self {
            path,
            _memory: None,
        }
    }
}

impl Staging {
    /// The copies stand in this directory, which is made when it is needed, or
    /// in that of this user below the directory for temporary files.
    pub(super) fn new(chosen: Option<PathBuf>) -> Self {
        let user = rustix::process::geteuid().as_raw();
        Self {
            directory: chosen
                .unwrap_or_else(|| std::env::temp_dir().join(format!("vcs-providers-{user}"))),
            was_tidied: AtomicBool::new(false),
            unusable: Mutex::default(),
        }
    }

    /// Makes the private copy, or finds the one that is there already.
    ///
    /// # Errors
    /// `staging_unsafe` or `staging_failed` for the directory, if there can be no
    /// copy in memory either.
    pub(super) fn copy(
        &self,
        plugin: &Path,
        bytes: &[u8],
        digest: Digest,
    ) -> Result<Copy, LoadError> {
        match self.copy_to_directory(plugin, bytes, digest) {
            Ok(path) => Ok(Copy {
                path,
                _memory: None,
            }),
            Err(error) => match copy_to_memory(bytes, digest) {
                Ok(copy) => {
                    *self.lock_unusable() = Some(error);
                    Ok(copy)
                }
                Err(in_memory) => {
                    let found = error.facts.found.clone().unwrap_or_default();
                    Err(error.found(format!("{found}; in memory: {in_memory}")))
                }
            },
        }
    }

    /// Why copies are made in memory, if the last one was.
    pub(super) fn unusable(&self) -> Option<LoadError> {
        self.lock_unusable().clone()
    }

    fn lock_unusable(&self) -> MutexGuard<'_, Option<LoadError>> {
        self.unusable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn copy_to_directory(
        &self,
        plugin: &Path,
        bytes: &[u8],
        digest: Digest,
    ) -> Result<PathBuf, LoadError> {
        self.prepare_directory(plugin)?;
        let copy = self.directory.join(format!("{digest}.so"));
        if let Some(file) = holding(&copy, bytes) {
            // Says that it is in use. One that cannot be said is copied again.
            let _ = file.set_modified(SystemTime::now());
            return Ok(copy);
        }
        let failed = |error: &dyn Display| {
            LoadError::new(Reason::StagingFailed, plugin)
                .found(format!("{}: {error}", copy.display()))
                .advice(ADVICE)
        };
        // Opened with `O_EXCL` and mode 0600 under a name of its own; the
        // rename replaces a copy that was tampered with and leaves its mapping,
        // if there is one, as it was.
        let mut file =
            tempfile::NamedTempFile::new_in(&self.directory).map_err(|error| failed(&error))?;
        file.write_all(bytes)
            .and_then(|()| {
                let owner_only = fs::Permissions::from_mode(0o500);
                file.as_file().set_permissions(owner_only)
            })
            .map_err(|error| failed(&error))?;
        file.persist(&copy).map_err(|error| failed(&error.error))?;
        Ok(copy)
    }

    fn prepare_directory(&self, plugin: &Path) -> Result<(), LoadError> {
        let reject = |reason, found: &dyn Display| {
            LoadError::new(reason, plugin)
                .expected(format!("{} to be ours alone", self.directory.display()))
                .found(found)
                .advice(ADVICE)
        };
        let made = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory);
        made.map_err(|error| reject(Reason::StagingFailed, &error))?;
        let found = fs::symlink_metadata(&self.directory)
            .map_err(|error| reject(Reason::StagingFailed, &error))?;
        if !found.is_dir() {
            return Err(reject(
                Reason::StagingUnsafe,
                &"a link or file in its place",
            ));
        }
        let us = rustix::process::geteuid().as_raw();
        if found.uid() != us {
            let owner = format!("user {} as its owner", found.uid());
            return Err(reject(Reason::StagingUnsafe, &owner));
        }
        if found.mode() & 0o077 != 0 {
            let mode = format!("mode {:04o}", found.mode() & 0o7777);
            return Err(reject(Reason::StagingUnsafe, &mode));
        }
        let mounted = rustix::fs::statvfs(&self.directory)
            .map_err(|error| reject(Reason::StagingFailed, &error))?;
        if mounted.f_flag.contains(StatVfsMountFlags::NOEXEC) {
            let found = "a file system without execution (noexec)";
            return Err(reject(Reason::StagingFailed, &found));
        }
        if !self.was_tidied.swap(true, Ordering::Relaxed) {
            remove_unused(&self.directory);
        }
        Ok(())
    }
}

/// The file of a copy that is there, ours alone, and holds exactly these bytes.
fn holding(copy: &Path, bytes: &[u8]) -> Option<File> {
    let directory = Directory::of(copy, Trust::Owner).ok()?;
    let longest = bytes.len() as u64;
    let source = Source::open(&directory, copy, longest, Trust::Owner).ok()?;
    (source.bytes == bytes).then_some(source.file)
}

/// Removes copies that nobody has used for long, and what a host left that ended
/// while it made one. A library that is mapped stays mapped without its file.
fn remove_unused(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_ours = name.starts_with(".tmp") || name.ends_with(".so");
        let is_old = entry.metadata().is_ok_and(|metadata| {
            let used = metadata.modified().ok();
            let unused = used.and_then(|used| used.elapsed().ok());
            metadata.is_file() && unused.is_some_and(|unused| unused > KEEP_UNUSED)
        });
        if is_ours && is_old {
            // Another host may have been quicker.
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn copy_to_memory(bytes: &[u8], digest: Digest) -> std::io::Result<Copy> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let name = format!("{digest}.so");
    // Kernels before 6.3 do not know that a file in memory may be one without
    // execution, and need not be told that this one is not.
    let made = rustix::fs::memfd_create(&name, flags | MemfdFlags::EXEC)
        .or_else(|_| rustix::fs::memfd_create(&name, flags))?;
    let mut file = File::from(made);
    file.write_all(bytes)?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&file, seals)?;
    // Also for another process of the same user, and never used twice.
    let (process, number) = (std::process::id(), file.as_raw_fd());
    Ok(Copy {
        path: PathBuf::from(format!("/proc/{process}/fd/{number}")),
        _memory: Some(Arc::new(file.into())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn staging() -> (tempfile::TempDir, Staging) {
        let directory = tempfile::tempdir().unwrap();
        let staging = Staging::new(Some(directory.path().join("private")));
        (directory, staging)
    }

    fn copy(staging: &Staging) -> Copy {
        let digest = Digest::of(b"code");
        staging.copy(Path::new("p.so"), b"code", digest).unwrap()
    }

    #[test]
    fn a_copy_is_for_the_owner_alone_and_is_used_again() {
        let (_directory, staging) = staging();
        let first = fs::metadata(copy(&staging).path).unwrap();
        assert_eq!(first.mode() & 0o777, 0o500);
        let mode = fs::metadata(&staging.directory).unwrap().mode();
        assert_eq!(mode & 0o777, 0o700);
        let again = fs::metadata(copy(&staging).path).unwrap();
        assert_eq!(first.ino(), again.ino());
    }

    #[test]
    fn a_copy_that_was_changed_is_replaced() {
        let (_directory, staging) = staging();
        let changed = copy(&staging).path;
        fs::remove_file(&changed).unwrap();
        fs::write(&changed, b"evil").unwrap();
        assert_eq!(fs::read(copy(&staging).path).unwrap(), b"code");
    }

    #[test]
    fn a_directory_that_others_can_enter_is_not_used_and_the_way_out_is_named() {
        let (_directory, staging) = staging();
        fs::create_dir(&staging.directory).unwrap();
        fs::set_permissions(&staging.directory, fs::Permissions::from_mode(0o755)).unwrap();
        let copy = copy(&staging);
        assert!(copy.path.starts_with("/proc"), "{copy:?}");
        let error = staging.unusable().unwrap();
        assert_eq!(error.code(), "staging_unsafe");
        assert!(error.to_string().contains("mode 0755"), "{error}");
        assert!(
            error.to_string().contains("plugins.stagingDirectory"),
            "{error}"
        );
    }

    #[test]
    fn where_the_directory_cannot_be_used_the_copy_is_in_memory_and_sealed() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("file"), "in the way").unwrap();
        let staging = Staging::new(Some(directory.path().join("file/private")));
        let copy = copy(&staging);
        assert!(copy.path.starts_with("/proc"));
        assert_eq!(fs::read(&copy.path).unwrap(), b"code");
        let written = File::options().write(true).open(&copy.path);
        assert!(
            written
                .and_then(|mut file| file.write_all(b"evil"))
                .is_err()
        );
    }

    #[test]
    fn copies_that_nobody_uses_are_removed_and_others_are_not() {
        let (_directory, staging) = staging();
        fs::create_dir(&staging.directory).unwrap();
        fs::set_permissions(&staging.directory, fs::Permissions::from_mode(0o700)).unwrap();
        let long_ago = SystemTime::now() - 2 * KEEP_UNUSED;
        for (name, modified) in [
            ("old.so", long_ago),
            (".tmpleft", long_ago),
            ("notes.txt", long_ago),
            ("new.so", SystemTime::now()),
        ] {
            let file = File::create(staging.directory.join(name)).unwrap();
            file.set_modified(modified).unwrap();
        }
        let copy = copy(&staging).path;
        let exists = |name: &str| staging.directory.join(name).exists();
        assert!(!exists("old.so") && !exists(".tmpleft"));
        assert!(exists("notes.txt") && exists("new.so") && copy.exists());
    }
}
