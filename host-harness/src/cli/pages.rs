//! `engine completions` and `engine man`: what packages install beside the program.

use super::args::{Arguments, ShellName};
use super::exit;
use super::failure::Failure;
use super::output::{Output, print_text};
use clap::CommandFactory;
use clap_complete::env::Shells;
use serde_json::json;
use std::path::Path;

/// The environment variable by which a shell asks this program for completions.
pub(super) const ASKED_BY: &str = "COMPLETE";

/// Prints the script that registers the program for completion in a shell. The
/// candidates come from the program itself, so that they fit its version and the
/// configuration.
pub(super) fn completions(shell: ShellName, output: &Output) -> Result<(), Failure> {
    let name = shell.name();
    let mut script = Vec::new();
    Shells::builtins()
        .completer(name)
        .ok_or_else(|| Failure::new(exit::FAILURE, format!("no completion is known for {name}")))?
        .write_registration(ASKED_BY, "engine", "engine", "engine", &mut script)
        .map_err(|error| Failure::new(exit::FAILURE, error.to_string()))?;
    let script = String::from_utf8_lossy(&script).into_owned();
    if output.is_json() {
        return output.either(|| json!({ "script": script }), String::new);
    }
    print_text(&script)
}

/// Writes a manual page for each command into a directory.
pub(super) fn manual(directory: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(Arguments::command(), directory))
        .map_err(|error| Failure::file(directory, &error))
}
