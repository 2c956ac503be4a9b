//! The latest rejected deliveries: why, and for which hook.
//!
//! Kept in memory and bounded, since anybody can send something wrong.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many are kept.
const KEPT: usize = 200;

/// How much of a hook's id is shown: the whole is what makes its address
/// unguessable.
const SHOWN_OF_HOOK: usize = 8;

/// A delivery that was rejected.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RejectedDelivery {
    /// When.
    pub at: i64,
    /// The beginning of the id in the hook's address.
    pub hook: String,
    /// Why.
    pub reason: String,
}

/// The latest rejected deliveries, and how many there were for each reason.
#[derive(Debug, Default)]
pub struct RejectionLog(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    latest: VecDeque<RejectedDelivery>,
    counts: BTreeMap<&'static str, u64>,
}

impl RejectionLog {
    /// Keeps a rejection. `code` is one of few words, `reason` a sentence.
    pub fn add(&self, at: i64, hook: &str, code: &'static str, reason: &str) {
        let mut kept = self.lock();
        *kept.counts.entry(code).or_default() += 1;
        if kept.latest.len() == KEPT {
            kept.latest.pop_back();
        }
        kept.latest.push_front(RejectedDelivery {
            at,
            hook: shown_hook(hook),
            reason: reason.chars().take(300).collect(),
        });
    }

    /// The latest ones, newest first.
    #[must_use]
    pub fn latest(&self) -> Vec<RejectedDelivery> {
        self.lock().latest.iter().cloned().collect()
    }

    /// How many there were for each reason since the start.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.lock().counts.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A hook's id as it may be shown.
#[must_use]
pub fn shown_hook(id: &str) -> String {
    id.chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        .take(SHOWN_OF_HOOK)
        .collect()
}
