//! What comes with every call: how long it may take, whether it is still
//! wanted, and how to name it in logs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The circumstances of one call.
///
/// The host implements it, the provider asks it. A provider asks before every
/// request, between the chunks of a body and while it waits; it may ask from
/// several threads at once. The reference is valid until the method returns.
pub trait CallContext: Send + Sync {
    /// The time that is left before the deadline; `None` means no deadline.
    /// `Some(Duration::ZERO)` means that it has passed.
    fn time_left(&self) -> Option<Duration>;

    /// Whether the caller no longer wants the result.
    fn is_cancelled(&self) -> bool;

    /// The caller's name for this call, for logs. Not a secret.
    fn request_id(&self) -> String;

    /// Whether values that the provider remembers must be asked for again.
    fn bypass_cache(&self) -> bool {
        false
    }
}

/// A switch that cancels every call that carries it. Clones share the switch.
#[derive(Clone, Debug, Default)]
pub struct Cancellation(Arc<AtomicBool>);

impl Cancellation {
    /// A switch that has not been thrown.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels; it cannot be undone.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it has been thrown.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The host's ready-made [`CallContext`]: a deadline on the monotonic clock, a
/// switch and a name.
#[derive(Clone, Debug, Default)]
pub struct HostCallContext {
    deadline: Option<Instant>,
    cancellation: Cancellation,
    request_id: String,
    bypass_cache: bool,
}

impl HostCallContext {
    /// A context without deadline under this name.
    #[must_use]
    pub fn new(request_id: impl Into<String>) -> Self {
        Self {
            request_id: request_id.into(),
            ..Self::default()
        }
    }

    /// The same context with a deadline this far from now.
    #[must_use]
    pub fn with_time_limit(mut self, limit: Duration) -> Self {
        self.deadline = Instant::now().checked_add(limit);
        self
    }

    /// The same context, cancelled by this switch.
    #[must_use]
    pub fn with_cancellation(mut self, cancellation: Cancellation) -> Self {
        self.cancellation = cancellation;
        self
    }

    /// The same context, for which nothing remembered may be used.
    #[must_use]
    pub fn bypassing_cache(mut self) -> Self {
        self.bypass_cache = true;
        self
    }
}

impl CallContext for HostCallContext {
    fn time_left(&self) -> Option<Duration> {
        self.deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    fn is_cancelled(&self) -> bool {
        self.cancellation.is_cancelled()
    }

    fn request_id(&self) -> String {
        self.request_id.clone()
    }

    fn bypass_cache(&self) -> bool {
        self.bypass_cache
    }
}
