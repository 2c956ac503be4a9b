//! A plugin that may serve: linked into this process only if a server wants it
//! there.

use crate::loader::{LoadError, LoadedProvider, Loader, PluginReport, Prepared};
use std::sync::{Arc, OnceLock};

/// A plugin that may serve. Clones share what was linked.
#[derive(Clone)]
pub(super) struct ReadyPlugin {
    pub(super) report: PluginReport,
    pub(super) prepared: Arc<Prepared>,
    linked: Arc<OnceLock<LoadedProvider>>,
}

impl ReadyPlugin {
    pub(super) fn prepared(prepared: Prepared, report: PluginReport) -> Self {
        Self {
            report,
            prepared: Arc::new(prepared),
            linked: Arc::default(),
        }
    }

    pub(super) fn linked(loaded: LoadedProvider) -> Self {
        Self {
            report: loaded.report(),
            prepared: Arc::new(Prepared::of_copy(
                loaded.origin.clone(),
                loaded.staged.clone(),
                loaded.size,
                loaded.digest,
                None,
            )),
            linked: Arc::new(OnceLock::from(loaded)),
        }
    }

    /// The plugin in this process; links it when it is first wanted.
    pub(super) fn link(&self, loader: &Loader) -> Result<&LoadedProvider, LoadError> {
        if let Some(linked) = self.linked.get() {
            return Ok(linked);
        }
        let linked = loader.link(&self.prepared)?;
        // Another thread may have been quicker, with the same library.
        Ok(self.linked.get_or_init(|| linked))
    }
}
