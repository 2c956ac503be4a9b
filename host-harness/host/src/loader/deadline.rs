//! Calls that must not take longer than they may.

use std::sync::mpsc;
use std::time::Duration;

/// Why a call has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoResult {
    /// It took longer than the limit and still runs, on a thread that nobody
    /// waits for: code of a plugin cannot be stopped from outside.
    TimedOut,
    /// It panicked, or there was no thread to run it.
    Failed,
}

/// Runs a call on a thread of its own and waits for it at most this long.
///
/// # Errors
/// [`NoResult`].
pub fn within<T: Send + 'static>(
    limit: Duration,
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
    match receive.recv_timeout(limit) {
        Ok(result) => {
            // It has sent its result; joining leaves no thread behind.
            let _ = thread.join();
            Ok(result)
        }
        Err(mpsc::RecvTimeoutError::Timeout) => Err(NoResult::TimedOut),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(NoResult::Failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quick_call_gives_its_result() {
        assert_eq!(within(Duration::from_secs(10), "quick", || 7), Ok(7));
    }

    #[test]
    fn an_endless_call_is_given_up() {
        let (keep, never) = mpsc::channel::<()>();
        let result = within(Duration::from_millis(20), "endless", move || {
            never.recv().is_ok()
        });
        assert_eq!(result, Err(NoResult::TimedOut));
        drop(keep);
    }
}
