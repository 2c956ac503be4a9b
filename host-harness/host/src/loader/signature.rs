//! Signed manifests: who publishes a plugin says so, in minisign's format.
//!
//! A manifest names the exact bytes of a plugin, so a signature over the
//! manifest covers both. It stands beside it, `libname.manifest.toml.minisig`,
//! as `minisign -Sm libname.manifest.toml` or `engine plugins sign` write it.
//! With trusted keys configured, a plugin without a signature by one of them is
//! rejected before anything of it runs, and before its manifest is parsed.
//! Several keys are trusted at once while a publisher changes theirs.

use super::error::{LoadError, Reason};
use super::source::{Directory, Source, Trust};
use minisign_verify::{PublicKey, Signature};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The longest signature that is read.
const LONGEST_SIGNATURE: u64 = 8 * 1024;

/// A key whose signatures are trusted: the text of one line that `minisign -G`
/// shows and writes into `minisign.pub`.
#[derive(Clone, PartialEq, Eq)]
pub struct TrustedKey {
    key: PublicKey,
    text: String,
}

impl FromStr for TrustedKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        match PublicKey::from_base64(text) {
            Ok(key) => Ok(Self {
                key,
                text: text.to_owned(),
            }),
            Err(error) => Err(format!(
                "{text:?} is not a public key of minisign, which begins with RW: {error}"
            )),
        }
    }
}

impl fmt::Display for TrustedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.text)
    }
}

impl fmt::Debug for TrustedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Where the signature of a manifest stands.
pub(super) fn path_of(manifest: &Path) -> PathBuf {
    let mut path = manifest.as_os_str().to_owned();
    path.push(".minisig");
    path.into()
}

/// Checks that one of the keys has signed these bytes of a manifest. Without
/// keys everything passes.
///
/// # Errors
/// `signature_missing`, `signature_invalid`.
pub(super) fn check(
    keys: &[TrustedKey],
    directory: &Directory,
    plugin: &Path,
    manifest: (&Path, &[u8]),
    trust: Trust,
) -> Result<(), LoadError> {
    if keys.is_empty() {
        return Ok(());
    }
    let path = path_of(manifest.0);
    let source = Source::open(directory, &path, LONGEST_SIGNATURE, trust).map_err(|error| {
        if error.reason == Reason::NotFound {
            return LoadError::new(Reason::SignatureMissing, plugin)
                .expected(path.display())
                .found("nothing")
                .advice(format!(
                    "get the publisher's signature, or sign the manifest yourself with: \
                     engine plugins sign --key FILE {}",
                    plugin.display()
                ));
        }
        LoadError::new(Reason::SignatureInvalid, plugin).found(error)
    })?;
    let invalid = |found: &dyn fmt::Display| {
        LoadError::new(Reason::SignatureInvalid, plugin)
            .expected("a signature of its manifest by a key of plugins.trustedKeys")
            .found(format!("{found} in {}", path.display()))
    };
    let text = std::str::from_utf8(&source.bytes).map_err(|error| invalid(&error))?;
    let signature = Signature::decode(text).map_err(|error| invalid(&error))?;
    let mut failure = None;
    for key in keys {
        match key.key.verify(manifest.1, &signature, false) {
            Ok(()) => return Ok(()),
            // A wrong signature says more than another key.
            Err(minisign_verify::Error::UnexpectedKeyId) => {}
            Err(error) => failure = Some(error),
        }
    }
    Err(match failure {
        Some(error) => invalid(&error),
        None => invalid(&"a signature by another key"),
    })
}
