//! A plugin on its way: read and examined, then with a private copy.

use super::manifest::{Digest, Manifest};
use super::staging::Copy;
use std::path::{Path, PathBuf};

/// A file that was read and examined; nothing of it has run.
pub(super) struct Examined {
    pub(super) bytes: Vec<u8>,
    pub(super) digest: Digest,
    pub(super) manifest: Option<Manifest>,
}

/// The same with its private copy: what could be linked, here or elsewhere.
pub(crate) struct Prepared {
    pub(super) plugin: PathBuf,
    pub(super) copy: Copy,
    pub(super) size: u64,
    pub(super) digest: Digest,
    pub(super) manifest: Option<Manifest>,
}

impl Prepared {
    /// What another process is told of a copy.
    pub(crate) fn of_copy(
        plugin: PathBuf,
        staged: PathBuf,
        size: u64,
        digest: Digest,
        manifest: Option<Manifest>,
    ) -> Self {
        Self {
            plugin,
            copy: Copy::elsewhere(staged),
            size,
            digest,
            manifest,
        }
    }

    pub(crate) fn plugin(&self) -> &Path {
        &self.plugin
    }

    pub(crate) fn staged(&self) -> &Path {
        &self.copy.path
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    pub(crate) fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    /// What the administrator should know of its manifest.
    pub(super) fn notices(&self) -> Vec<String> {
        let manifest = self.manifest.as_ref();
        manifest.and_then(Manifest::notice).into_iter().collect()
    }
}

impl Examined {
    pub(super) fn with_copy(self, plugin: &Path, copy: Copy) -> Prepared {
        Prepared {
            plugin: plugin.to_owned(),
            copy,
            size: self.bytes.len() as u64,
            digest: self.digest,
            manifest: self.manifest,
        }
    }
}
