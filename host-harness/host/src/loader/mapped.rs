//! Which libraries are mapped into this process: they stay until it ends, so
//! their number is bounded and none is linked a second time.

use super::Prepared;
use super::error::{LoadError, Reason};
use super::library::Checked;
use super::manifest::Digest;
use super::staging::Copy;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use vcs_provider_interface::abi::ProviderModuleRef;

/// A library that was linked and has made its module.
#[derive(Clone)]
pub(super) struct Opened {
    /// The copy that is mapped.
    pub(super) copy: Copy,
    pub(super) checked: Checked,
    pub(super) module: ProviderModuleRef,
}

impl fmt::Debug for Opened {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Opened")
            .field("copy", &self.copy)
            .finish_non_exhaustive()
    }
}

/// A library that was given to the dynamic linker.
#[derive(Debug)]
struct Library {
    /// `None` for one that a later step rejected: it stays mapped all the same.
    opened: Option<Opened>,
    /// The linker knows libraries by their path: that of a copy in memory must
    /// never become that of another.
    _copy: Copy,
}

/// The libraries of this process, by the digest of their file.
#[derive(Debug, Default)]
pub(super) struct MappedLibraries {
    libraries: Mutex<HashMap<Digest, Library>>,
}

impl MappedLibraries {
    /// The library with this digest, if it was opened before.
    pub(super) fn opened(&self, digest: Digest) -> Option<Opened> {
        self.lock().get(&digest)?.opened.clone()
    }

    /// Keeps a library, so that it is not opened again.
    pub(super) fn keep(&self, digest: Digest, opened: Opened) {
        let copy = opened.copy.clone();
        let library = Library {
            opened: Some(opened),
            _copy: copy,
        };
        self.lock().insert(digest, library);
    }

    /// Makes sure that the process does not grow without a bound: to be called
    /// before a library is linked.
    ///
    /// # Errors
    /// `restart_needed`.
    pub(super) fn reserve(&self, prepared: &Prepared, limit: usize) -> Result<(), LoadError> {
        let mut libraries = self.lock();
        if libraries.len() >= limit && !libraries.contains_key(&prepared.digest) {
            return Err(LoadError::new(Reason::RestartNeeded, &prepared.plugin)
                .expected(format!(
                    "fewer than {limit} different libraries since the start"
                ))
                .found(libraries.len())
                .advice("restart the engine; what serves now goes on until then"));
        }
        libraries.entry(prepared.digest).or_insert_with(|| Library {
            opened: None,
            _copy: prepared.copy.clone(),
        });
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Library>> {
        self.libraries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
