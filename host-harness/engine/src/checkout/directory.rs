//! The directory of a checkout: absent or empty before, and again after a failure.

use std::path::{Path, PathBuf};
use vcs_provider_interface::error::{ErrorKind, VcsError};

/// A directory that is again what it was unless the work in it succeeds.
pub(super) struct DirectoryGuard {
    directory: PathBuf,
    /// The directories that were made for it, the innermost first.
    created: Vec<PathBuf>,
    is_kept: bool,
}

impl DirectoryGuard {
    /// Takes an absent or empty directory for a checkout.
    pub(super) fn claim(directory: &Path) -> Result<Self, VcsError> {
        let rejected = |why: String| {
            VcsError::new(
                ErrorKind::INVALID_INPUT,
                format!("{}: {why}", directory.display()),
            )
        };
        let mut created = Vec::new();
        match std::fs::read_dir(directory) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(rejected("the directory is not empty".to_owned()));
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                created = directory
                    .ancestors()
                    .take_while(|path| !path.as_os_str().is_empty() && !path.exists())
                    .map(Path::to_owned)
                    .collect();
                let guard = Self {
                    directory: directory.to_owned(),
                    created,
                    is_kept: false,
                };
                std::fs::create_dir_all(directory).map_err(|error| rejected(error.to_string()))?;
                return Ok(guard);
            }
            Err(error) => return Err(rejected(error.to_string())),
        }
        Ok(Self {
            directory: directory.to_owned(),
            created,
            is_kept: false,
        })
    }

    /// Removes what is in the directory, for another beginning.
    pub(super) fn empty(&self) -> std::io::Result<()> {
        for entry in std::fs::read_dir(&self.directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                std::fs::remove_dir_all(entry.path())?;
            } else {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Keeps the directory as it is now.
    pub(super) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for DirectoryGuard {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        if let Err(error) = self.empty() {
            if error.kind() != std::io::ErrorKind::NotFound {
                let directory = self.directory.display();
                tracing::warn!(%directory, %error, "what a failed checkout left cannot be removed");
            }
        }
        for directory in &self.created {
            // One that something else uses by now stays.
            if std::fs::remove_dir(directory).is_err() {
                break;
            }
        }
    }
}
