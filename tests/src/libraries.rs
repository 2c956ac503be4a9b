//! Building the libraries and programs that tests load and start.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The library of a package of this workspace, built in the profile and target
/// folder of the running test: the path of its `.so`.
///
/// Builds once per process; a package that is up to date costs cargo's check.
///
/// # Panics
/// If the package cannot be built, with cargo's words: a test cannot go on.
#[must_use]
pub fn built_library(package: &str) -> PathBuf {
    let built = built_artifacts(package, &["--lib"]);
    match built.get(&package.replace('-', "_")) {
        Some(path) => path.clone(),
        None => panic!("{package} has no cdylib, only {:?}", built.keys()),
    }
}

/// The libraries that a package has as examples with `crate-type = ["cdylib"]`,
/// by name.
///
/// # Panics
/// If the package cannot be built.
#[must_use]
pub fn built_examples(package: &str) -> HashMap<String, PathBuf> {
    built_artifacts(package, &["--examples"])
}

/// The program of a package, for tests that start it.
///
/// # Panics
/// If the package cannot be built.
#[must_use]
pub fn built_program(package: &str, name: &str) -> PathBuf {
    let built = built_artifacts(package, &["--bin", name]);
    match built.get(name) {
        Some(path) => path.clone(),
        None => panic!("{package} has no program {name}, only {:?}", built.keys()),
    }
}

type Artifacts = HashMap<String, PathBuf>;

fn built_artifacts(package: &str, selection: &[&str]) -> Artifacts {
    static BUILT: OnceLock<Mutex<HashMap<String, Artifacts>>> = OnceLock::new();
    let mut built = BUILT
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let key = format!("{package} {}", selection.join(" "));
    built
        .entry(key)
        .or_insert_with(|| build(package, selection))
        .clone()
}

fn build(package: &str, selection: &[&str]) -> Artifacts {
    let (target_folder, profile) = own_target_folder_and_profile();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let output = Command::new(cargo)
        .args(["build", "--locked", "--message-format=json", "-p", package])
        .args(["--profile", &profile])
        .arg("--target-dir")
        .arg(target_folder)
        .args(selection)
        .current_dir(workspace_folder())
        .stdin(Stdio::null())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => panic!("cargo cannot be started: {error}"),
    };
    assert!(
        output.status.success(),
        "{package} cannot be built:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter_map(|message| artifact(&message))
        .collect()
}

/// The name and file of a message about a built library or program of this workspace.
fn artifact(message: &serde_json::Value) -> Option<(String, PathBuf)> {
    if message["reason"] != "compiler-artifact" {
        return None;
    }
    let manifest = Path::new(message["manifest_path"].as_str()?);
    if !manifest.starts_with(workspace_folder()) {
        return None;
    }
    let name = message["target"]["name"].as_str()?.to_owned();
    if let Some(program) = message["executable"].as_str() {
        return Some((name, program.into()));
    }
    message["filenames"]
        .as_array()?
        .iter()
        .filter_map(|file| file.as_str())
        .find(|file| file.ends_with(".so"))
        .filter(|_| is_cdylib(message))
        .map(|file| (name, file.into()))
}

/// Procedural macros are `.so` files too, but not what a test loads.
fn is_cdylib(message: &serde_json::Value) -> bool {
    message["target"]["crate_types"]
        .as_array()
        .is_some_and(|types| types.iter().any(|one| one == "cdylib"))
}

fn workspace_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

/// A test stands in `TARGET/PROFILE/deps`; the folder of the profile `dev` is
/// called `debug`.
fn own_target_folder_and_profile() -> (PathBuf, String) {
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
