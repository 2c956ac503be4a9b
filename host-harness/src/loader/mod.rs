//! Finds, checks and opens providers: the only room of the host with `unsafe` code.
//!
//! It knows files, ELF and the interface's ABI. It does not know which provider
//! serves ([`registry`](crate::registry)) or how a server is configured.
//!
//! # The sequence
//! Each [`Step`] can refuse, with a stable code and one line that names what
//! was expected and what was found:
//!
//! 1. `open`: the folder and the file are opened once; a regular file of ours
//!    or of root, that nobody else may write to, not longer than the limit.
//! 2. `manifest`: name, target, interface, length and SHA-256 are those of the
//!    manifest beside it ([`Manifest`]). Nothing of the file has run or has
//!    been interpreted before.
//! 3. `elf`: a whole shared library for this machine that needs nothing
//!    unexpected and exports the symbol of a provider.
//! 4. `stage`: a private copy under the name of its digest.
//! 5. `trial`: where the host asks for it ([`LoaderOptions::trial`]), another
//!    process does the steps below first.
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
//! (constructors) can hang or end the process; only the trial finds that out
//! beforehand.

mod counters;
mod deadline;
mod elf;
mod error;
mod library;
mod manifest;
mod scan;
mod source;
mod staging;

pub use counters::LoadCounts;
pub use deadline::{NoResult, within};
pub use error::{LoadError, Reason, Step};
pub use manifest::{Digest, Manifest};
pub use scan::{Found, FoundKind, scan};
pub use source::Trust;

use counters::Counters;
use serde::Serialize;
use source::{Folder, Source};
use staging::Staging;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use vcs_provider_interface::abi::{BuildFacts, HostProvider, ProviderModuleRef};
use vcs_provider_interface::info::{ProviderInfo, TARGET};

/// How a loader works.
#[derive(Clone, Debug)]
pub struct LoaderOptions {
    /// The longest plugin in bytes; 64 MiB by default.
    pub size_limit: u64,
    /// The folder for private copies, ours alone and on a file system that
    /// allows execution; by default `vcs-providers-UID` in the folder for
    /// temporary files.
    pub staging_folder: Option<PathBuf>,
    /// How long a plugin may take to say what it is; 5 seconds by default.
    pub info_time_limit: Duration,
    /// Who may write to plugins.
    pub trust: Trust,
}

impl Default for LoaderOptions {
    fn default() -> Self {
        Self {
            size_limit: 64 * 1024 * 1024,
            staging_folder: None,
            info_time_limit: Duration::from_secs(5),
            trust: Trust::Owner,
        }
    }
}

/// Which side of the boundary has more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Compatibility {
    /// The plugin's interface has everything that the host's has.
    PluginSameOrNewer,
    /// The plugin's interface lacks methods that the host's has; those answer
    /// `Unsupported`.
    PluginOlder,
}

impl fmt::Display for Compatibility {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::PluginSameOrNewer => "plugin same or newer",
            Self::PluginOlder => "plugin older",
        })
    }
}

/// A provider that passed every step. Its code stays mapped for the life of
/// the process; clones share it.
#[derive(Clone)]
pub struct LoadedProvider {
    /// The provider's entry: makes servers.
    pub provider: HostProvider,
    /// What it says of itself.
    pub info: ProviderInfo,
    /// How it was built.
    pub build: BuildFacts,
    /// The digest of its file.
    pub digest: Digest,
    /// The length of its file in bytes.
    pub size: u64,
    /// The file as the caller named it.
    pub origin: PathBuf,
    /// The private copy that is mapped.
    pub staged: PathBuf,
    /// Which side of the boundary has more.
    pub compatibility: Compatibility,
}

impl fmt::Debug for LoadedProvider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LoadedProvider")
            .field("report", &self.report())
            .finish_non_exhaustive()
    }
}

/// What is known of a plugin, as data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PluginReport {
    /// The file as the caller named it.
    pub path: PathBuf,
    /// The length in bytes.
    pub size: u64,
    /// The digest.
    pub sha256: Digest,
    /// Which side of the boundary has more.
    pub compatibility: Compatibility,
    /// What the plugin says of itself.
    #[serde(flatten)]
    pub info: ProviderInfo,
}

impl LoadedProvider {
    /// What is known of it, as data.
    #[must_use]
    pub fn report(&self) -> PluginReport {
        PluginReport {
            path: self.origin.clone(),
            size: self.size,
            sha256: self.digest,
            compatibility: self.compatibility,
            info: self.info.clone(),
        }
    }
}

/// A file that was read and examined; nothing of it has run.
struct Examined {
    bytes: Vec<u8>,
    digest: Digest,
    manifest: Option<Manifest>,
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
        let folder = options
            .staging_folder
            .clone()
            .unwrap_or_else(Staging::default_folder);
        Self {
            options,
            staging: Staging::new(folder),
            counters: Counters::default(),
        }
    }

    /// What was counted since this loader was made.
    #[must_use]
    pub fn counts(&self) -> LoadCounts {
        self.counters.snapshot()
    }

    /// Takes a plugin through every step.
    ///
    /// # Errors
    /// See [`Reason`].
    pub fn load(&self, path: &Path) -> Result<LoadedProvider, LoadError> {
        self.load_pinned(path, Pinned::Required)
    }

    /// The same for callers that want to know only whether it would load: every
    /// step runs, no server is made.
    ///
    /// # Errors
    /// See [`Reason`].
    pub fn check(&self, path: &Path) -> Result<PluginReport, LoadError> {
        self.load(path).map(|loaded| loaded.report())
    }

    /// Makes the manifest of a plugin that the administrator trusts: every step
    /// but the comparison with a manifest runs, then one is written beside it.
    ///
    /// # Errors
    /// See [`Reason`].
    pub fn write_manifest(&self, path: &Path) -> Result<Manifest, LoadError> {
        let loaded = self.load_pinned(path, Pinned::NotYet)?;
        let manifest = Manifest {
            name: manifest::file_name(path),
            provider_type: loaded.info.provider_type,
            version: loaded.info.version,
            interface_version: loaded.build.interface_version.as_str().to_owned(),
            target: loaded.build.target.as_str().to_owned(),
            size: loaded.size,
            sha256: loaded.digest,
        };
        manifest.write(path)?;
        Ok(manifest)
    }

    fn step<T>(&self, step: Step, outcome: Result<T, LoadError>) -> Result<T, LoadError> {
        self.counters.count(step, &outcome);
        outcome
    }

    fn load_pinned(&self, path: &Path, pinned: Pinned) -> Result<LoadedProvider, LoadError> {
        let examined = self.examine(path, pinned)?;
        let staged = self.step(
            Step::Stage,
            self.staging.copy(path, &examined.bytes, examined.digest),
        )?;
        let linked = self.step(Step::Link, library::link(path, &staged))?;
        let header = self.step(Step::Header, linked.header(path))?;
        let header = self.step(Step::Version, header.check_version(path))?;
        let checked = self.step(Step::Layout, header.check_layout(path))?;
        let module = self.step(
            Step::Build,
            checked
                .module(path)
                .and_then(|module| check_build(path, module, examined.manifest.as_ref())),
        )?;
        let provider = HostProvider::new(module);
        let info = self.step(
            Step::Info,
            self.ask_info(path, provider, examined.manifest.as_ref()),
        )?;
        self.counters.count_loaded();
        Ok(LoadedProvider {
            provider,
            info,
            build: module.build(),
            digest: examined.digest,
            size: examined.bytes.len() as u64,
            origin: path.to_owned(),
            staged,
            compatibility: checked.compatibility,
        })
    }

    /// The steps before anything of the file runs.
    fn examine(&self, path: &Path, pinned: Pinned) -> Result<Examined, LoadError> {
        let trust = self.options.trust;
        let opened = Folder::of(path, trust).and_then(|folder| {
            let source = Source::open(&folder, path, self.options.size_limit, trust)?;
            Ok((folder, source.bytes))
        });
        let (folder, bytes) = self.step(Step::Open, opened)?;
        let digest = Digest::of(&bytes);
        let manifest = match pinned {
            Pinned::NotYet => None,
            Pinned::Required => {
                let compared = Manifest::read(&folder, path, trust).and_then(|manifest| {
                    manifest.compare_with_file(path, bytes.len() as u64, digest)?;
                    Ok(manifest)
                });
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

    fn ask_info(
        &self,
        path: &Path,
        provider: HostProvider,
        manifest: Option<&Manifest>,
    ) -> Result<ProviderInfo, LoadError> {
        let limit = self.options.info_time_limit;
        let info = within(limit, "provider-info", move || provider.info())
            .map_err(|no_result| match no_result {
                NoResult::TimedOut => LoadError::new(Reason::InfoTimedOut, path)
                    .expected(format!("an answer within {limit:?}"))
                    .found("none"),
                NoResult::Failed => {
                    LoadError::new(Reason::InfoFailed, path).found("there is no thread to ask it")
                }
            })?
            .map_err(|error| LoadError::new(Reason::InfoFailed, path).found(error))?;
        check_info(path, &info, manifest)?;
        Ok(info)
    }
}

/// Looks at how the library was built, as data, before any call but the one
/// that made its module.
fn check_build(
    path: &Path,
    module: ProviderModuleRef,
    manifest: Option<&Manifest>,
) -> Result<ProviderModuleRef, LoadError> {
    let build = module.build();
    if build.panic_strategy.as_str() != "unwind" {
        return Err(LoadError::new(Reason::PanicAborts, path)
            .expected("panic strategy unwind")
            .found(build.panic_strategy.as_str())
            .advice("build the plugin with panic = \"unwind\" in its profile"));
    }
    let interface = manifest.map_or(build.interface_version.as_str(), |manifest| {
        manifest.interface_version.as_str()
    });
    let mismatch = |expected: &str, found: &str| {
        LoadError::new(Reason::BuildMismatch, path)
            .expected(expected)
            .found(found)
    };
    if build.interface_version.as_str() != interface {
        let expected = format!("interface {interface}");
        return Err(mismatch(&expected, build.interface_version.as_str()));
    }
    if build.target.as_str() != TARGET {
        return Err(mismatch(TARGET, build.target.as_str()));
    }
    Ok(module)
}

fn check_info(
    path: &Path,
    info: &ProviderInfo,
    manifest: Option<&Manifest>,
) -> Result<(), LoadError> {
    let is_name = |text: &str| {
        !text.is_empty()
            && text.len() <= 64
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    if !is_name(&info.provider_type) {
        return Err(LoadError::new(Reason::InfoInvalid, path)
            .expected("a provider type of lower-case letters, digits and dashes")
            .found(format!("{:?}", info.provider_type)));
    }
    let Some(manifest) = manifest else {
        return Ok(());
    };
    if info.provider_type != manifest.provider_type {
        return Err(LoadError::new(Reason::TypeMismatch, path)
            .expected(&manifest.provider_type)
            .found(&info.provider_type));
    }
    if info.version != manifest.version {
        return Err(LoadError::new(Reason::VersionDiffers, path)
            .expected(&manifest.version)
            .found(&info.version));
    }
    Ok(())
}
