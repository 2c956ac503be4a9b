//! Runs `git` as a process: isolated from the machine, with a deadline,
//! cancellable, without prompts, and with a credential that only the remote's
//! own origin gets.
//!
//! This is the one place from which the engine runs git for a remote. Its rules:
//!
//! - **Isolation** (`isolation`): git sees an environment that is built from
//!   nothing. No configuration, attributes, hooks, templates or `.netrc` of the
//!   machine or its user count, and none of the caller's `GIT_*` variables.
//! - **Network** (`network`, `relay`): git goes the way that the provider goes,
//!   through the same proxy and with the same authorities.
//! - **Secrets** (`credential`): git asks a credential helper, and the helper
//!   asks this process over a socket that only its user can reach. A secret
//!   stands in no address, argument, environment or file.
//! - **Protocols**: HTTP and HTTPS; SSH only where a remote is given for it.
//! - **Errors** (`stderr`): one sentence, with the last thing that git said.

mod command;
mod credential;
mod environment;
mod isolation;
mod network;
mod process;
mod progress;
mod relay;
mod remote;
mod ssh;
mod stderr;
mod version;

pub use command::Git;
pub use credential::{serve_credential_helper, use_helper_program};
pub use network::{GitNetwork, ProxyAddress};
pub use progress::Progress;
pub use remote::Remote;
pub use ssh::{KnownHosts, SshAccess};
pub use version::LEAST_VERSION;

use vcs_provider_interface::error::VcsError;

/// Why git did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The deadline passed, the call was cancelled, or git's words have a plain
    /// meaning such as "not found" or "not authenticated".
    #[error("{}", .0.message)]
    Vcs(#[from] VcsError),
    /// Git failed for a reason of its own.
    #[error("git {command} failed: {message}")]
    Failed {
        /// The command, such as `fetch`.
        command: String,
        /// The last thing that git said.
        message: String,
        /// The end of all that git said, without secrets.
        output: String,
        /// The exit code; `None` if a signal ended it.
        code: Option<i32>,
    },
    /// Git cannot be started.
    #[error("git cannot be started: {0}; is it installed and on the PATH?")]
    NotStarted(#[source] std::io::Error),
    /// The git of this machine is too old.
    #[error(
        "git {found} is too old: {} or newer is needed, which takes its settings from the \
         environment",
        version::least()
    )]
    TooOld {
        /// The version that was found.
        found: String,
    },
    /// Something that git needs besides cannot be made.
    #[error("{0}")]
    Preparation(String),
}
