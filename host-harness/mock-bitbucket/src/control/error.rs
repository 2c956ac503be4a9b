//! Why a mock could not be started or changed.

use std::io;
use std::path::PathBuf;

use crate::git::repository::GitError;

/// Why a mock could not be started or changed.
#[derive(Debug, thiserror::Error)]
pub enum MockError {
    /// The address cannot be listened on, or the runtime not be started.
    #[error("cannot start the mock: {0}")]
    Start(#[source] io::Error),
    /// The recording cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A name is not `workspace/slug`.
    #[error("\"{0}\" is not of the form workspace/slug")]
    Name(String),
    /// A repository, workspace or account is not there.
    #[error("the mock has no {0}")]
    Missing(String),
    /// A repository cannot be read.
    #[error("{path}: {source}")]
    Repository {
        /// Where it should be.
        path: PathBuf,
        /// Why.
        source: GitError,
    },
}
