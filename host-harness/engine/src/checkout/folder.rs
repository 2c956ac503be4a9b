//! The folder of a checkout: absent or empty before, and again after a failure.

use std::path::{Path, PathBuf};
use vcs_provider_interface::error::{ErrorKind, VcsError};

/// A folder that is removed again unless the work in it succeeds.
pub(super) struct FolderGuard {
    created: Option<PathBuf>,
}

impl FolderGuard {
    /// Takes an absent or empty folder for a checkout.
    pub(super) fn claim(folder: &Path) -> Result<Self, VcsError> {
        let refused = |why: String| {
            VcsError::new(
                ErrorKind::INVALID_INPUT,
                format!("{}: {why}", folder.display()),
            )
        };
        match std::fs::read_dir(folder) {
            Ok(mut entries) => match entries.next() {
                None => Ok(Self { created: None }),
                Some(_) => Err(refused("the folder is not empty".to_owned())),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                std::fs::create_dir_all(folder).map_err(|error| refused(error.to_string()))?;
                Ok(Self {
                    created: Some(folder.to_owned()),
                })
            }
            Err(error) => Err(refused(error.to_string())),
        }
    }

    /// Keeps the folder.
    pub(super) fn keep(mut self) {
        self.created = None;
    }
}

impl Drop for FolderGuard {
    fn drop(&mut self) {
        if let Some(folder) = &self.created {
            // What cannot be removed is left for the administrator.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}
