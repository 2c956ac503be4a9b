//! Builds plugins and hosts against a version of the interface.

use crate::versions::Version;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// How something is built.
#[derive(Clone, Default)]
pub(crate) struct Build {
    /// Added to the name of what is built.
    pub(crate) suffix: &'static str,
    pub(crate) arguments: &'static [&'static str],
    /// Another compiler than cargo's own.
    pub(crate) compiler: Option<PathBuf>,
}

fn tests_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where the matrix is built; kept between runs.
fn work_folder() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let target = own
        .ancestors()
        .find(|folder| folder.file_name().is_some_and(|name| name == "target"))
        .map_or_else(|| tests_folder().join("../target"), Path::to_owned);
    target.join("abi-matrix")
}

/// Writes a file only if it has changed, so that cargo does not build again.
fn write(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|present| present == text) {
        return;
    }
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// All files below a folder, with their paths from it.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Writes the source of a version of the interface.
fn interface(version: Version) -> PathBuf {
    let frozen = tests_folder().join("abi/frozen/1.0.0");
    let folder = work_folder().join(format!("interface-{}", version.name));
    let mut files: BTreeMap<PathBuf, String> = files_below(&frozen)
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path.strip_prefix(&frozen).unwrap().to_owned(), text)
        })
        .collect();
    for (file, old, new) in version.edits {
        let text = files.get_mut(Path::new(file)).unwrap();
        assert_eq!(
            text.matches(old).count(),
            1,
            "{}: {file}: {old}",
            version.name
        );
        *text = text.replace(old, new);
    }
    for (file, text) in files {
        write(&folder.join(file), &text);
    }
    folder
}

/// The dependency on an interface, under the name that sources use.
fn dependency_on(version: Version) -> String {
    let package = match version.name {
        "other-package" => "vcs-provider-interfaces",
        _ => "vcs-provider-interface",
    };
    let path = interface(version);
    format!("vcs-provider-interface = {{ path = {path:?}, package = {package:?} }}\n")
}

fn project(name: &str, version: Version, rest: &str) -> PathBuf {
    let folder = work_folder().join(name);
    let features: String = ["since-1-1", "since-1-2"]
        .iter()
        .map(|feature| format!("{feature} = []\n"))
        .collect();
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\n\
         [workspace]\n\n[features]\n{features}\n[dependencies]\n{}{rest}",
        dependency_on(version)
    );
    write(&folder.join("Cargo.toml"), &manifest);
    let lock = folder.join("Cargo.lock");
    if !lock.exists() {
        // The versions that the workspace uses; they are there without a network.
        fs::copy(tests_folder().join("../Cargo.lock"), lock).unwrap();
    }
    folder
}

/// Runs cargo on a project and returns the file that it built.
fn build(folder: &Path, version: Version, how: &Build, file: &str) -> PathBuf {
    // The projects share a folder and cargo a lock; one build after the other
    // is as quick and says at once what fails.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let target = work_folder().join(format!("target{}", how.suffix));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command
        .args(["build", "--offline", "--quiet", "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .args(["--features", &version.features.join(",")])
        .args(how.arguments)
        .env_remove("RUSTFLAGS")
        .stdin(Stdio::null());
    if let Some(compiler) = &how.compiler {
        command
            .env("RUSTC", compiler)
            .env_remove("RUSTUP_TOOLCHAIN");
    }
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}:\n{}",
        folder.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    let profile = if how.arguments.contains(&"--release") {
        "release"
    } else {
        "debug"
    };
    target.join(profile).join(file)
}

pub(crate) fn plugin(version: Version, how: &Build) -> PathBuf {
    let name = format!("plugin-{}{}", version.name.replace('.', "-"), how.suffix);
    let source = tests_folder().join("abi/matrix/plugin.rs");
    let rest = format!("\n[lib]\ncrate-type = [\"cdylib\"]\npath = {source:?}\n");
    let folder = project(&name, version, &rest);
    let file = format!("lib{}.so", name.replace('-', "_"));
    build(&folder, version, how, &file)
}

pub(crate) fn host(version: Version) -> PathBuf {
    let name = format!("host-{}", version.name.replace('.', "-"));
    let rest = "abi_stable = { version = \"=0.11.3\", default-features = false }\n\
         hex = \"0.4\"\nlandlock = \"0.4\"\nlibc = \"0.2\"\nlibloading = \"0.8\"\nminisign-verify = \"0.3\"\n\
         object = { version = \"0.40\", default-features = false, features = [\"read_core\", \"elf\", \"std\"] }\n\
         rustix = { version = \"1.1\", features = [\"fs\", \"process\"] }\n\
         serde = { version = \"1.0\", features = [\"derive\"] }\nserde_json = \"1.0\"\n\
         seccompiler = \"0.5\"\nsha2 = \"0.11\"\ntempfile = \"3.27\"\ntoml = \"1.2\"\n";
    let folder = project(&name, version, rest);
    let source = fs::read_to_string(tests_folder().join("abi/matrix/host.rs")).unwrap();
    write(&folder.join("src/main.rs"), &source);
    let loader = tests_folder().join("../host-harness/host/src/loader");
    for file in files_below(&loader) {
        let name = file.strip_prefix(&loader).unwrap();
        write(
            &folder.join("src/loader").join(name),
            &fs::read_to_string(&file).unwrap(),
        );
    }
    build(&folder, version, &Build::default(), &name)
}
