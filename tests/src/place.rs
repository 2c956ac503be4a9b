//! A plugin directory for one test, and what is done to the files in it.

use crate::host::RecordingHost;
use crate::libraries::built_program;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use vcs_plugin_host::isolation::Isolation;
use vcs_plugin_host::loader::{Digest, Loader, LoaderOptions, Manifest, Preflight};
use vcs_plugin_host::registry::{Registry, RegistryOptions, ServerSettings};
use vcs_provider_interface::info::{INTERFACE_VERSION, TARGET};
use vcs_provider_interface::prelude::*;

/// A plugin directory with its own directory for private copies.
pub struct Place {
    directory: TempDir,
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

impl Place {
    /// An empty plugin directory.
    ///
    /// # Panics
    /// If the disk fails: a test cannot go on. The same holds for all methods.
    #[must_use]
    pub fn new() -> Self {
        let directory = match TempDir::new() {
            Ok(directory) => directory,
            Err(error) => panic!("no temporary directory: {error}"),
        };
        let place = Self { directory };
        must(fs::create_dir(place.plugins()), &place.plugins());
        place
    }

    /// The plugin directory.
    #[must_use]
    pub fn plugins(&self) -> PathBuf {
        self.directory.path().join("plugins")
    }

    /// A directory for whatever else a test needs.
    #[must_use]
    pub fn scratch(&self) -> PathBuf {
        let scratch = self.directory.path().join("scratch");
        must(fs::create_dir_all(&scratch), &scratch);
        scratch
    }

    /// Options of a loader with short limits that tries plugins in the `engine`.
    #[must_use]
    pub fn loader_options(&self) -> LoaderOptions {
        LoaderOptions {
            staging_directory: Some(self.directory.path().join("staging")),
            info_time_limit: Duration::from_secs(2),
            library_limit: 512,
            preflight: Some(Preflight {
                program: built_program("engine"),
                time_limit: Duration::from_secs(5),
                confinement: None,
            }),
            ..Default::default()
        }
    }

    /// A loader with these options.
    #[must_use]
    pub fn loader(&self) -> Loader {
        Loader::new(self.loader_options())
    }

    /// A copy of a library in the plugin directory, under a name of its own.
    pub fn install(&self, library: &Path, name: &str) -> PathBuf {
        let copy = self.plugins().join(name);
        // A new file, so that a mapped one is not written to.
        let _ = fs::remove_file(&copy);
        must(fs::copy(library, &copy), &copy);
        copy
    }

    /// The same with its manifest, as `engine plugins pin` makes it.
    pub fn install_pinned(&self, library: &Path, name: &str) -> PathBuf {
        let copy = self.install(library, name);
        if let Err(error) = self.loader().write_manifest(&copy) {
            panic!("{error}");
        }
        copy
    }

    /// A file with these bytes and a manifest that agrees with them.
    pub fn install_bytes(&self, bytes: &[u8], name: &str) -> PathBuf {
        let file = self.plugins().join(name);
        must(fs::write(&file, bytes), &file);
        write_manifest(&file, &manifest_of(name, bytes));
        file
    }

    /// Runs the `engine` in a process of its own, with its private copies in
    /// this place.
    #[must_use]
    pub fn engine(&self, arguments: &[impl AsRef<OsStr>]) -> Output {
        let output = Command::new(built_program("engine"))
            .args(arguments)
            .env("TMPDIR", self.scratch())
            .output();
        match output {
            Ok(output) => output,
            Err(error) => panic!("engine cannot be started: {error}"),
        }
    }

    /// Where the `engine` of this place puts its private copies.
    #[must_use]
    pub fn private_copies(&self) -> PathBuf {
        let directories = must(fs::read_dir(self.scratch()), &self.scratch());
        directories
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .find(|path| {
                let name = path.file_name().unwrap_or_default();
                name.to_string_lossy().starts_with("vcs-providers-")
            })
            .unwrap_or_default()
    }

    /// A registry whose server `main` is served by this plugin, and its log.
    #[must_use]
    pub fn registry_serving(&self, plugin: &Path, config: &str) -> (Registry, Arc<RecordingHost>) {
        self.registry_hosting(Hosting::InProcess, plugin, config)
    }

    /// The same for a server that is hosted in this way.
    #[must_use]
    pub fn registry_hosting(
        &self,
        hosting: Hosting,
        plugin: &Path,
        config: &str,
    ) -> (Registry, Arc<RecordingHost>) {
        let options = RegistryOptions {
            constructor_time_limit: Duration::from_secs(2),
            probe_time_limit: Duration::from_secs(2),
            isolation: Some(isolation()),
            ..Default::default()
        };
        let registry = Registry::new(self.loader(), options);
        let report = match registry.load(plugin) {
            Ok(report) => report,
            Err(error) => panic!("{error}"),
        };
        let host = RecordingHost::new();
        let mut settings = server_settings("main", &report.info.provider_type, config, &host);
        settings.isolated = hosting == Hosting::Isolated;
        if let Err(error) = registry.configure(settings) {
            panic!("{error}");
        }
        (registry, host)
    }
}

/// Where a server of a test lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hosting {
    /// In the process of the test.
    InProcess,
    /// In a process of its own.
    Isolated,
}

/// Processes of the `engine` that may start programs, since the provider of local
/// repositories starts git.
#[must_use]
pub fn isolation() -> Isolation {
    Isolation {
        program: built_program("engine"),
        confinement: None,
    }
}

/// The settings of a server with this host behind it.
#[must_use]
pub fn server_settings(
    name: &str,
    provider_type: &str,
    config: &str,
    host: &Arc<RecordingHost>,
) -> ServerSettings {
    ServerSettings {
        name: name.to_owned(),
        provider_type: provider_type.to_owned(),
        config_toml: config.to_owned(),
        services: Arc::clone(host) as Arc<dyn HostServices>,
        isolated: false,
    }
}

/// A manifest that agrees with these bytes.
#[must_use]
pub fn manifest_of(name: &str, bytes: &[u8]) -> Manifest {
    Manifest {
        format: Manifest::FORMAT,
        unknown_keys: Vec::new(),
        name: name.to_owned(),
        provider_type: "fine".to_owned(),
        version: "1.0.0".to_owned(),
        interface_version: INTERFACE_VERSION.to_owned(),
        target: TARGET.to_owned(),
        size: bytes.len() as u64,
        sha256: Digest::of(bytes),
    }
}

/// Writes a manifest beside a plugin.
///
/// # Panics
/// If the disk fails.
pub fn write_manifest(plugin: &Path, manifest: &Manifest) {
    let text = match toml::to_string(manifest) {
        Ok(text) => text,
        Err(error) => panic!("{error}"),
    };
    let path = Manifest::path_of(plugin);
    must(fs::write(&path, text), &path);
}

/// The longest that a test waits for something that is bound to happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for a condition that other threads bring about.
///
/// # Panics
/// If it does not come about.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what} did not happen");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// A client of the server `main`.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn client_of(registry: &Registry, credential: Credential) -> Box<dyn AuthorizedClient> {
    let client = registry
        .server("main")
        .map(|server| server.authorized_client(credential));
    match client {
        Some(Ok(client)) => client,
        Some(Err(error)) => panic!("{error}"),
        None => panic!("there is no server main"),
    }
}

/// How often a provider itself said that a server of it was dropped.
#[must_use]
pub fn drops(host: &RecordingHost) -> usize {
    host.log_text().matches("the server was dropped").count()
}

/// A file of the same code with another digest: what a new build would be.
///
/// # Panics
/// If the disk fails.
#[must_use]
pub fn second_build(library: &Path, place: &Place) -> PathBuf {
    with_tail(library, b"a second build", place)
}

/// The same with this behind its code, so that there can be many.
///
/// # Panics
/// If the disk fails.
#[must_use]
pub fn with_tail(library: &Path, tail: &[u8], place: &Place) -> PathBuf {
    let copy = place.scratch().join("build.so");
    let mut bytes = must(fs::read(library), library);
    // Behind everything that the headers name; nothing reads it.
    bytes.extend_from_slice(tail);
    must(fs::write(&copy, bytes), &copy);
    copy
}

fn must<T>(outcome: std::io::Result<T>, path: &Path) -> T {
    match outcome {
        Ok(value) => value,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}
