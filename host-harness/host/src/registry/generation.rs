//! One instance of a provider that serves, has served or is about to.

use super::health::ProcessHealth;
use super::health::{GenerationHealth, GenerationState};
use super::plugin::ReadyPlugin;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use vcs_provider_interface::abi::guard;
use vcs_provider_interface::error::{Result, VcsError};
use vcs_provider_interface::prelude::{AuthorizedClient, Credential, VcsServer};

/// Counts the instances of all generations of a registry.
#[derive(Debug, Default)]
pub(super) struct Instances {
    made: AtomicU64,
    dropped: AtomicU64,
}

impl Instances {
    pub(super) fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

type Clients = HashMap<u64, Arc<dyn AuthorizedClient>>;

/// One instance of a provider with its clients.
pub(super) struct Generation {
    number: u64,
    plugin: ReadyPlugin,
    /// `None` only while it is dropped.
    server: Option<Box<dyn VcsServer>>,
    process: Option<ProcessHealth>,
    clients: RwLock<Clients>,
    instances: Arc<Instances>,
    retired: AtomicBool,
    poisoned: AtomicBool,
    calls: AtomicU64,
    errors: AtomicU64,
    in_flight: AtomicU64,
}

impl Generation {
    pub(super) fn new(
        number: u64,
        plugin: ReadyPlugin,
        server: Box<dyn VcsServer>,
        process: Option<ProcessHealth>,
        instances: Arc<Instances>,
    ) -> Self {
        instances.made.fetch_add(1, Ordering::Relaxed);
        Self {
            number,
            plugin,
            server: Some(server),
            process,
            clients: RwLock::default(),
            instances,
            retired: AtomicBool::new(false),
            poisoned: AtomicBool::new(false),
            calls: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn plugin(&self) -> &ReadyPlugin {
        &self.plugin
    }

    pub(super) fn server(&self) -> Result<&dyn VcsServer> {
        self.server.as_deref().ok_or_else(|| {
            VcsError::new(
                vcs_provider_interface::error::ErrorKind::INTERNAL,
                "this generation was dropped",
            )
        })
    }

    /// The client of a handle, made when the handle first calls this generation.
    pub(super) fn client(
        &self,
        handle: u64,
        credential: &Credential,
    ) -> Result<Arc<dyn AuthorizedClient>> {
        if let Some(client) = self
            .clients
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&handle)
        {
            return Ok(Arc::clone(client));
        }
        let made: Arc<dyn AuthorizedClient> =
            Arc::from(self.server()?.authorized_client(credential.clone())?);
        // Another thread with the same handle may have been quicker; its client
        // stays, ours is dropped after the lock is released.
        let mut clients = self.clients.write().unwrap_or_else(PoisonError::into_inner);
        let kept = Arc::clone(clients.entry(handle).or_insert_with(|| Arc::clone(&made)));
        drop(clients);
        Ok(kept)
    }

    /// Forgets the client of a handle that is gone.
    pub(super) fn forget_client(&self, handle: u64) {
        let client = self
            .clients
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&handle);
        // The provider's code runs here, outside of the lock.
        drop(client);
    }

    /// Says that it serves no new calls.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }

    pub(super) fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    pub(super) fn health(&self) -> GenerationHealth {
        let state = if self.is_poisoned() {
            GenerationState::Poisoned
        } else if self.retired.load(Ordering::Acquire) {
            GenerationState::Draining
        } else {
            GenerationState::Serving
        };
        GenerationHealth {
            number: self.number,
            state,
            sha256: self.plugin.report.sha256,
            version: self.plugin.report.info.version.clone(),
            interface_version: self.plugin.report.info.interface_version.clone(),
            compatibility: self.plugin.report.compatibility,
            calls: self.calls.load(Ordering::Relaxed),
            errors: self.errors.load(Ordering::Relaxed),
            in_flight: self.in_flight.load(Ordering::Relaxed),
            process: self.process.clone(),
        }
    }
}

/// After the last call that held it: drops the clients, then the server, each
/// under the interface's guard, on a thread of their own, so that a drop that
/// hangs hangs nobody's call.
impl Drop for Generation {
    fn drop(&mut self) {
        let clients = std::mem::take(
            self.clients
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner),
        );
        let server = self.server.take();
        let instances = Arc::clone(&self.instances);
        let drop_all = move || {
            drop(clients);
            drop(server);
            instances.dropped.fetch_add(1, Ordering::Relaxed);
        };
        // Without a thread the closure is dropped in here, and what it holds
        // with it: in the same order, only not counted.
        let _ = std::thread::Builder::new()
            .name("provider-drop".to_owned())
            .spawn(drop_all);
    }
}

/// A call that holds its generation.
pub(super) struct Pinned {
    generation: Arc<Generation>,
}

impl Pinned {
    pub(super) fn new(generation: Arc<Generation>) -> Self {
        generation.calls.fetch_add(1, Ordering::Relaxed);
        generation.in_flight.fetch_add(1, Ordering::Relaxed);
        Self { generation }
    }

    pub(super) fn generation(&self) -> &Generation {
        &self.generation
    }

    /// Counts the outcome; says whether it shows that the instance is poisoned.
    pub(super) fn is_poisoned_by<T>(&self, outcome: &Result<T>) -> bool {
        let Err(error) = outcome else {
            return false;
        };
        self.generation.errors.fetch_add(1, Ordering::Relaxed);
        let poisoned = error.extra.get(guard::POISONED).is_some();
        if poisoned {
            self.generation.poisoned.store(true, Ordering::Release);
        }
        poisoned
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        self.generation.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
