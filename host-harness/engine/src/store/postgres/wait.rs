//! Waiting for the database in a thread that blocks, with a deadline.
//!
//! The connections live on a runtime of the store's own. Their futures need none to be
//! polled, so that also a thread of another runtime may wait here.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use tokio::runtime::{Handle, RuntimeFlavor};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// What a future gives; `None` if it does not within the limit.
pub(super) fn wait<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    let deadline = Instant::now() + limit;
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return Some(value);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        thread::park_timeout(left);
    }
}

/// Blocks without keeping the tasks of this thread's runtime waiting, where it can.
pub(super) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_ends_at_the_limit_or_with_what_another_thread_brings() {
        assert_eq!(
            wait(Duration::from_millis(10), std::future::pending::<()>()),
            None
        );
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let sending = thread::spawn(move || sender.send(7));
        let received = wait(Duration::from_secs(20), receiver);
        assert_eq!(received.unwrap().unwrap(), 7);
        assert!(sending.join().unwrap().is_ok());
    }
}
