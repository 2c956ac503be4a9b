//! Deadline and cancellation: asked before every request, between the chunks
//! of a body and while waiting.

use std::thread;
use std::time::{Duration, Instant};
use vcs_provider_interface::prelude::*;

/// How long a wait goes on before it asks again whether it is still wanted.
const SLICE: Duration = Duration::from_millis(25);

/// Fails if the caller has cancelled or the deadline has passed.
pub(crate) fn check(context: &dyn CallContext) -> Result<()> {
    if context.is_cancelled() {
        return Err(VcsError::new(
            ErrorKind::CANCELLED,
            "the caller cancelled the call",
        ));
    }
    if context.time_left() == Some(Duration::ZERO) {
        return Err(deadline_passed());
    }
    Ok(())
}

/// The error of a call whose deadline has passed.
pub(crate) fn deadline_passed() -> VcsError {
    VcsError::new(ErrorKind::TIMEOUT, "the call's deadline passed")
}

/// Waits, as long as the call is wanted.
///
/// # Errors
/// `Cancelled` or `Timeout`, at most a slice after it happened.
pub(crate) fn pause(context: &dyn CallContext, duration: Duration) -> Result<()> {
    let begun = Instant::now();
    loop {
        check(context)?;
        let Some(rest) = duration
            .checked_sub(begun.elapsed())
            .filter(|rest| !rest.is_zero())
        else {
            return Ok(());
        };
        let slice = context
            .time_left()
            .map_or(SLICE, |left| left.min(SLICE))
            .min(rest);
        thread::sleep(slice);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vcs_provider_interface::context::{Cancellation, HostCallContext};

    #[test]
    fn a_wait_ends_when_the_caller_cancels() {
        let switch = Cancellation::new();
        let context = HostCallContext::new("test").with_cancellation(switch.clone());
        let begun = Instant::now();
        let waiting = thread::spawn(move || pause(&context, Duration::from_secs(60)));
        switch.cancel();
        let result = waiting.join().expect("the waiting thread does not panic");
        assert_eq!(
            result.map_err(|error| error.kind),
            Err(ErrorKind::CANCELLED)
        );
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_wait_ends_at_the_deadline() {
        let context = HostCallContext::new("test").with_time_limit(Duration::from_millis(1));
        let result = pause(&context, Duration::from_secs(60));
        assert_eq!(result.map_err(|error| error.kind), Err(ErrorKind::TIMEOUT));
    }
}
