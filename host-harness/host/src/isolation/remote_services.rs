//! The host's services, as the plugin's process sees them.

use super::frame::{Broken, Frame, Frames};
use super::protocol::*;
use crate::interface::error::{ErrorKind, Result as CallResult, VcsError};
use crate::interface::prelude::*;

use crate::interface::wire::{Wire, WireBuffer, WireReader};
use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::result::Result;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

type Waiting = HashMap<u64, SyncSender<WireBuffer>>;

/// The services of the engine, over a socket.
pub(super) struct RemoteServices {
    stream: UnixStream,
    sending: Mutex<()>,
    waiting: Mutex<Waiting>,
    next: AtomicU64,
    /// Which levels are kept, from the first question on.
    enabled: OnceLock<Vec<bool>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RemoteServices {
    pub(super) fn start(stream: UnixStream) -> Result<Arc<Self>, Broken> {
        let reading = stream.try_clone()?;
        let services = Arc::new(Self {
            stream,
            sending: Mutex::default(),
            waiting: Mutex::default(),
            next: AtomicU64::new(0),
            enabled: OnceLock::new(),
        });
        let receiving = Arc::clone(&services);
        std::thread::Builder::new()
            .name("plugin-services".to_owned())
            .spawn(move || receiving.receive(&reading))?;
        Ok(services)
    }

    fn receive(&self, stream: &UnixStream) {
        let mut frames = Frames::default();
        while let Ok((RESPONSE, payload)) = frames.next(stream, || true) {
            let number = u64::read(&mut WireReader::new(payload.as_slice()));
            let waiting = number
                .ok()
                .and_then(|number| lock(&self.waiting).remove(&number));
            if let Some(waiting) = waiting {
                // Nobody has stopped waiting: there is a place for one response.
                let _ = waiting.send(payload);
            }
        }
        // Whoever waits learns that nothing comes any more.
        lock(&self.waiting).clear();
    }

    fn send(&self, frame: Frame) -> Result<(), Broken> {
        let _turn = lock(&self.sending);
        frame.send(&self.stream)
    }

    fn ask<T: Wire>(&self, kind: u8, write: impl FnOnce(Frame) -> Frame) -> CallResult<T> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, response) = sync_channel(1);
        lock(&self.waiting).insert(number, sender);
        let gone = || VcsError::new(ErrorKind::UNAVAILABLE, "the engine does not respond");
        self.send(write(Frame::new(kind).with(&number)))
            .map_err(|_| gone())?;
        let payload = response.recv().map_err(|_| gone())?;
        let mut reader = WireReader::new(payload.as_slice());
        let read = u64::read(&mut reader).and_then(|_| CallResult::<T>::read(&mut reader));
        read.map_err(|_| gone())?
    }
}

impl HostServices for RemoteServices {
    fn log(&self, record: LogRecord) {
        // A log that fails must not fail the call that logs.
        let _ = self.send(Frame::new(LOG).with(&record));
    }

    fn is_log_enabled(&self, level: LogLevel) -> bool {
        let enabled = self.enabled.get_or_init(|| {
            LogLevel::ALL
                .iter()
                .map(|level| self.ask(IS_LOG_ENABLED, |frame| frame.with(level)))
                .map(|enabled| enabled.unwrap_or(false))
                .collect()
        });
        let place = LogLevel::ALL.iter().position(|known| *known == level);
        place
            .and_then(|place| enabled.get(place))
            .copied()
            .unwrap_or(false)
    }

    fn load_grant(&self, grant_id: &str) -> CallResult<Option<Grant>> {
        self.ask(LOAD_GRANT, |frame| frame.with(&grant_id.to_owned()))
    }

    fn store_grant(&self, grant_id: &str, grant: Grant) -> CallResult<()> {
        self.ask(STORE_GRANT, |frame| {
            frame.with(&grant_id.to_owned()).with(&grant)
        })
    }

    fn lock_grant(&self, grant_id: &str, wait_ms: u64) -> CallResult<u64> {
        self.ask(LOCK_GRANT, |frame| {
            frame.with(&grant_id.to_owned()).with(&wait_ms)
        })
    }

    fn unlock_grant(&self, grant_id: &str, number: u64) {
        // The engine releases it at the latest when this process ends.
        let _ = self.ask::<()>(UNLOCK_GRANT, |frame| {
            frame.with(&grant_id.to_owned()).with(&number)
        });
    }

    fn load_rate_state(&self, budget: &str) -> CallResult<Option<RateState>> {
        self.ask(LOAD_RATE_STATE, |frame| frame.with(&budget.to_owned()))
    }

    fn store_rate_state(&self, budget: &str, state: RateState) -> CallResult<()> {
        self.ask(STORE_RATE_STATE, |frame| {
            frame.with(&budget.to_owned()).with(&state)
        })
    }
}
