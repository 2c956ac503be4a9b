//! Catches panics before they reach the boundary, where they would end the process.

use crate::error::{ErrorKind, Result, VcsError};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether an instance of a provider has panicked. Shared by a server and its clients.
#[derive(Debug, Default)]
pub struct Poison(AtomicBool);

impl Poison {
    /// An instance that has not panicked.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it has panicked.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn poison(&self) {
        self.0.store(true, Ordering::Release);
    }
}

pub use crate::records::keys::POISONED;

thread_local! {
    static LAST_PANIC_PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Makes panics in this image silent and keeps where they happened: the message
/// of a panic may quote a secret, its place does not.
///
/// Called when a host takes the module out of a loaded library, whose image has
/// a hook of its own; the host's is not touched. A provider that is linked into
/// a program, such as a test of its author, leaves the program's hook alone, so
/// that a failed assertion shows its text.
pub fn remember_panic_places() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic
                .location()
                .map(|location| format!("{}:{}", file_name(location.file()), location.line()));
            LAST_PANIC_PLACE.with(|last| *last.borrow_mut() = place);
        }));
    });
}

/// The path of a source file without the folders of the machine it was built on.
fn file_name(path: &str) -> &str {
    path.rfind("/src/").map_or(path, |start| &path[start + 1..])
}

fn last_panic_place() -> String {
    LAST_PANIC_PLACE
        .with(|last| last.borrow_mut().take())
        .map_or_else(String::new, |place| format!(" at {place}"))
}

/// Runs a method of a provider.
///
/// # Errors
/// What the method returns; `Internal` if it panics now or has panicked before.
pub fn guarded<T>(poison: &Poison, what: &str, body: impl FnOnce() -> Result<T>) -> Result<T> {
    if poison.is_poisoned() {
        return Err(VcsError::new(
            ErrorKind::INTERNAL,
            format!("{what} was not called: this instance of the provider panicked before"),
        )
        .with_extra(POISONED, what));
    }
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(result) => result,
        Err(payload) => {
            poison.poison();
            forget_payload(payload);
            let place = last_panic_place();
            Err(VcsError::new(
                ErrorKind::INTERNAL,
                format!(
                    "the provider panicked in {what}{place}; this instance of it takes no more calls"
                ),
            )
            .with_extra(POISONED, what))
        }
    }
}

/// Runs something of the host that a provider calls back, such as a sink. The
/// provider is not to blame for a panic there, so nothing is poisoned.
///
/// # Errors
/// What the body returns; `Internal` if it panics.
pub fn guarded_callback<T>(what: &str, body: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| {
        forget_payload(payload);
        let place = last_panic_place();
        Err(VcsError::new(
            ErrorKind::INTERNAL,
            format!("the host panicked in its {what}{place}"),
        ))
    })
}

/// Runs something that cannot report an error, such as a drop.
pub fn guarded_drop(poison: &Poison, body: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(body)) {
        poison.poison();
        forget_payload(payload);
    }
}

/// A payload's own drop may panic outside of every guard, so it is left in memory.
fn forget_payload(payload: Box<dyn std::any::Any + Send>) {
    std::mem::forget(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_internal_error_and_poisons() {
        let poison = Poison::new();
        assert_eq!(guarded(&poison, "first", || Ok(1)), Ok(1));
        let error = guarded::<()>(&poison, "second", || panic!("hunter2")).unwrap_err();
        assert_eq!(error.kind, ErrorKind::INTERNAL);
        assert!(error.message.contains("second"), "{}", error.message);
        assert!(!error.message.contains("hunter2"), "{}", error.message);
        assert!(poison.is_poisoned());
        let error = guarded(&poison, "third", || Ok(1)).unwrap_err();
        assert!(
            error.message.contains("panicked before"),
            "{}",
            error.message
        );
    }

    #[test]
    fn a_panicking_drop_is_caught() {
        let poison = Poison::new();
        guarded_drop(&poison, || panic!("in drop"));
        assert!(poison.is_poisoned());
    }
}
