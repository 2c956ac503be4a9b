//! A bar for long lists, on a terminal only.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// How far a list is. Dropping it clears the line.
pub(super) struct ListProgress {
    bar: ProgressBar,
}

impl ListProgress {
    /// Begins a bar; where standard error is no terminal, nothing is drawn.
    pub(super) fn new(what: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
            .with_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar }
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
        self.bar.finish_and_clear();
    }
}
