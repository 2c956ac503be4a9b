//! The host's services for a plugin in another process.

use super::frame::{Broken, Frame, Frames};
use super::protocol::*;
use crate::interface::error::Result as CallResult;
use crate::interface::prelude::*;

use crate::interface::wire::{Wire, WireReader};
use std::os::unix::net::UnixStream;
use std::result::Result;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Locks that the other process holds.
type Held = Arc<Mutex<Vec<(String, u64)>>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves until the other process closes its end, then releases what it held.
pub(super) fn serve_services(stream: &UnixStream, services: &Arc<dyn HostServices>) {
    let held = Held::default();
    let Ok(sending) = stream.try_clone() else {
        return;
    };
    let sending = Arc::new(Mutex::new(sending));
    let mut frames = Frames::default();
    while let Ok((kind, payload)) = frames.next(stream, || true) {
        match kind {
            LOG => {
                let record = LogRecord::read(&mut WireReader::new(payload.as_slice()));
                match record {
                    Ok(record) => services.log(record),
                    Err(_) => break,
                }
            }
            IS_LOG_ENABLED => {
                if respond(kind, payload.as_slice(), services, &held, &sending).is_err() {
                    break;
                }
            }
            _ => {
                // These may wait: for a disk, or for whoever holds a lock.
                let (services, held) = (Arc::clone(services), Arc::clone(&held));
                let sending = Arc::clone(&sending);
                let started = std::thread::Builder::new()
                    .name("plugin-service".to_owned())
                    .spawn(move || {
                        // The other process has ended if it takes no response.
                        let _ = respond(kind, payload.as_slice(), &services, &held, &sending);
                    });
                if started.is_err() {
                    break;
                }
            }
        }
    }
    let _ = stream.shutdown(std::net::Shutdown::Both);
    for (grant_id, number) in std::mem::take(&mut *lock(&held)) {
        services.unlock_grant(&grant_id, number);
    }
}

fn respond(
    kind: u8,
    payload: &[u8],
    services: &Arc<dyn HostServices>,
    held: &Held,
    sending: &Mutex<UnixStream>,
) -> Result<(), Broken> {
    let mut reader = WireReader::new(payload);
    let number = u64::read(&mut reader)?;
    let frame = Frame::new(RESPONSE).with(&number);
    let frame = match kind {
        IS_LOG_ENABLED => {
            let level = LogLevel::read(&mut reader)?;
            frame.with_result(&CallResult::Ok(services.is_log_enabled(level)))
        }
        LOAD_GRANT => frame.with_result(&services.load_grant(&String::read(&mut reader)?)),
        STORE_GRANT => {
            let id = String::read(&mut reader)?;
            frame.with_result(&services.store_grant(&id, Grant::read(&mut reader)?))
        }
        LOCK_GRANT => {
            let id = String::read(&mut reader)?;
            let locked = services.lock_grant(&id, u64::read(&mut reader)?);
            if let Ok(number) = locked {
                lock(held).push((id, number));
            }
            frame.with_result(&locked)
        }
        UNLOCK_GRANT => {
            let id = String::read(&mut reader)?;
            let number = u64::read(&mut reader)?;
            let mut held = lock(held);
            let place = held.iter().position(|lock| *lock == (id.clone(), number));
            if let Some(place) = place {
                held.swap_remove(place);
                drop(held);
                services.unlock_grant(&id, number);
            }
            frame.with_result(&CallResult::Ok(()))
        }
        LOAD_RATE_STATE => {
            frame.with_result(&services.load_rate_state(&String::read(&mut reader)?))
        }
        STORE_RATE_STATE => {
            let budget = String::read(&mut reader)?;
            frame.with_result(&services.store_rate_state(&budget, RateState::read(&mut reader)?))
        }
        _ => return Err(Broken::Malformed),
    };
    frame.send(&lock(sending))
}
