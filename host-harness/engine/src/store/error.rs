//! What can go wrong with the store, in words that an administrator can act on.

use rusqlite::ErrorCode;
use std::path::Path;
use vcs_provider_interface::error::{ErrorKind, VcsError};

/// Why the store could not do it. Whatever the kind: what was not confirmed is
/// not there, what was confirmed earlier is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk, or a quota on it, is full.
    #[error("the disk of the engine's store is full; nothing was written")]
    Full,
    /// The file or its directory cannot be written.
    #[error("the engine's store cannot be written (read-only file, directory or disk)")]
    ReadOnly,
    /// The disk does not take or give what is written or read, as beyond a limit on
    /// file sizes.
    #[error("the disk of the engine's store fails: {0}; nothing was written")]
    Disk(String),
    /// Somebody else wrote for longer than the store waits, or too much waits already.
    #[error("the engine's store is busy; try again")]
    Busy,
    /// The file cannot be opened.
    #[error("the engine's store {path} cannot be opened: {reason}")]
    CannotOpen {
        /// The file.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// The file is no store, or is damaged.
    #[error("the engine's store is damaged or no store: {0}")]
    Damaged(String),
    /// The file was written by a newer engine.
    #[error("the engine's store has schema {found}, this engine knows {known}; use a newer engine")]
    NewerSchema {
        /// The schema of the file.
        found: i64,
        /// The newest schema that this engine knows.
        known: i64,
    },
    /// What is there does not allow it.
    #[error("{0}")]
    Conflict(String),
    /// It is not there.
    #[error("{0}")]
    NotFound(String),
    /// The database cannot be reached, or ends what it was asked.
    #[error("the engine's database is away: {0}; nothing is lost that was confirmed")]
    Away(String),
    /// The store is shut.
    #[error("the engine's store is shut")]
    Shut,
    /// Anything else that the database reports.
    #[error("the engine's store failed: {0}")]
    Failed(String),
}

impl StoreError {
    /// The file at `path` could not be opened.
    pub(crate) fn cannot_open(path: &Path, reason: impl ToString) -> Self {
        Self::CannotOpen {
            path: path.display().to_string(),
            reason: reason.to_string(),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly,
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => {
                Self::Disk(error.to_string())
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged(error.to_string())
            }
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl From<StoreError> for VcsError {
    fn from(error: StoreError) -> Self {
        let kind = match &error {
            StoreError::Busy
            | StoreError::Full
            | StoreError::ReadOnly
            | StoreError::Disk(_)
            | StoreError::Away(_)
            | StoreError::Shut => ErrorKind::UNAVAILABLE,
            StoreError::Conflict(_) => ErrorKind::CONFLICT,
            StoreError::NotFound(_) => ErrorKind::NOT_FOUND,
            StoreError::CannotOpen { .. }
            | StoreError::Damaged(_)
            | StoreError::NewerSchema { .. }
            | StoreError::Failed(_) => ErrorKind::INTERNAL,
        };
        Self::new(kind, error.to_string())
    }
}
