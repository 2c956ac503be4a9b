//! The manifest beside a plugin: what the administrator has agreed to load.
//!
//! For `libname.so` it is `libname.manifest.toml` in the same directory. It is
//! written by the packaging step of the plugin or by `engine plugins pin`, and
//! it is what makes a half-copied, exchanged or damaged file harmless: nothing
//! of a file runs before its digest was compared.

use super::error::{LoadError, Reason, one_line};
use super::signature::{self, TrustedKey};
use super::source::{Directory, Source, Trust};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use vcs_provider_interface::info::{INTERFACE_VERSION, ProviderInfo, TARGET};

/// The longest manifest that is read.
const LONGEST_MANIFEST: u64 = 64 * 1024;

/// A SHA-256 digest; shown in lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

/// A digest of what comes in parts.
#[derive(Default)]
pub(super) struct Digesting(Sha256);

impl Digesting {
    pub(super) fn add(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    pub(super) fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)
            .map_err(|_| format!("{text:?} is not 64 hexadecimal digits"))?;
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What a manifest says.
///
/// Keys that it does not know are passed over, with a notice, so that later
/// packaging may say more. What an earlier engine must not pass over comes with
/// a higher [`Manifest::format`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format of the manifest, [`Manifest::FORMAT`]; one that does not say is
    /// of the first.
    #[serde(default = "first_format")]
    pub format: u32,
    /// The name of the plugin's file, without a directory.
    pub name: String,
    /// The provider type, such as `bitbucketcloud`.
    #[serde(rename = "type")]
    pub provider_type: String,
    /// The provider's own version.
    pub version: String,
    /// The version of the interface that it was built with.
    pub interface_version: String,
    /// The target that it was built for.
    pub target: String,
    /// The length in bytes.
    pub size: u64,
    /// The digest.
    pub sha256: Digest,
    /// The keys that were passed over, sorted.
    #[serde(skip)]
    pub unknown_keys: Vec<String>,
}

const fn first_format() -> u32 {
    1
}

/// The keys that are known.
const KEYS: &[&str] = &[
    "format",
    "name",
    "type",
    "version",
    "interface_version",
    "target",
    "size",
    "sha256",
];

impl Manifest {
    /// The format that is written, and the latest that is read.
    pub const FORMAT: u32 = 1;

    /// The manifest of a plugin that was examined.
    pub(super) fn of(plugin: &Path, info: ProviderInfo, size: u64, sha256: Digest) -> Self {
        Self {
            format: Self::FORMAT,
            name: file_name(plugin),
            provider_type: info.provider_type,
            version: info.version,
            interface_version: info.interface_version,
            target: info.target,
            size,
            sha256,
            unknown_keys: Vec::new(),
        }
    }

    /// Says which keys were passed over, if any.
    pub(super) fn notice(&self) -> Option<String> {
        (!self.unknown_keys.is_empty()).then(|| {
            let keys = self.unknown_keys.join(", ");
            format!("its manifest has keys that this engine does not know: {keys}")
        })
    }

    /// Where the manifest of a plugin stands.
    #[must_use]
    pub fn path_of(plugin: &Path) -> PathBuf {
        plugin.with_extension("manifest.toml")
    }

    /// Reads the manifest of a plugin out of the plugin's directory; where keys
    /// are trusted, one of them must have signed it.
    ///
    /// # Errors
    /// `manifest_missing`, `manifest_unreadable`, `signature_missing`,
    /// `signature_invalid`, `manifest_invalid`.
    pub(super) fn read(
        directory: &Directory,
        plugin: &Path,
        trust: Trust,
        keys: &[TrustedKey],
    ) -> Result<Self, LoadError> {
        let path = Self::path_of(plugin);
        let source = Source::open(directory, &path, LONGEST_MANIFEST, trust).map_err(|error| {
            if error.reason == Reason::NotFound {
                return LoadError::new(Reason::ManifestMissing, plugin)
                    .expected(path.display())
                    .found("nothing")
                    .advice(pin_advice(plugin));
            }
            LoadError::new(Reason::ManifestUnreadable, plugin).found(error)
        })?;
        signature::check(keys, directory, plugin, (&path, &source.bytes), trust)?;
        let invalid = |found: &dyn fmt::Display| {
            LoadError::new(Reason::ManifestInvalid, plugin)
                .expected("name, type, version, interface_version, target, size and sha256")
                .found(format!("{found} in {}", path.display()))
                .advice(pin_advice(plugin))
        };
        let text = std::str::from_utf8(&source.bytes).map_err(|error| invalid(&error))?;
        let malformed = |error: toml::de::Error| invalid(&error.message());
        let table: toml::Table = text.parse().map_err(malformed)?;
        if let Some(format) = later_format(&table) {
            return Err(LoadError::new(Reason::ManifestInvalid, plugin)
                .expected(format!("a manifest of format {}", Self::FORMAT))
                .found(format!("format {format} in {}", path.display()))
                .advice("it was made for a later engine: use that, or pin the plugin again"));
        }
        let unknown_keys = table
            .keys()
            .filter(|key| !KEYS.contains(&key.as_str()))
            .map(|key| one_line(key))
            .collect();
        Ok(Self {
            unknown_keys,
            ..table.try_into().map_err(malformed)?
        })
    }

    /// Compares what can be compared before anything of the file runs.
    ///
    /// # Errors
    /// `name_mismatch`, `target_mismatch`, `interface_mismatch`,
    /// `size_mismatch`, `digest_mismatch`.
    pub(super) fn compare_with_file(
        &self,
        plugin: &Path,
        size: u64,
        digest: Digest,
    ) -> Result<(), LoadError> {
        let mismatch = |reason, expected: &dyn fmt::Display, found: &dyn fmt::Display| {
            Err(LoadError::new(reason, plugin)
                .expected(expected)
                .found(found))
        };
        let name = file_name(plugin);
        if self.name != name {
            return mismatch(Reason::NameMismatch, &name, &self.name);
        }
        if self.target != TARGET {
            return mismatch(Reason::TargetMismatch, &TARGET, &self.target);
        }
        if major(&self.interface_version) != major(INTERFACE_VERSION) {
            return mismatch(
                Reason::InterfaceMismatch,
                &format!("interface {INTERFACE_VERSION} or one of the same major version"),
                &self.interface_version,
            );
        }
        if self.size != size {
            return mismatch(
                Reason::SizeMismatch,
                &format!("{} bytes", self.size),
                &format!("{size} bytes"),
            )
            .map_err(|error| error.advice(changed_advice(plugin)));
        }
        if self.sha256 != digest {
            return mismatch(Reason::DigestMismatch, &self.sha256, &digest)
                .map_err(|error| error.advice(changed_advice(plugin)));
        }
        Ok(())
    }

    /// Where the signature of a plugin's manifest stands.
    #[must_use]
    pub fn signature_path_of(plugin: &Path) -> PathBuf {
        signature::path_of(&Self::path_of(plugin))
    }

    /// Writes the manifest beside the plugin, whole or not at all.
    ///
    /// # Errors
    /// `manifest_unreadable` if the directory cannot be written.
    pub(super) fn write(&self, plugin: &Path) -> Result<PathBuf, LoadError> {
        use std::os::unix::fs::PermissionsExt as _;
        let path = Self::path_of(plugin);
        let failed = |error: &dyn fmt::Display| {
            LoadError::new(Reason::ManifestUnreadable, plugin)
                .found(format!("{} cannot be written: {error}", path.display()))
        };
        let text = toml::to_string(self).map_err(|error| failed(&error))?;
        let directory = super::source::directory_of(plugin);
        let mut file =
            tempfile::NamedTempFile::new_in(directory).map_err(|error| failed(&error))?;
        let written = file
            .write_all(text.as_bytes())
            .and_then(|()| {
                let readable_by_all = std::fs::Permissions::from_mode(0o644);
                file.as_file().set_permissions(readable_by_all)
            })
            .and_then(|()| file.as_file().sync_all());
        written.map_err(|error| failed(&error))?;
        file.persist(&path).map_err(|error| failed(&error.error))?;
        Ok(path)
    }
}

/// The format of a manifest that is none of those that are read.
fn later_format(table: &toml::Table) -> Option<i64> {
    let format = table.get("format")?.as_integer()?;
    (!(1..=i64::from(Manifest::FORMAT)).contains(&format)).then_some(format)
}

/// The name of a file without its directory.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// The part of a version before the first dot.
pub(super) fn major(version: &str) -> &str {
    version.split_once('.').map_or(version, |(major, _)| major)
}

fn pin_advice(plugin: &Path) -> String {
    format!(
        "if you trust this file, make one with: engine plugins pin {}",
        plugin.display()
    )
}

fn changed_advice(plugin: &Path) -> String {
    format!(
        "copy the file again; if you replaced it on purpose: engine plugins pin {}",
        plugin.display()
    )
}
