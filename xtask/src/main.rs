//! `cargo xtask`: builds, stages and packages.
//!
//! Without dependencies, so that it is built in a moment.
//!
//! - `cargo xtask stage` builds the engine and the provider for release and puts
//!   the plugin with its manifest into `plugins` beside the engine.
//! - `cargo xtask demo [ARGUMENT…]` does that and runs `engine demo` with the
//!   arguments.
//! - `cargo xtask test [ARGUMENT…]` builds what tests load and runs all tests.

// Hostile input must come out as an error; a panic is for tests.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable
    )
)]

use std::ffi::OsString;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const USAGE: &str = "usage: cargo xtask stage | demo [ARGUMENT…] | test [ARGUMENT…]";
const PLUGIN: &str = "libvcs_bitbucketcloud.so";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let task = arguments.next();
    let rest: Vec<OsString> = arguments.collect();
    let outcome = match task.as_ref().and_then(|task| task.to_str()) {
        Some("stage") if rest.is_empty() => stage().map(|engine| {
            println!("staged: {}", engine.with_file_name("plugins").display());
        }),
        Some("demo") => demo(rest),
        Some("test") => test(rest),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Status(code)) => ExitCode::from(code),
        Err(Failure::Message(message)) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Why a task failed.
enum Failure {
    /// A command ended with this code and has said why.
    Status(u8),
    /// Something else.
    Message(String),
}

fn failure(what: impl Display, error: impl Display) -> Failure {
    Failure::Message(format!("{what}: {error}"))
}

/// Builds for release and stages the plugin; gives the path of the engine.
fn stage() -> Result<PathBuf, Failure> {
    let packages = ["-p", "host-harness", "-p", "vcs-bitbucketcloud"];
    let build = ["build", "--release", "--locked"];
    run(cargo().args(build).args(packages))?;
    let built = target_folder().join("release");
    let plugins = built.join("plugins");
    std::fs::create_dir_all(&plugins).map_err(|error| failure(plugins.display(), error))?;
    let plugin = plugins.join(PLUGIN);
    replace(&built.join(PLUGIN), &plugin)?;
    let engine = built.join("engine");
    // The manifest goes with exactly these bytes.
    run(Command::new(&engine)
        .args(["plugins", "pin", "--json"])
        .arg(&plugin)
        .stdout(std::process::Stdio::null()))?;
    Ok(engine)
}

/// Puts a copy in place of a plugin by renaming: an engine that has the former
/// file open must not see it change.
fn replace(source: &Path, target: &Path) -> Result<(), Failure> {
    let copy = target.with_extension("so.new");
    std::fs::copy(source, &copy).map_err(|error| failure(source.display(), error))?;
    set_mode(&copy).map_err(|error| failure(copy.display(), error))?;
    std::fs::rename(&copy, target).map_err(|error| failure(target.display(), error))
}

/// Only the owner may write to a plugin; the loader refuses others.
#[cfg(unix)]
fn set_mode(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn set_mode(_path: &Path) -> std::io::Result<()> {
    Ok(())
}

fn demo(arguments: Vec<OsString>) -> Result<(), Failure> {
    let engine = stage()?;
    let plugin = engine.with_file_name("plugins").join(PLUGIN);
    run(Command::new(&engine)
        .arg("demo")
        .arg("--plugin")
        .arg(plugin)
        .args(arguments))
}

fn test(arguments: Vec<OsString>) -> Result<(), Failure> {
    // First, so that a plugin that does not build is one clear failure and not
    // one of every test that loads it.
    run(cargo().args(["build", "--locked", "-p", "vcs-bitbucketcloud", "--lib"]))?;
    run(cargo().args(["build", "--locked", "-p", "host-harness", "--bin", "engine"]))?;
    run(cargo()
        .args(["test", "--workspace", "--locked"])
        .args(arguments))
}

fn cargo() -> Command {
    let mut cargo =
        Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    cargo.current_dir(workspace_folder());
    cargo
}

/// The folder of the workspace: cargo says where this package stands.
fn workspace_folder() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    package
        .as_deref()
        .and_then(Path::parent)
        .map_or_else(|| PathBuf::from("."), Path::to_owned)
}

fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || workspace_folder().join("target"),
        |folder| workspace_folder().join(folder),
    )
}

fn run(command: &mut Command) -> Result<(), Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .map_err(|error| failure(name.as_str(), error))?;
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
