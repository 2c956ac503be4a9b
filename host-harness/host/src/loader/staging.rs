//! Private copies: what is linked is a file that nobody else can change, under
//! a name that says what is in it.
//!
//! The dynamic linker maps a file instead of reading it, so a file that is
//! changed in place changes the running program. And it gives the library it
//! has when a path is opened a second time, even if another file stands there
//! by then. A copy named by its digest has neither problem.

use super::error::{LoadError, Reason};
use super::manifest::Digest;
use super::source::{Directory, Source, Trust};
use std::fmt::Display;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The directory of private copies.
#[derive(Clone, Debug)]
pub(super) struct Staging {
    directory: PathBuf,
}

impl Staging {
    /// The copies stand in this directory, which is made when it is needed.
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The directory of this user below the directory for temporary files.
    pub(super) fn default_directory() -> PathBuf {
        let user = rustix::process::geteuid().as_raw();
        std::env::temp_dir().join(format!("vcs-providers-{user}"))
    }

    /// Makes the private copy, or finds the one that is there already.
    ///
    /// # Errors
    /// `staging_unsafe`, `staging_failed`.
    pub(super) fn copy(
        &self,
        plugin: &Path,
        bytes: &[u8],
        digest: Digest,
    ) -> Result<PathBuf, LoadError> {
        self.prepare_directory(plugin)?;
        let copy = self.directory.join(format!("{digest}.so"));
        if holds(&copy, bytes) {
            return Ok(copy);
        }
        let failed = |error: &dyn Display| {
            LoadError::new(Reason::StagingFailed, plugin)
                .found(format!("{}: {error}", copy.display()))
                .advice("the directory must allow files of this length to be written and executed")
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
        Ok(())
    }
}

/// Whether a copy is there, ours alone, and holds exactly these bytes.
fn holds(copy: &Path, bytes: &[u8]) -> bool {
    Directory::of(copy, Trust::Owner)
        .and_then(|directory| Source::open(&directory, copy, bytes.len() as u64, Trust::Owner))
        .is_ok_and(|source| source.bytes == bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn staging() -> (tempfile::TempDir, Staging) {
        let directory = tempfile::tempdir().unwrap();
        let staging = Staging::new(directory.path().join("private"));
        (directory, staging)
    }

    #[test]
    fn a_copy_is_for_the_owner_alone_and_is_used_again() {
        let (_directory, staging) = staging();
        let plugin = Path::new("p.so");
        let digest = Digest::of(b"code");
        let copy = staging.copy(plugin, b"code", digest).unwrap();
        let first = fs::metadata(&copy).unwrap();
        assert_eq!(first.mode() & 0o777, 0o500);
        assert_eq!(
            fs::metadata(&staging.directory).unwrap().mode() & 0o777,
            0o700
        );
        let again = staging.copy(plugin, b"code", digest).unwrap();
        assert_eq!(first.ino(), fs::metadata(again).unwrap().ino());
    }

    #[test]
    fn a_copy_that_was_changed_is_replaced() {
        let (_directory, staging) = staging();
        let digest = Digest::of(b"code");
        let copy = staging.copy(Path::new("p.so"), b"code", digest).unwrap();
        fs::remove_file(&copy).unwrap();
        fs::write(&copy, b"evil").unwrap();
        let copy = staging.copy(Path::new("p.so"), b"code", digest).unwrap();
        assert_eq!(fs::read(copy).unwrap(), b"code");
    }

    #[test]
    fn a_directory_that_others_can_enter_is_rejected() {
        let (_directory, staging) = staging();
        fs::create_dir(&staging.directory).unwrap();
        fs::set_permissions(&staging.directory, fs::Permissions::from_mode(0o755)).unwrap();
        let error = staging
            .copy(Path::new("p.so"), b"code", Digest::of(b"code"))
            .unwrap_err();
        assert_eq!(error.code(), "staging_unsafe");
        assert!(error.to_string().contains("mode 0755"), "{error}");
    }
}
