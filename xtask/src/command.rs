//! Running other programs, and where the workspace stands.

use std::ffi::OsString;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// Why a task failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A command ended with this code and has said why.
    Status(u8),
    /// Something else.
    Message(String),
}

pub(crate) fn failure(what: impl Display, error: impl Display) -> Failure {
    Failure::Message(format!("{what}: {error}"))
}

/// The cargo that runs this program, in the directory of the workspace.
pub(crate) fn cargo() -> Command {
    let mut cargo =
        Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    cargo.current_dir(workspace_directory());
    cargo
}

/// The directory of the workspace: cargo says where this package stands.
pub(crate) fn workspace_directory() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    package
        .as_deref()
        .and_then(Path::parent)
        .map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// Where cargo puts what it builds.
pub(crate) fn target_directory() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || workspace_directory().join("target"),
        |directory| workspace_directory().join(directory),
    )
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .map_err(|error| failure(name.as_str(), error))?;
    ended(&name, status)
}

/// A command that ended otherwise than well is a failure with its code.
pub(crate) fn ended(name: &str, status: ExitStatus) -> Result<(), Failure> {
    if status.success() {
        return Ok(());
    }
    Err(
        match status.code().and_then(|code| u8::try_from(code).ok()) {
            Some(code) => Failure::Status(code),
            None => failure(name, status),
        },
    )
}
