//! Building the libraries and programs that tests load and start.

use serde_json::Value;
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Names a file with cargo's messages about a finished build of the workspace.
const BUILT_ARTIFACTS: &str = "TEST_BUILT_ARTIFACTS";

/// What the workspace was built into, by kind and name.
type Artifacts = HashMap<(Kind, String), PathBuf>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Library,
    Example,
    Program,
}

/// The library of a package of this workspace, built in the profile and target
/// folder of the running test: the path of its `.so`.
///
/// # Panics
/// If the workspace cannot be built, with cargo's words, or the package has no
/// `cdylib`: a test cannot go on.
#[must_use]
pub fn built_library(package: &str) -> PathBuf {
    built(Kind::Library, &package.replace('-', "_"))
}

/// The library of an example with `crate-type = ["cdylib"]`.
///
/// # Panics
/// As [`built_library`].
#[must_use]
pub fn built_example(name: &str) -> PathBuf {
    built(Kind::Example, name)
}

/// A program of this workspace, for tests that start it.
///
/// # Panics
/// As [`built_library`].
#[must_use]
pub fn built_program(name: &str) -> PathBuf {
    built(Kind::Program, name)
}

/// The library of a package as it is released: built by itself, so that no
/// other package's wishes for features are in it, in the profile `release`.
///
/// # Panics
/// As [`built_library`].
#[must_use]
pub fn released_library(package: &str) -> PathBuf {
    let (target_folder, _) = own_target_folder_and_profile();
    let selection = ["--release", "--package", package];
    let (artifacts, complaints) = cargo_build(&target_folder, &selection);
    match artifacts.get(&(Kind::Library, package.replace('-', "_"))) {
        Some(path) => path.clone(),
        None => panic!("{package} cannot be built for release:\n{complaints}"),
    }
}

fn built(kind: Kind, name: &str) -> PathBuf {
    static BUILT: OnceLock<(Artifacts, String)> = OnceLock::new();
    let (artifacts, complaints) = BUILT.get_or_init(build_workspace);
    match artifacts.get(&(kind, name.to_owned())) {
        Some(path) => path.clone(),
        None => {
            panic!("the workspace has no {kind:?} {name}, or it cannot be built:\n{complaints}")
        }
    }
}

/// What was built, from the file that `cargo xtask test` names; without it builds
/// the whole workspace, once per process. Also returns what cargo said.
///
/// Cargo chooses the features of dependencies for everything that is built
/// together, so that asking for one package at a time would compile them again
/// for each. A package that cannot be built does not keep others from it.
fn build_workspace() -> (Artifacts, String) {
    if let Some(file) = std::env::var_os(BUILT_ARTIFACTS) {
        match std::fs::read_to_string(&file) {
            Ok(messages) => return (artifacts_of(&messages), String::new()),
            Err(error) => panic!("{}: {error}", Path::new(&file).display()),
        }
    }
    let (target_folder, profile) = own_target_folder_and_profile();
    let selection = [
        "--workspace",
        "--keep-going",
        "--lib",
        "--bins",
        "--examples",
    ];
    let selection = [&selection[..], &["--profile", &profile]].concat();
    cargo_build(&target_folder, &selection)
}

/// Runs `cargo build`; gives what was built and what cargo said.
fn cargo_build(target_folder: &Path, selection: &[&str]) -> (Artifacts, String) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut build = Command::new(cargo);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_of_this_test) {
            build.env_remove(name);
        }
    }
    let output = build
        .args(["build", "--locked", "--message-format=json"])
        .args(selection)
        .arg("--target-dir")
        .arg(target_folder)
        .current_dir(workspace_folder())
        .stdin(Stdio::null())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => panic!("cargo cannot be started: {error}"),
    };
    (
        artifacts_of(&String::from_utf8_lossy(&output.stdout)),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// What cargo's messages, one in each line, say was built.
fn artifacts_of(messages: &str) -> Artifacts {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter_map(|message| artifact(&message))
        .collect()
}

/// Whether cargo set a variable for the running test. Build scripts that look
/// at these would run again, and what depends on them be compiled again, at
/// every change between a test's build and an ordinary one.
fn is_of_this_test(variable: &str) -> bool {
    variable.starts_with("CARGO_PKG_")
        || variable.starts_with("CARGO_MANIFEST_")
        || variable.starts_with("CARGO_BIN_EXE_")
        || variable == "CARGO_CRATE_NAME"
}

/// The kind, name and file of a message about a built library or program of
/// this workspace.
fn artifact(message: &Value) -> Option<((Kind, String), PathBuf)> {
    if message["reason"] != "compiler-artifact" {
        return None;
    }
    let manifest = Path::new(message["manifest_path"].as_str()?);
    if !manifest.starts_with(workspace_folder()) {
        return None;
    }
    let target = &message["target"];
    let name = target["name"].as_str()?.to_owned();
    if let Some(program) = message["executable"].as_str() {
        return Some(((Kind::Program, name), program.into()));
    }
    let has = |list: &Value, wanted: &str| {
        list.as_array()
            .is_some_and(|all| all.iter().any(|one| one == wanted))
    };
    if !has(&target["crate_types"], "cdylib") {
        return None;
    }
    let kind = if has(&target["kind"], "example") {
        Kind::Example
    } else {
        Kind::Library
    };
    let files = message["filenames"].as_array()?;
    let library = files
        .iter()
        .filter_map(Value::as_str)
        .find(|file| file.ends_with(".so"))?;
    Some(((kind, name), library.into()))
}

/// The folder of the workspace.
pub(crate) fn workspace_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

/// A test stands in `TARGET/PROFILE/deps`; the folder of the profile `dev` is
/// called `debug`.
pub(crate) fn own_target_folder_and_profile() -> (PathBuf, String) {
    let own = std::env::current_exe().ok();
    let profile_folder =
        own.as_deref()
            .and_then(Path::parent)
            .map(|folder| match folder.file_name() {
                Some(name) if name == "deps" => folder.parent().unwrap_or(folder),
                _ => folder,
            });
    let (Some(folder), Some(name)) = (
        profile_folder.and_then(Path::parent),
        profile_folder.and_then(Path::file_name),
    ) else {
        return (workspace_folder().join("target"), "dev".to_owned());
    };
    let profile = match name.to_str() {
        Some("debug") | None => "dev",
        Some(other) => other,
    };
    (folder.to_owned(), profile.to_owned())
}
