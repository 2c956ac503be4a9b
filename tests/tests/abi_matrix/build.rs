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

/// The dependency on an interface.
fn dependency_on(version: Version) -> toml::Value {
    let path = interface(version);
    let path = path.to_str().unwrap();
    toml::Value::Table(toml::toml! { path = path })
}

/// A table of the root manifest of this repository.
fn of_the_workspace(table: &str) -> toml::Table {
    let path = tests_folder().join("../Cargo.toml");
    let manifest: toml::Table = fs::read_to_string(path).unwrap().parse().unwrap();
    manifest[table].as_table().unwrap().clone()
}

/// A package over a version of the interface.
fn project(name: &str, version: Version, mut manifest: toml::Table) -> PathBuf {
    let folder = work_folder().join(name);
    let standard = toml::toml! {
        package = { name = name, version = "1.0.0", edition = "2024" }
        features = { since-1-1 = [], since-1-2 = [] }
    };
    manifest.extend(standard);
    table(&mut manifest, "dependencies")
        .insert("vcs-provider-interface".to_owned(), dependency_on(version));
    // Dependencies without debug information, and a quick digest.
    let dev = of_the_workspace("profile")["dev"].clone();
    table(&mut manifest, "profile").insert("dev".to_owned(), dev);
    table(&mut manifest, "workspace");
    write(&folder.join("Cargo.toml"), &manifest.to_string());
    let lock = folder.join("Cargo.lock");
    if !lock.exists() {
        // The versions that the workspace uses; they are there without a network.
        fs::copy(tests_folder().join("../Cargo.lock"), lock).unwrap();
    }
    folder
}

fn table<'a>(parent: &'a mut toml::Table, name: &str) -> &'a mut toml::Table {
    let empty = || toml::Value::Table(toml::Table::new());
    let value = parent.entry(name).or_insert_with(empty);
    value.as_table_mut().unwrap()
}

/// Runs cargo on a project and returns the file that it built.
fn build(folder: &Path, version: Version, how: &Build, file: &str) -> PathBuf {
    // The projects share a folder and cargo a lock; one build after the other
    // is as quick and says at once what fails.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let target = work_folder().join("target");
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
    target.join("debug").join(file)
}

pub(crate) fn plugin(version: Version, how: &Build) -> PathBuf {
    let name = format!("plugin-{}{}", version.name.replace('.', "-"), how.suffix);
    let source = tests_folder().join("abi/matrix/plugin.rs");
    let source = source.to_str().unwrap();
    let manifest = toml::toml! { lib = { crate-type = ["cdylib"], path = source } };
    let folder = project(&name, version, manifest);
    let file = format!("lib{}.so", name.replace('-', "_"));
    build(&folder, version, how, &file)
}

/// The host of the matrix over the crate `vcs-plugin-host` of this repository:
/// its files beside what its manifest inherits from the workspace.
pub(crate) fn host(version: Version) -> PathBuf {
    let name = format!("host-{}", version.name.replace('.', "-"));
    let source = tests_folder().join("abi/matrix/host.rs");
    let source = source.to_str().unwrap();
    let binary = name.as_str();
    let mut manifest = toml::toml! {
        bin = [{ name = binary, path = source }]
        dependencies = { vcs-plugin-host = { path = "vcs-plugin-host" }, serde_json = "1.0" }
    };
    let mut workspace = of_the_workspace("workspace");
    workspace.remove("members");
    workspace.remove("exclude");
    let dependencies = table(&mut workspace, "dependencies");
    dependencies.retain(|_, dependency| dependency.get("path").is_none());
    dependencies.insert("vcs-provider-interface".to_owned(), dependency_on(version));
    manifest.insert("workspace".to_owned(), workspace.into());
    let folder = project(&name, version, manifest);
    let crate_folder = tests_folder().join("../host-harness/host");
    for file in files_below(&crate_folder) {
        let copy = folder
            .join("vcs-plugin-host")
            .join(file.strip_prefix(&crate_folder).unwrap());
        write(&copy, &fs::read_to_string(&file).unwrap());
    }
    build(&folder, version, &Build::default(), &name)
}
