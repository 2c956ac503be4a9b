//! How often each step let a file through or rejected one.

use super::error::{LoadError, Reason, Step};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of a loader. Reading them does not stop it.
#[derive(Debug)]
pub(super) struct Counters {
    passed: [AtomicU64; Step::ALL.len()],
    rejected: [AtomicU64; Reason::ALL.len()],
    loaded: AtomicU64,
}

/// What was counted since the loader was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LoadCounts {
    /// Files that passed every step.
    pub loaded: u64,
    /// For each step, how many files it let through.
    pub passed: BTreeMap<&'static str, u64>,
    /// For each code, how many files it rejected; codes that rejected none are absent.
    pub rejected: BTreeMap<&'static str, u64>,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            passed: [const { AtomicU64::new(0) }; Step::ALL.len()],
            rejected: [const { AtomicU64::new(0) }; Reason::ALL.len()],
            loaded: AtomicU64::new(0),
        }
    }
}

impl Counters {
    /// Counts the outcome of a step.
    pub(super) fn count<T>(&self, step: Step, outcome: &Result<T, LoadError>) {
        match outcome {
            Ok(_) => self.passed[step as usize].fetch_add(1, Ordering::Relaxed),
            Err(error) => self.rejected[error.reason as usize].fetch_add(1, Ordering::Relaxed),
        };
    }

    /// Counts a file that passed every step.
    pub(super) fn count_loaded(&self) {
        self.loaded.fetch_add(1, Ordering::Relaxed);
    }

    /// What was counted.
    pub(super) fn snapshot(&self) -> LoadCounts {
        LoadCounts {
            loaded: self.loaded.load(Ordering::Relaxed),
            passed: Step::ALL
                .iter()
                .map(|step| {
                    let passed = self.passed[*step as usize].load(Ordering::Relaxed);
                    (step.name(), passed)
                })
                .collect(),
            rejected: Reason::ALL
                .iter()
                .map(|reason| {
                    let rejected = self.rejected[*reason as usize].load(Ordering::Relaxed);
                    (reason.code(), rejected)
                })
                .filter(|(_, rejected)| *rejected > 0)
                .collect(),
        }
    }
}
