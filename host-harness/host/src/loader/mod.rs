//! Finds, checks and opens providers: the only room of the host with `unsafe` code.
//!
//! It knows files, ELF and the interface's ABI. It does not know which provider
//! serves ([`registry`](crate::registry)) or how a server is configured.
//!
//! # The sequence
//! Each [`Step`] can reject, with a stable code and one line that names what
//! was expected and what was found:
//!
//! 1. `open`: the directory and the file are opened once; a regular file of ours
//!    or of root, that nobody else may write to, not longer than the limit.
//! 2. `manifest`: signed by a trusted key, where there are any; name, target, interface, length and SHA-256 are those of the
//!    manifest beside it ([`Manifest`]). Nothing of the file has run or has
//!    been interpreted before.
//! 3. `elf`: a whole shared library for this machine that needs nothing
//!    unexpected and exports the symbol of a provider.
//! 4. `stage`: a private copy under the name of its digest.
//! 5. `preflight`: where the host asks for it ([`LoaderOptions::preflight`]),
//!    another process does the steps below first.
//! 6. `link`: `dlopen` of the copy, all symbols at once, none of them visible
//!    to others.
//! 7. `header`, `version`, `layout`: the same ABI library, the same major
//!    version of the interface, and every type laid out as the host expects.
//! 8. `build`: a panic in it unwinds.
//! 9. `info`: it says in time what it is, and that agrees with the manifest.
//!
//! `RootModule::load_from_file` of `abi_stable` is not used: it keeps one module
//! for each *type* in the process, so that a second provider would silently be
//! the first one.
//!
//! # Trust
//! A plugin runs in the host's process with all of the host's rights. The
//! manifest says that its bytes are those that the administrator agreed to; no
//! step makes a malicious plugin harmless. Code that runs inside `dlopen`
//! (constructors) can hang or end the process; only the preflight finds that out
//! beforehand.

mod build;
pub(crate) mod confine;
mod counters;
mod deadline;
mod elf;
mod error;
mod layout_report;
mod library;
mod loaded;
mod manifest;
mod mapped;
mod preflight;
mod prepared;
mod probe;
mod scan;
mod signature;
mod source;
mod staging;

pub use confine::Confinement;
pub use counters::LoadCounts;
pub use deadline::{NoResult, StopSwitch, within};
pub(crate) use error::as_text;
pub use error::{LoadError, Reason, Step};
pub use loaded::{Compatibility, LoadedProvider, PluginReport};
pub use manifest::{Digest, Manifest};
pub use preflight::{Preflight, serve_preflight};
pub(crate) use prepared::Prepared;
pub use probe::default_probe;
pub use scan::{Found, FoundKind, scan};
pub use signature::TrustedKey;
pub use source::Trust;

use counters::Counters;
use manifest::Digesting;
use mapped::{MappedLibraries, Opened};
use prepared::Examined;
use source::{Directory, Source};
use staging::Staging;
use std::path::{Path, PathBuf};
use std::time::Duration;
use vcs_provider_interface::abi::HostProvider;

/// How a loader works.
#[derive(Clone, Debug)]
pub struct LoaderOptions {
    /// The longest plugin in bytes; 64 MiB by default.
    pub size_limit: u64,
    /// The directory for private copies, ours alone and on a file system that
    /// allows execution; by default `vcs-providers-UID` in the directory for
    /// temporary files. Where it cannot be used, copies are made in memory.
    pub staging_directory: Option<PathBuf>,
    /// How long a plugin may take to say what it is; 5 seconds by default.
    pub info_time_limit: Duration,
    /// Who may write to plugins.
    pub trust: Trust,
    /// How many different libraries may be linked into this process; 64 by
    /// default. Their mappings stay until it ends: some 3 MiB each for a
    /// provider with HTTP and TLS, nearly all of it pages of the file.
    pub library_limit: usize,
    /// Loads each plugin in another process before it is linked into this one;
    /// by default there is none.
    pub preflight: Option<Preflight>,
    /// Keys of which one must have signed each manifest; by default none, and
    /// manifests need no signature.
    pub trusted_keys: Vec<TrustedKey>,
    /// Ends the waits for plugins when the host stops.
    pub stop: StopSwitch,
}

impl Default for LoaderOptions {
    fn default() -> Self {
        Self {
            size_limit: 64 * 1024 * 1024,
            staging_directory: None,
            info_time_limit: Duration::from_secs(5),
            trust: Trust::Owner,
            library_limit: 64,
            preflight: None,
            trusted_keys: Vec::new(),
            stop: StopSwitch::default(),
        }
    }
}

/// Whether a plugin needs a manifest to be loaded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pinned {
    Required,
    /// For the one command that makes manifests.
    NotYet,
}

/// Loads providers. May be used from several threads.
#[derive(Debug)]
pub struct Loader {
    options: LoaderOptions,
    staging: Staging,
    counters: Counters,
    mapped: MappedLibraries,
}

impl Default for Loader {
    fn default() -> Self {
        Self::new(LoaderOptions::default())
    }
}

impl Loader {
    /// A loader with these options. Touches nothing yet.
    #[must_use]
    pub fn new(options: LoaderOptions) -> Self {
        let staging = Staging::new(options.staging_directory.clone());
        Self {
            options,
            staging,
            counters: Counters::default(),
            mapped: MappedLibraries::default(),
        }
    }

    /// Ends the waits for plugins, because the host stops.
    #[must_use]
    pub fn stop_switch(&self) -> &StopSwitch {
        &self.options.stop
    }

    /// Why private copies are made in memory, if they are: a warning for the
    /// administrator, with the way out.
    #[must_use]
    pub fn staging_problem(&self) -> Option<LoadError> {
        self.staging.unusable()
    }

    /// What was counted since this loader was made.
    #[must_use]
    pub fn counts(&self) -> LoadCounts {
        self.counters.snapshot()
    }

    /// Takes a plugin through every step. One that this loader has linked before,
    /// by its digest, is neither copied nor tried nor linked again: what is mapped
    /// is compared with the manifest and asked what it is.
    ///
    /// # Errors
    /// See [`Reason`].
    pub fn load(&self, path: &Path) -> Result<LoadedProvider, LoadError> {
        self.load_for(path, |_| Vec::new())
    }

    /// The same for servers that it is to serve: the [`Preflight`] also makes
    /// and probes each of them, from the tables in TOML that are returned for a
    /// provider type. Without one it makes a server from an empty table.
    ///
    /// # Errors
    /// See [`Reason`].
    pub fn load_for(
        &self,
        path: &Path,
        servers: impl FnOnce(&str) -> Vec<String>,
    ) -> Result<LoadedProvider, LoadError> {
        let examined = self.read(path, Pinned::Required)?;
        let loaded = match self.mapped.opened(examined.digest) {
            Some(opened) => {
                let prepared = examined.with_copy(path, opened.copy.clone());
                self.query_info(&prepared, &opened)
            }
            None => {
                let prepared = self.stage(path, examined)?;
                if self.options.preflight.is_some() {
                    let provider_type = prepared.manifest.as_ref();
                    let servers = provider_type.map(|manifest| servers(&manifest.provider_type));
                    self.preflight(&prepared, servers.unwrap_or_default())?;
                }
                self.open(&prepared)
            }
        }?;
        self.counters.count_loaded();
        Ok(loaded)
    }

    /// Takes a plugin through every step up to the preflight, which says what it
    /// is: it is ready to be linked, into this process or another. Without a
    /// preflight it is linked into this one to find out.
    pub(crate) fn prepare_for(
        &self,
        path: &Path,
        servers_of: impl FnOnce(&str) -> Vec<String>,
    ) -> Result<(Prepared, PluginReport), LoadError> {
        let examined = self.read(path, Pinned::Required)?;
        let (prepared, report) = match self.mapped.opened(examined.digest) {
            Some(opened) => {
                let prepared = examined.with_copy(path, opened.copy.clone());
                let report = self.query_info(&prepared, &opened)?.report();
                (prepared, report)
            }
            None => {
                let prepared = self.stage(path, examined)?;
                let manifest = prepared.manifest.as_ref();
                let tables = manifest.map(|manifest| servers_of(&manifest.provider_type));
                let report = match self.preflight(&prepared, tables.unwrap_or_default())? {
                    Some(report) => report,
                    None => self.open(&prepared)?.report(),
                };
                (prepared, report)
            }
        };
        self.counters.count_loaded();
        Ok((prepared, report))
    }

    /// Links what was prepared into this process.
    pub(crate) fn link(&self, prepared: &Prepared) -> Result<LoadedProvider, LoadError> {
        match self.mapped.opened(prepared.digest) {
            Some(opened) => self.query_info(prepared, &opened),
            None => self.open(prepared),
        }
    }

    /// Says what a plugin is and whether it would load: every step runs, no
    /// server is made. With a [`Preflight`] nothing of it runs in this process.
    ///
    /// # Errors
    /// See [`Reason`].
    pub fn check(&self, path: &Path) -> Result<PluginReport, LoadError> {
        self.report(&self.stage(path, self.read(path, Pinned::Required)?)?)
    }

    /// Reads the manifest of a plugin and nothing else: a hint at what the file
    /// is said to be. [`Loader::examine`] compares the two.
    ///
    /// # Errors
    /// `not_found`, `unreadable`, and those of the step `manifest`.
    pub fn manifest(&self, path: &Path) -> Result<Manifest, LoadError> {
        let trust = self.options.trust;
        let keys = &self.options.trusted_keys;
        Manifest::read(&Directory::of(path, trust)?, path, trust, keys)
    }

    /// Looks at a plugin without copying or linking it: the steps `open`,
    /// `manifest` and `elf`.
    ///
    /// # Errors
    /// See [`Reason`].
    pub fn examine(&self, path: &Path) -> Result<Manifest, LoadError> {
        let examined = self.read(path, Pinned::Required)?;
        examined
            .manifest
            .ok_or_else(|| LoadError::new(Reason::ManifestMissing, path))
    }

    /// Makes the manifest of a plugin that the administrator trusts: every step
    /// but the comparison with a manifest runs, then one is written beside it.
    /// With a [`Preflight`] nothing of it runs in this process.
    ///
    /// # Errors
    /// See [`Reason`].
    pub fn write_manifest(&self, path: &Path) -> Result<Manifest, LoadError> {
        let report = self.report(&self.stage(path, self.read(path, Pinned::NotYet)?)?)?;
        let manifest = Manifest::of(path, report.info, report.size, report.sha256);
        manifest.write(path)?;
        Ok(manifest)
    }

    fn step<T>(&self, step: Step, outcome: Result<T, LoadError>) -> Result<T, LoadError> {
        self.counters.count(step, &outcome);
        outcome
    }

    /// Makes the private copy, from which the file would be linked.
    fn stage(&self, path: &Path, examined: Examined) -> Result<Prepared, LoadError> {
        let copied = self.staging.copy(path, &examined.bytes, examined.digest);
        let copy = self.step(Step::Stage, copied)?;
        Ok(examined.with_copy(path, copy))
    }

    /// The steps before anything of the file runs or is copied.
    fn read(&self, path: &Path, pinned: Pinned) -> Result<Examined, LoadError> {
        let trust = self.options.trust;
        let mut digest = Digesting::default();
        let opened = Directory::of(path, trust).and_then(|directory| {
            let limit = self.options.size_limit;
            let hash = |part: &[u8]| digest.add(part);
            let source = Source::open_with(&directory, path, limit, trust, hash)?;
            Ok((directory, source.bytes))
        });
        let (directory, bytes) = self.step(Step::Open, opened)?;
        let (size, digest) = (bytes.len() as u64, digest.finish());
        let manifest = match pinned {
            Pinned::NotYet => None,
            Pinned::Required => {
                let keys = &self.options.trusted_keys;
                let manifest = Manifest::read(&directory, path, trust, keys);
                let compared = manifest.and_then(|manifest| {
                    manifest.compare_with_file(path, size, digest)?;
                    Ok(manifest)
                });
                if compared
                    .as_ref()
                    .is_err_and(|error| error.reason == Reason::ManifestMissing)
                {
                    // What cannot be a provider is said first: there a manifest
                    // would be of no use.
                    self.step(Step::Elf, elf::check(path, &bytes))?;
                }
                Some(self.step(Step::Manifest, compared)?)
            }
        };
        self.step(Step::Elf, elf::check(path, &bytes))?;
        Ok(Examined {
            bytes,
            digest,
            manifest,
        })
    }

    /// `None` where the host asks for no preflight.
    fn preflight(
        &self,
        prepared: &Prepared,
        mut servers: Vec<String>,
    ) -> Result<Option<PluginReport>, LoadError> {
        let Some(preflight) = &self.options.preflight else {
            return Ok(None);
        };
        if servers.is_empty() {
            servers.push(String::new());
        }
        let report = preflight.run(prepared, servers, &self.options);
        let mut report = self.step(Step::Preflight, report)?;
        report.notices = prepared.notices();
        Ok(Some(report))
    }

    fn report(&self, prepared: &Prepared) -> Result<PluginReport, LoadError> {
        let report = match self.preflight(prepared, Vec::new())? {
            Some(report) => report,
            None => self.open(prepared)?.report(),
        };
        self.counters.count_loaded();
        Ok(report)
    }

    /// The steps that run code of the plugin.
    pub(crate) fn open(&self, prepared: &Prepared) -> Result<LoadedProvider, LoadError> {
        let plugin = &prepared.plugin;
        let linked = self
            .mapped
            .reserve(prepared, self.options.library_limit)
            .and_then(|()| library::link(plugin, &prepared.copy.path));
        let linked = self.step(Step::Link, linked)?;
        let header = self.step(Step::Header, linked.header(plugin))?;
        let header = self.step(Step::Version, header.check_version(plugin))?;
        let checked = self.step(Step::Layout, header.check_layout(plugin))?;
        let made = checked.module(plugin);
        if made.is_err() {
            // One that was made is counted with how it was built.
            self.counters.count(Step::Build, &made);
        }
        let opened = Opened {
            copy: prepared.copy.clone(),
            checked,
            module: made?,
        };
        self.mapped.keep(prepared.digest, opened.clone());
        self.query_info(prepared, &opened)
    }

    /// The steps in which the plugin says what it is.
    fn query_info(
        &self,
        prepared: &Prepared,
        opened: &Opened,
    ) -> Result<LoadedProvider, LoadError> {
        let plugin = &prepared.plugin;
        let manifest = prepared.manifest.as_ref();
        let built = build::check(plugin, opened.module, manifest);
        let module = self.step(Step::Build, built)?;
        let (limit, stop) = (self.options.info_time_limit, &self.options.stop);
        let info = self.step(
            Step::Info,
            build::info(plugin, module, limit, stop, manifest),
        )?;
        Ok(LoadedProvider {
            provider: HostProvider::new(module),
            info,
            build: module.build(),
            digest: prepared.digest,
            size: prepared.size,
            origin: plugin.clone(),
            staged: prepared.copy.path.clone(),
            compatibility: opened.checked.compatibility,
            notices: prepared.notices(),
        })
    }
}
