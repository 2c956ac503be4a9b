//! Why git could not do what was asked.

/// Why git could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The program could not be started or spoken to.
    #[error("cannot run git: {0}")]
    Start(#[from] std::io::Error),
    /// git ended with an error; its message follows.
    #[error("git {command} failed: {message}")]
    Failed {
        /// The git command.
        command: String,
        /// What git wrote to standard error.
        message: String,
    },
    /// git said something that is not what its documentation says.
    #[error("git said something unexpected to {0}")]
    Unexpected(&'static str),
}
