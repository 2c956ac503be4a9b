//! A bar for whatever takes more than a second, on a terminal only.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

/// What is quicker than this needs no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// How far a list is. Dropping it clears the line.
pub(super) struct ListProgress {
    bar: ProgressBar,
    appearing: Option<(Sender<()>, JoinHandle<()>)>,
}

impl ListProgress {
    /// Begins a bar, which appears after a second; where standard error is no
    /// terminal, nothing is drawn.
    pub(super) fn new(what: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())
            .with_message(what.to_owned());
        let (done, waiting) = mpsc::channel();
        let appearing = bar.clone();
        let thread = std::thread::Builder::new()
            .name("progress".to_owned())
            .spawn(move || {
                if waiting.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                    appearing.set_draw_target(ProgressDrawTarget::stderr());
                    appearing.enable_steady_tick(Duration::from_millis(200));
                }
            });
        Self {
            bar,
            // Without a thread there is no bar, and nothing else is missing.
            appearing: thread.ok().map(|thread| (done, thread)),
        }
    }

    /// Counts a page.
    pub(super) fn page(&self, items: usize, total: Option<u64>) {
        if let Some(total) = total.filter(|total| self.bar.length() != Some(*total)) {
            self.bar.set_length(total);
            if let Ok(style) =
                ProgressStyle::with_template("{spinner} {msg} {wide_bar} {pos}/{len} {eta}")
            {
                self.bar.set_style(style);
            }
        }
        self.bar.inc(items as u64);
    }
}

impl Drop for ListProgress {
    fn drop(&mut self) {
        if let Some((done, thread)) = self.appearing.take() {
            drop(done);
            // A thread that panicked has drawn nothing that is left to clear.
            let _ = thread.join();
        }
        self.bar.finish_and_clear();
    }
}
