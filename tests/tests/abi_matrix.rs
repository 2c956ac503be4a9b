//! Plugins and hosts of different versions of the interface, built by different
//! compilers and profiles: what happens in every combination.
//!
//! The versions after 1.0 are made from the frozen source of 1.0 by the edits
//! that the rules of the ABI allow (and by some that they forbid). The hosts
//! use the loader of this repository, built against their version.

use integration_tests::other_compiler::OtherCompiler;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// A version of the interface: edits of the frozen 1.0.0.
#[derive(Clone, Copy)]
struct Version {
    name: &'static str,
    features: &'static [&'static str],
    edits: &'static [Edit],
}

/// In a file of the interface, one text is replaced by another.
type Edit = (&'static str, &'static str, &'static str);

const PING: Edit = (
    "src/methods.rs",
    "-> Connection;\n            }\n            added {\n",
    "-> Connection;\n            }\n            added {\n                /// Answers.\n                \
     ping(RepositoryRequest) -> Repository;\n",
);
const GREETING: Edit = (
    "src/methods.rs",
    "-> Delivery;\n            }\n            added {\n",
    "-> Delivery;\n            }\n            added {\n                /// Greets.\n                \
     greeting(RepositoryRequest) -> Repository;\n",
);
const HOST_NAME: [Edit; 4] = [
    (
        "src/services.rs",
        "    fn unlock_grant(&self, grant_id: &str, lock: u64);\n}",
        "    fn unlock_grant(&self, grant_id: &str, lock: u64);\n\n    /// The host's name.\n    \
         fn host_name(&self) -> String {\n        String::new()\n    }\n}",
    ),
    (
        "src/abi/traits.rs",
        "    fn unlock_grant(&self, grant_id: RStr<'_>, lock: u64);\n}",
        "    fn unlock_grant(&self, grant_id: RStr<'_>, lock: u64);\n    /// The host's name.\n    \
         fn host_name(&self) -> RString {\n        RString::new()\n    }\n}",
    ),
    (
        "src/abi/plugin_side.rs",
        "impl HostServices for RemoteHostServices {",
        "impl HostServices for RemoteHostServices {\n    fn host_name(&self) -> String {\n        \
         self.0.host_name().into_string()\n    }\n",
    ),
    (
        "src/abi/host_side.rs",
        "impl AbiHostServices for LocalHostServices {",
        "impl AbiHostServices for LocalHostServices {\n    fn host_name(&self) -> RString {\n        \
         self.0.host_name().into()\n    }\n",
    ),
];

const V1_0: Version = Version {
    name: "1.0.0",
    features: &[],
    edits: &[],
};
const V1_1: Version = Version {
    name: "1.1.0",
    features: &["ping"],
    edits: &[version_edit("version = \"1.1.0\""), PING],
};
const V1_2: Version = Version {
    name: "1.2.0",
    features: &["ping", "greeting", "host-name"],
    edits: &[
        version_edit("version = \"1.2.0\""),
        PING,
        GREETING,
        HOST_NAME[0],
        HOST_NAME[1],
        HOST_NAME[2],
        HOST_NAME[3],
    ],
};
const NEXT_MAJOR: Version = Version {
    name: "2.0.0",
    features: &[],
    edits: &[version_edit("version = \"2.0.0\"")],
};
const REORDERED: Version = Version {
    name: "reordered",
    features: &[],
    edits: &[(
        "src/records/repository.rs",
        "        /// The bare name.\n        pub display_id: String,\n        \
         /// The full hash of its last commit.\n        pub latest_commit: String,\n",
        "        /// The full hash of its last commit.\n        pub latest_commit: String,\n        \
         /// The bare name.\n        pub display_id: String,\n",
    )],
};
const GAINED_A_FIELD: Version = Version {
    name: "gained-a-field",
    features: &[],
    edits: &[(
        "src/records/repository.rs",
        "        pub latest_commit: String,\n",
        "        pub latest_commit: String,\n        /// New.\n        pub one_more: String,\n",
    )],
};
const OTHER_PACKAGE: Version = Version {
    name: "other-package",
    features: &[],
    edits: &[(
        "Cargo.toml",
        "name = \"vcs-provider-interface\"",
        "name = \"vcs-provider-interfaces\"",
    )],
};
const METHOD_IN_THE_MIDDLE: Version = Version {
    name: "method-in-the-middle",
    features: &[],
    edits: &[(
        "src/methods.rs",
        "                /// Looks up a tag.\n",
        "                /// Breaks the rules.\n                \
         ping(RepositoryRequest) -> Repository;\n                /// Looks up a tag.\n",
    )],
};

const fn version_edit(new: &'static str) -> Edit {
    ("Cargo.toml", "version = \"1.0.0\"", new)
}

/// How something is built.
#[derive(Clone, Default)]
struct Build {
    /// Added to the name of what is built.
    suffix: &'static str,
    arguments: &'static [&'static str],
    /// Another compiler than cargo's own.
    compiler: Option<PathBuf>,
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
    let features: String = ["ping", "greeting", "host-name"]
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

fn plugin(version: Version, how: &Build) -> PathBuf {
    let name = format!("plugin-{}{}", version.name.replace('.', "-"), how.suffix);
    let source = tests_folder().join("abi/matrix/plugin.rs");
    let rest = format!("\n[lib]\ncrate-type = [\"cdylib\"]\npath = {source:?}\n");
    let folder = project(&name, version, &rest);
    let file = format!("lib{}.so", name.replace('-', "_"));
    build(&folder, version, how, &file)
}

fn host(version: Version) -> PathBuf {
    let name = format!("host-{}", version.name.replace('.', "-"));
    let rest = "abi_stable = { version = \"=0.11.3\", default-features = false }\n\
         hex = \"0.4\"\nlibloading = \"0.8\"\n\
         object = { version = \"0.40\", default-features = false, features = [\"read_core\", \"elf\", \"std\"] }\n\
         rustix = { version = \"1.1\", features = [\"fs\", \"process\"] }\n\
         serde = { version = \"1.0\", features = [\"derive\"] }\nserde_json = \"1.0\"\n\
         sha2 = \"0.11\"\ntempfile = \"3.27\"\ntoml = \"1.2\"\n";
    let folder = project(&name, version, rest);
    let source = fs::read_to_string(tests_folder().join("abi/matrix/host.rs")).unwrap();
    write(&folder.join("src/main.rs"), &source);
    let loader = tests_folder().join("../host-harness/src/loader");
    for file in files_below(&loader) {
        let name = file.strip_prefix(&loader).unwrap();
        write(
            &folder.join("src/loader").join(name),
            &fs::read_to_string(&file).unwrap(),
        );
    }
    build(&folder, version, &Build::default(), &name)
}

/// What a host said of a plugin.
struct Cell(BTreeMap<String, String>);

impl Cell {
    fn says(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }
}

/// Lets a host load a copy of a plugin.
fn run(host: &Path, plugin: &Path) -> Cell {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("libmatrix.so");
    fs::copy(plugin, &copy).unwrap();
    let output = Command::new(host).arg(&copy).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{:?}\n{text}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = text.lines().filter_map(|line| line.split_once(": "));
    Cell(
        lines
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
    )
}

/// What every pair of the same major version must be able to do.
fn assert_works(cell: &Cell, what: &str) {
    assert_eq!(cell.says("branches"), "r/one r/two", "{what}");
    assert_eq!(cell.says("error"), "RateLimited: the request", "{what}");
    assert!(cell.says("panic").starts_with("Internal: "), "{what}");
    assert_eq!(cell.says("end"), "reached", "{what}");
}

#[test]
fn every_pair_of_the_same_major_version_works_together() {
    let versions = [V1_0, V1_1, V1_2];
    let plugins = versions.map(|version| plugin(version, &Build::default()));
    for (host_index, host_version) in versions.into_iter().enumerate() {
        let host = host(host_version);
        for (plugin_index, plugin) in plugins.iter().enumerate() {
            let what = format!(
                "host {}, plugin {}",
                host_version.name, versions[plugin_index].name
            );
            let cell = run(&host, plugin);
            assert_works(&cell, &what);
            let compatibility = if plugin_index < host_index {
                "PluginOlder"
            } else {
                "PluginSameOrNewer"
            };
            assert_eq!(cell.says("loaded"), compatibility, "{what}");
            let added = |since: usize, answer: &'static str, method: &'static str| {
                let unsupported = match method {
                    "ping" => "Unsupported: this provider does not support ping",
                    _ => "Unsupported: this provider does not support greeting",
                };
                if host_index < since {
                    ""
                } else if plugin_index < since {
                    unsupported
                } else {
                    answer
                }
            };
            assert_eq!(cell.says("ping"), added(1, "pong r", "ping"), "{what}");
            assert_eq!(
                cell.says("greeting"),
                added(2, "greetings to r", "greeting"),
                "{what}"
            );
            // A method of the host that the plugin knows and the host has not.
            let host_name = match (plugin_index, host_index) {
                (2, 2) => "the host of 1.2",
                (2, _) => "",
                _ => "not asked, log true",
            };
            assert_eq!(cell.says("host name"), host_name, "{what}");
        }
    }
}

#[test]
fn what_breaks_the_rules_is_refused_by_every_host() {
    let wrong = [
        (NEXT_MAJOR, "version_mismatch", "2.0.0"),
        (REORDERED, "layout_mismatch", "latest_commit"),
        (GAINED_A_FIELD, "layout_mismatch", "one_more"),
        (OTHER_PACKAGE, "layout_mismatch", "vcs-provider-interfaces"),
        (METHOD_IN_THE_MIDDLE, "layout_mismatch", "ping"),
    ];
    let plugins: Vec<_> = wrong
        .iter()
        .map(|(version, _, _)| plugin(*version, &Build::default()))
        .collect();
    for host_version in [V1_0, V1_2] {
        let host = host(host_version);
        for ((version, code, word), plugin) in wrong.iter().zip(&plugins) {
            let what = format!("host {}, plugin {}", host_version.name, version.name);
            let cell = run(&host, plugin);
            assert_eq!(cell.says("refused"), *code, "{what}");
            assert!(
                cell.says("message").contains(word),
                "{what}: {}",
                cell.says("message")
            );
        }
    }
}

#[test]
fn the_interface_of_this_repository_works_with_every_plugin_of_its_major_version() {
    for version in [V1_0, V1_1, V1_2] {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("libmatrix.so");
        fs::copy(plugin(version, &Build::default()), &copy).unwrap();
        let loader = host_harness::loader::Loader::default();
        loader.write_manifest(&copy).unwrap();
        let loaded = loader.load(&copy).unwrap();
        assert_eq!(loaded.info.provider_type, "matrix");
        assert_eq!(loaded.info.interface_version, version.name);
    }
}

#[test]
fn the_profile_does_not_matter_but_the_panic_strategy_does() {
    let host = host(V1_0);
    let optimised = Build {
        suffix: "-optimised",
        arguments: &["--release"],
        compiler: None,
    };
    assert_works(
        &run(&host, &plugin(V1_0, &optimised)),
        "an optimised plugin",
    );
    let aborting = Build {
        suffix: "-aborting",
        arguments: &["--config", "profile.dev.panic=\"abort\""],
        compiler: None,
    };
    let cell = run(&host, &plugin(V1_0, &aborting));
    assert_eq!(cell.says("refused"), "panic_aborts");
    assert!(
        cell.says("message")
            .contains("expected panic strategy unwind, found abort")
    );
}

#[test]
fn the_compiler_does_not_matter() {
    let Some(compiler) = OtherCompiler::or_skip() else {
        return;
    };
    let other = Build {
        suffix: "-other-compiler",
        arguments: &[],
        compiler: Some(compiler.program),
    };
    let cell = run(&host(V1_0), &plugin(V1_0, &other));
    assert_works(&cell, &compiler.version);
    assert_eq!(cell.says("compiler"), compiler.version);
}
