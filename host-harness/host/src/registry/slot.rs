//! The place of one configured server: what serves now, and what drains.

use super::Shared;
use super::error::{SwapError, no_provider};
use super::generation::{Generation, Pinned};
use super::health::{GenerationHealth, Rejection, ServerHealth};
use super::settings::ServerSettings;
use arc_swap::ArcSwapOption;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};
use vcs_provider_interface::error::Result;

/// The place of one configured server.
pub(super) struct Slot {
    shared: Weak<Shared>,
    name: String,
    settings: RwLock<ServerSettings>,
    current: ArcSwapOption<Generation>,
    draining: Mutex<Vec<Weak<Generation>>>,
    last_rejection: Mutex<Option<Rejection>>,
    is_healing: AtomicBool,
    replacements: Mutex<VecDeque<Instant>>,
    next_client: AtomicU64,
}

impl Slot {
    pub(super) fn new(shared: Weak<Shared>, settings: ServerSettings) -> Self {
        Self {
            shared,
            name: settings.name.clone(),
            settings: RwLock::new(settings),
            current: ArcSwapOption::empty(),
            draining: Mutex::default(),
            last_rejection: Mutex::default(),
            is_healing: AtomicBool::new(false),
            replacements: Mutex::default(),
            next_client: AtomicU64::new(0),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn settings(&self) -> ServerSettings {
        self.settings
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn set_settings(&self, settings: ServerSettings) {
        *self
            .settings
            .write()
            .unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// A number for a new client handle.
    pub(super) fn new_client_number(&self) -> u64 {
        self.next_client.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn current(&self) -> Option<Arc<Generation>> {
        self.current.load_full()
    }

    /// Runs a call on the generation that serves now and keeps that generation
    /// until the call has ended.
    pub(super) fn call<T>(
        self: &Arc<Self>,
        call: impl FnOnce(&Generation) -> Result<T>,
    ) -> Result<T> {
        let Some(generation) = self.current() else {
            let provider_type = self.settings().provider_type;
            return Err(no_provider(&self.name, &provider_type));
        };
        let number = generation.number();
        let pinned = Pinned::new(generation);
        let outcome = call(pinned.generation());
        if pinned.is_poisoned_by(&outcome) {
            self.heal(number);
        }
        outcome
    }

    /// Publishes a generation. From here on every new call goes to it; the old
    /// one is dropped after its last call.
    pub(super) fn publish(&self, generation: Arc<Generation>) {
        let old = self.current.swap(Some(generation));
        self.set_rejection(None);
        if let Some(old) = old {
            old.retire();
            let mut draining = self.lock_draining();
            draining.push(Arc::downgrade(&old));
        }
    }

    /// How many old generations wait for their last call.
    pub(super) fn draining(&self) -> Vec<GenerationHealth> {
        let alive: Vec<Arc<Generation>> = {
            let mut draining = self.lock_draining();
            draining.retain(|generation| generation.strong_count() > 0);
            draining.iter().filter_map(Weak::upgrade).collect()
        };
        alive.iter().map(|generation| generation.health()).collect()
    }

    fn lock_draining(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Generation>>> {
        self.draining.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_rejection(&self, error: Option<&SwapError>) {
        *self
            .last_rejection
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = error.map(|error| Rejection {
            code: error.code().to_owned(),
            message: error.to_string(),
        });
    }

    pub(super) fn health(&self) -> ServerHealth {
        ServerHealth {
            name: self.name.clone(),
            provider_type: self.settings().provider_type,
            generation: self.current().map(|generation| generation.health()),
            draining: self.draining(),
            last_rejection: self
                .last_rejection
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }

    /// Replaces a poisoned generation by a fresh instance of the same plugin,
    /// beside the call that found out, which has its error already.
    ///
    /// At most one replacement of a server runs at a time; beyond the allowed
    /// number nothing happens and every call goes on to say what is wrong.
    fn heal(self: &Arc<Self>, poisoned: u64) {
        let Some(shared) = self.shared.upgrade() else {
            return;
        };
        let serves = self
            .current()
            .is_some_and(|current| current.number() == poisoned);
        if !serves || self.is_healing.swap(true, Ordering::AcqRel) {
            return;
        }
        let options = &shared.options;
        let window = options.replacement_window;
        let pause = if self.settings().isolated {
            // Only its own process pays for it, so there is no limit.
            pause_after(self.replaced_within(window))
        } else if self.may_be_replaced(options.replacement_limit, window) {
            Duration::ZERO
        } else {
            self.is_healing.store(false, Ordering::Release);
            return;
        };
        let slot = Arc::clone(self);
        let healing = std::thread::Builder::new()
            .name("provider-replace".to_owned())
            .spawn(move || {
                let begun = Instant::now();
                let stop = shared.loader.stop_switch();
                while begun.elapsed() < pause && !stop.is_stopped() {
                    std::thread::park_timeout(pause.min(Duration::from_millis(50)));
                }
                shared.replace_poisoned(&slot, poisoned);
                slot.is_healing.store(false, Ordering::Release);
            });
        if healing.is_err() {
            self.is_healing.store(false, Ordering::Release);
        }
    }

    /// How often it was replaced within the window; counts one more.
    fn replaced_within(&self, window: Duration) -> usize {
        self.may_be_replaced(usize::MAX, window);
        let replacements = self
            .replacements
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        replacements.len() - 1
    }

    /// Whether one more replacement is allowed now; counts it if it is.
    fn may_be_replaced(&self, limit: usize, window: Duration) -> bool {
        let mut replacements = self
            .replacements
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        while replacements
            .front()
            .is_some_and(|first| first.elapsed() >= window)
        {
            replacements.pop_front();
        }
        let allowed = replacements.len() < limit;
        if allowed {
            replacements.push_back(Instant::now());
        }
        allowed
    }
}

/// How long to wait before a process is replaced once more.
fn pause_after(replaced: usize) -> Duration {
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(30);
    match replaced {
        0 => Duration::ZERO,
        more => FIRST.saturating_mul(1 << (more - 1).min(10)).min(LONGEST),
    }
}
