//! Calls that must not take longer than they may.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How soon a wait notices that the host stops.
const NOTICE: Duration = Duration::from_millis(50);

/// Tells every wait for a plugin to end, because the host stops. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct StopSwitch(Arc<AtomicBool>);

impl StopSwitch {
    /// Ends all waits, now and from now on.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether [`StopSwitch::stop`] was called.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Why a call has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoResult {
    /// It took longer than the limit and still runs, on a thread that nobody
    /// waits for: code of a plugin cannot be stopped from outside.
    TimedOut,
    /// The host stops; it still runs as well.
    Stopped,
    /// It panicked, or there was no thread to run it.
    Failed,
}

/// Runs a call on a thread of its own and waits for it at most this long, or
/// until the host stops.
///
/// # Errors
/// [`NoResult`].
pub fn within<T: Send + 'static>(
    limit: Duration,
    stop: &StopSwitch,
    name: &str,
    call: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NoResult> {
    let (send, receive) = mpsc::sync_channel(1);
    let thread = std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            // Nobody listens any more after a time-out; then the result is dropped here.
            let _ = send.send(call());
        });
    let Ok(thread) = thread else {
        return Err(NoResult::Failed);
    };
    let begun = Instant::now();
    loop {
        if stop.is_stopped() {
            return Err(NoResult::Stopped);
        }
        let left = limit.saturating_sub(begun.elapsed());
        match receive.recv_timeout(left.min(NOTICE)) {
            Ok(result) => {
                // It has sent its result; joining leaves no thread behind.
                let _ = thread.join();
                return Ok(result);
            }
            Err(mpsc::RecvTimeoutError::Timeout) if left.is_zero() => {
                return Err(NoResult::TimedOut);
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => return Err(NoResult::Failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_quick_call_gives_its_result() {
        let stop = StopSwitch::default();
        assert_eq!(within(LONG, &stop, "quick", || 7), Ok(7));
    }

    #[test]
    fn an_endless_call_is_given_up() {
        let (keep, never) = mpsc::channel::<()>();
        let stop = StopSwitch::default();
        let result = within(Duration::from_millis(20), &stop, "endless", move || {
            never.recv().is_ok()
        });
        assert_eq!(result, Err(NoResult::TimedOut));
        drop(keep);
    }

    #[test]
    fn a_host_that_stops_waits_for_nothing() {
        let (keep, never) = mpsc::channel::<()>();
        let (begun, is_running) = mpsc::channel();
        let stop = StopSwitch::default();
        let waiting = std::thread::spawn({
            let stop = stop.clone();
            move || {
                within(LONG, &stop, "endless", move || {
                    let _ = begun.send(());
                    never.recv().is_ok()
                })
            }
        });
        is_running.recv().unwrap();
        stop.stop();
        assert_eq!(waiting.join().unwrap(), Err(NoResult::Stopped));
        drop(keep);
    }
}
