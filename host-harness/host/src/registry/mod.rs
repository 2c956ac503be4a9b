//! Which generation of which provider serves: swap, drain, rollback and health.
//!
//! It knows the loader and the interface. It does not know what a server's
//! configuration means, where it is kept, or who asks for a reload.
//!
//! A **plugin** is a loaded library of one provider type. A **server** is a
//! configured one, with the type of its provider. A **generation** is one
//! instance of a plugin for one server. A swap makes the new generations of
//! all servers of a type, lets each answer a probe in time, and then publishes
//! them with one pointer swap each. Whatever fails before that leaves the old
//! ones serving.
//!
//! After the swap new calls go to the new generation, calls in flight end on
//! the old one, and the old one is dropped once, after its last call. The
//! plugin before the last is kept for [`Registry::rollback`]; its mapping stays
//! anyway.
//!
//! A provider that panicked is poisoned: every call to that instance fails at
//! once. The registry then makes a fresh instance of the same plugin, a bounded
//! number of times, and reports it beyond that.

mod error;
mod generation;
mod handle;
mod health;
mod making;
mod plugin;
mod reload;
mod settings;
mod slot;
mod watch;

pub use error::SwapError;
pub use handle::ServerHandle;
pub use health::{
    GenerationHealth, GenerationState, Health, PluginHealth, ProcessHealth, RegistryCounts,
    Rejection, ServerHealth,
};
pub use reload::{Outcome, PluginOutcome, ReloadReport};
pub use settings::{Probe, RegistryOptions, ServerSettings, WithoutGrants};
pub use watch::Watch;

use crate::loader::{Digest, LoadedProvider, Loader, PluginReport};
use generation::{Generation, Instances};
use plugin::ReadyPlugin;
use slot::Slot;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// The providers in service. Clones share them.
#[derive(Clone)]
pub struct Registry {
    shared: Arc<Shared>,
}

/// The plugin of a provider type and the one before it.
struct Plugin {
    current: ReadyPlugin,
    previous: Option<ReadyPlugin>,
}

#[derive(Default)]
struct Counters {
    generations: AtomicU64,
    published: AtomicU64,
    rejected: AtomicU64,
    replaced: AtomicU64,
    rolled_back: AtomicU64,
}

/// What all handles of a registry share.
struct Shared {
    loader: Loader,
    options: RegistryOptions,
    slots: RwLock<BTreeMap<String, Arc<Slot>>>,
    plugins: RwLock<BTreeMap<String, Plugin>>,
    /// Digests that were rolled back, which a reload does not take again.
    rolled_back: Mutex<HashSet<Digest>>,
    /// Held during a swap, so that swaps happen one after the other. Calls and
    /// [`Registry::health`] never wait for it.
    swapping: Mutex<()>,
    /// Held during a reload, for the same reason; a swap does not wait for it.
    reloading: Mutex<()>,
    instances: Arc<Instances>,
    counters: Counters,
}

impl Registry {
    /// A registry without servers and plugins.
    #[must_use]
    pub fn new(loader: Loader, options: RegistryOptions) -> Self {
        Self {
            shared: Arc::new(Shared {
                loader,
                options,
                slots: RwLock::default(),
                plugins: RwLock::default(),
                rolled_back: Mutex::default(),
                swapping: Mutex::default(),
                reloading: Mutex::default(),
                instances: Arc::default(),
                counters: Counters::default(),
            }),
        }
    }

    /// Adds a server, or changes the one of this name. If a plugin of its type
    /// is loaded, it serves when this returns; otherwise as soon as one is.
    ///
    /// # Errors
    /// If the provider does not start with this configuration, or a server that
    /// is in service would change to a type without a plugin. A new server then
    /// exists without a provider; a changed one goes on as it was.
    pub fn configure(&self, settings: ServerSettings) -> Result<(), SwapError> {
        self.shared.configure(settings)
    }

    /// The handle of a configured server.
    #[must_use]
    pub fn server(&self, name: &str) -> Option<ServerHandle> {
        self.shared.slot(name).map(ServerHandle::new)
    }

    /// Loads a plugin and puts it into service for all servers of its type.
    ///
    /// # Errors
    /// If it was rejected, or one of the servers does not start with it: then
    /// all of them go on as they were.
    pub fn load(&self, path: &Path) -> Result<PluginReport, SwapError> {
        self.shared.load(path)
    }

    /// Puts a provider that is in the process already, loaded by the caller or
    /// linked into the program, into service for all servers of its type.
    ///
    /// # Errors
    /// As for [`Registry::load`].
    pub fn adopt(&self, plugin: LoadedProvider) -> Result<PluginReport, SwapError> {
        let _swap = self.shared.begin_swap();
        self.shared.adopt(ReadyPlugin::linked(plugin))
    }

    /// Puts the plugin before the last of a type into service again. A reload
    /// does not take the one that was left until its file changes.
    ///
    /// # Errors
    /// `NoPrevious` if there is none; otherwise as for [`Registry::load`].
    pub fn rollback(&self, provider_type: &str) -> Result<PluginReport, SwapError> {
        self.shared.rollback(provider_type)
    }

    /// What is in service.
    #[must_use]
    pub fn health(&self) -> Health {
        self.shared.health()
    }

    /// Brings the plugins in service in line with a plugin directory: loads what
    /// is new or changed. A plugin whose file is gone goes on serving.
    ///
    /// For the start, for a signal, for an administrator's request, and for
    /// [`Registry::watch`].
    pub fn reload(&self, directory: &Path) -> ReloadReport {
        reload::reload(&self.shared, directory)
    }

    /// Ends every wait for a plugin, now and from now on: of a reload, a swap, a
    /// preflight. What serves goes on serving. The first step of a host's stop.
    pub fn stop(&self) {
        self.shared.loader.stop_switch().stop();
    }

    /// Reloads whenever files in a plugin directory have changed and then rested.
    /// Ends when the returned value is dropped.
    ///
    /// `report` is told of every reload, on the watching thread. The directory is
    /// also looked at every two seconds, so that it may be made later, be
    /// replaced, be a link that is switched, or stand on a file system that
    /// reports no changes.
    ///
    /// # Errors
    /// In the words of the operating system, if there is no thread to watch.
    pub fn watch(
        &self,
        directory: &Path,
        report: impl Fn(&ReloadReport) + Send + 'static,
    ) -> Result<Watch, String> {
        Watch::start(&self.shared, directory, report)
    }
}

impl Shared {
    fn begin_swap(&self) -> MutexGuard<'_, ()> {
        self.swapping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, name: &str) -> Option<Arc<Slot>> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.get(name).map(Arc::clone)
    }

    fn slots(&self) -> Vec<Arc<Slot>> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.values().map(Arc::clone).collect()
    }

    /// The plugin of a type that is in service.
    fn plugin(&self, provider_type: &str) -> Option<ReadyPlugin> {
        let plugins = self.plugins.read().unwrap_or_else(PoisonError::into_inner);
        plugins
            .get(provider_type)
            .map(|plugin| plugin.current.clone())
    }

    fn was_rolled_back(&self, digest: Digest) -> bool {
        self.lock_rolled_back().contains(&digest)
    }

    fn lock_rolled_back(&self) -> MutexGuard<'_, HashSet<Digest>> {
        self.rolled_back
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn configure(self: &Arc<Self>, settings: ServerSettings) -> Result<(), SwapError> {
        let _swap = self.begin_swap();
        let existing = self.slot(&settings.name);
        let slot = existing.clone().unwrap_or_else(|| {
            let slot = Arc::new(Slot::new(Arc::downgrade(self), settings.clone()));
            let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
            slots.insert(settings.name.clone(), Arc::clone(&slot));
            slot
        });
        let Some(plugin) = self.plugin(&settings.provider_type) else {
            if slot.current().is_some() {
                // What serves goes on; a name for nothing must not end it.
                let unknown = SwapError::UnknownType(settings.provider_type);
                return self.note(&[&slot], Err(unknown));
            }
            slot.set_settings(settings);
            return Ok(());
        };
        let made = self.make(&slot, &settings, &plugin);
        let generation = self.note(&[&slot], made)?;
        slot.set_settings(settings);
        self.publish(&slot, generation);
        Ok(())
    }

    fn load(&self, path: &Path) -> Result<PluginReport, SwapError> {
        // Another process tries it with the servers that it would serve. Swaps
        // and replacements do not wait for that.
        let servers = |provider_type: &str| {
            let slots = self.slots_of(provider_type);
            slots
                .iter()
                .map(|slot| slot.settings().config_toml)
                .collect()
        };
        let loaded = self
            .loader
            .prepare_for(path, servers)
            .map_err(SwapError::from);
        let (prepared, report) = self.note(&[], loaded)?;
        let _swap = self.begin_swap();
        self.adopt(ReadyPlugin::prepared(prepared, report))
    }

    /// The places of all servers of a provider type.
    fn slots_of(&self, provider_type: &str) -> Vec<Arc<Slot>> {
        self.slots()
            .into_iter()
            .filter(|slot| slot.settings().provider_type == provider_type)
            .collect()
    }

    /// To be called during a swap.
    fn adopt(&self, loaded: ReadyPlugin) -> Result<PluginReport, SwapError> {
        let report = loaded.report.clone();
        self.lock_rolled_back().remove(&report.sha256);
        let is_same = self
            .plugin(&report.info.provider_type)
            .is_some_and(|current| current.report.sha256 == report.sha256);
        self.put_into_service(&loaded)?;
        let mut plugins = self.plugins.write().unwrap_or_else(PoisonError::into_inner);
        let before = plugins.remove(&report.info.provider_type);
        let previous = match before {
            // Loading the same file again must not forget the one before it.
            Some(before) if is_same => before.previous,
            Some(before) => Some(before.current),
            None => None,
        };
        let provider_type = report.info.provider_type.clone();
        let current = loaded;
        plugins.insert(provider_type, Plugin { current, previous });
        Ok(report)
    }

    fn rollback(&self, provider_type: &str) -> Result<PluginReport, SwapError> {
        let _swap = self.begin_swap();
        let previous = {
            let plugins = self.plugins.read().unwrap_or_else(PoisonError::into_inner);
            let Some(plugin) = plugins.get(provider_type) else {
                return Err(SwapError::UnknownType(provider_type.to_owned()));
            };
            plugin.previous.clone()
        };
        let Some(previous) = previous else {
            return Err(SwapError::NoPrevious(provider_type.to_owned()));
        };
        self.put_into_service(&previous)?;
        let report = previous.report.clone();
        let mut plugins = self.plugins.write().unwrap_or_else(PoisonError::into_inner);
        let left = plugins.insert(
            provider_type.to_owned(),
            Plugin {
                current: previous,
                previous: None,
            },
        );
        if let Some(left) = left {
            self.lock_rolled_back().insert(left.current.report.sha256);
        }
        self.counters.rolled_back.fetch_add(1, Ordering::Relaxed);
        Ok(report)
    }

    /// Makes the new generations of all servers of the plugin's type, then
    /// publishes all of them, or none.
    fn put_into_service(&self, plugin: &ReadyPlugin) -> Result<(), SwapError> {
        let slots = self.slots_of(&plugin.report.info.provider_type);
        let made: Result<Vec<_>, _> = slots
            .iter()
            .map(|slot| self.make(slot, &slot.settings(), plugin))
            .collect();
        let all: Vec<&Arc<Slot>> = slots.iter().collect();
        let made = self.note(&all, made)?;
        for (slot, generation) in slots.iter().zip(made) {
            self.publish(slot, generation);
        }
        Ok(())
    }

    /// Counts a rejection and keeps it for the health of the servers it was about.
    fn note<T>(&self, slots: &[&Arc<Slot>], outcome: Result<T, SwapError>) -> Result<T, SwapError> {
        if let Err(error) = &outcome {
            self.counters.rejected.fetch_add(1, Ordering::Relaxed);
            for slot in slots {
                slot.set_rejection(Some(error));
            }
        }
        outcome
    }

    fn publish(&self, slot: &Slot, generation: Generation) {
        slot.publish(Arc::new(generation));
        self.counters.published.fetch_add(1, Ordering::Relaxed);
    }

    /// Puts a fresh instance of the same plugin in the place of a poisoned one,
    /// if that is still the one that serves.
    fn replace_poisoned(&self, slot: &Arc<Slot>, poisoned: u64) {
        let _swap = self.begin_swap();
        let Some(current) = slot
            .current()
            .filter(|current| current.number() == poisoned)
        else {
            return;
        };
        let made = self.make(slot, &slot.settings(), current.plugin());
        if let Ok(generation) = self.note(&[slot], made) {
            self.publish(slot, generation);
            self.counters.replaced.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn health(&self) -> Health {
        let servers = self.slots().iter().map(|slot| slot.health()).collect();
        let plugins = self.plugins.read().unwrap_or_else(PoisonError::into_inner);
        Health {
            servers,
            plugins: plugins
                .iter()
                .map(|(provider_type, plugin)| PluginHealth {
                    provider_type: provider_type.clone(),
                    path: plugin.current.report.path.clone(),
                    sha256: plugin.current.report.sha256,
                    version: plugin.current.report.info.version.clone(),
                    compatibility: plugin.current.report.compatibility,
                    previous: plugin
                        .previous
                        .as_ref()
                        .map(|previous| previous.report.sha256),
                })
                .collect(),
            loader: self.loader.counts(),
            counts: RegistryCounts {
                published: self.counters.published.load(Ordering::Relaxed),
                rejected: self.counters.rejected.load(Ordering::Relaxed),
                replaced: self.counters.replaced.load(Ordering::Relaxed),
                rolled_back: self.counters.rolled_back.load(Ordering::Relaxed),
                instances_made: self.instances.made(),
                instances_dropped: self.instances.dropped(),
            },
        }
    }
}
