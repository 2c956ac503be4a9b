//! One renewal at a time: the first caller fetches, the others wait for what
//! it gets.

use crate::http::check_context;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use vcs_provider_interface::prelude::*;

/// How long a caller waits before it asks again whether it is still wanted.
const SLICE: Duration = Duration::from_millis(25);

/// A value that several threads use and one at a time renews.
pub(super) struct SingleFlight<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    value: Option<T>,
    renewing: bool,
    /// Counts failed renewals, so that those who waited for one get its error
    /// and do not all try themselves.
    failures: u64,
    last_failure: Option<VcsError>,
}

impl<T: Clone> SingleFlight<T> {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                value: None,
                renewing: false,
                failures: 0,
                last_failure: None,
            }),
            changed: Condvar::new(),
        }
    }

    /// The value if it is usable; otherwise what `renew` makes of the present
    /// one. At most one `renew` runs at a time, without a lock held.
    ///
    /// # Errors
    /// Those of `renew`, also to the callers that waited for it, except for a
    /// time-out or a cancellation, which is the renewing caller's own.
    pub(super) fn get(
        &self,
        context: &dyn CallContext,
        usable: impl Fn(&T) -> bool,
        renew: impl FnOnce(Option<T>) -> Result<T>,
    ) -> Result<T> {
        let mut state = self.lock();
        let failures = state.failures;
        loop {
            if let Some(value) = state.value.as_ref().filter(|value| usable(value)) {
                return Ok(value.clone());
            }
            if let Some(error) = state
                .last_failure
                .as_ref()
                .filter(|_| state.failures > failures)
            {
                return Err(error.clone());
            }
            if !state.renewing {
                break;
            }
            check_context(context)?;
            state = self
                .changed
                .wait_timeout(state, SLICE)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        state.renewing = true;
        let present = state.value.clone();
        drop(state);

        let flight = Flight(self);
        let result = renew(present);
        let mut state = self.lock();
        match &result {
            Ok(value) => state.value = Some(value.clone()),
            Err(error) if !is_callers_own(error) => {
                state.failures += 1;
                state.last_failure = Some(error.clone());
            }
            Err(_) => {}
        }
        drop(state);
        drop(flight);
        result
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_callers_own(error: &VcsError) -> bool {
    matches!(error.kind, ErrorKind::TIMEOUT | ErrorKind::CANCELLED)
}

/// Ends the renewal however it ended, so that nobody waits for ever.
struct Flight<'a, T: Clone>(&'a SingleFlight<T>);

impl<T: Clone> Drop for Flight<'_, T> {
    fn drop(&mut self) {
        self.0.lock().renewing = false;
        self.0.changed.notify_all();
    }
}
