//! Retention: the runs of a deleted branch go some time after it, once, unless
//! the branch comes back; and expired records are purged.

use crate::clock::later;
use crate::engine::Engine;
use crate::evidence::Evidence;
use crate::store::{Cleanup, Result, StoreError};
use crate::subject::branch_subject;
use std::time::Duration;

/// How long deliveries and handled events are kept: far longer than any
/// service repeats a delivery.
const MEMORY: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The pauses of a clean-up that is put off; the last one is repeated.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 60 * 60),
    Duration::from_secs(6 * 60 * 60),
];

impl Engine {
    /// Carries out the clean-ups that are due, also those that came due while
    /// the engine was not running. Returns how many there were.
    ///
    /// Blocks; asks the service whether a branch is really gone, because news of
    /// its return may have been missed. Without an answer the clean-up is put off.
    ///
    /// # Errors
    /// The store's; what was not carried out is still planned.
    pub fn carry_out_due_cleanups(&self) -> Result<usize> {
        let mut carried_out = 0;
        for cleanup in self.store.due_cleanups(self.now())? {
            let subject = branch_subject(&cleanup.branch);
            if self
                .store
                .has_pending_events(cleanup.application, &subject)?
            {
                // The branch may be back.
                continue;
            }
            let application = match self.store.application_by_id(cleanup.application) {
                Ok(application) => application,
                // Unlinked meanwhile; the clean-up went with it.
                Err(StoreError::NotFound(_)) => continue,
                Err(error) => return Err(error),
            };
            // Another engine asks about it.
            let Some(_lease) = self.store.lease(&format!("cleanup:{}", cleanup.id))? else {
                continue;
            };
            let context = self.background("branch");
            match self.branch_exists(&context, &application, &cleanup.branch) {
                Evidence::Yes => {
                    self.store.cancel_cleanup(cleanup.id, self.now())?;
                    tracing::info!(
                        cleanup = cleanup.id,
                        branch = cleanup.branch,
                        "a deleted branch is back"
                    );
                }
                Evidence::No => {
                    if let Some(runs) = self.carry_out(&cleanup)? {
                        carried_out += 1;
                        tracing::info!(
                            cleanup = cleanup.id,
                            branch = cleanup.branch,
                            runs,
                            "the runs of a deleted branch are removed"
                        );
                    }
                }
                Evidence::Unknown(reason) => self.put_off(&cleanup, reason)?,
            }
        }
        Ok(carried_out)
    }

    /// Removes the runs of a branch. Returns how many there were, or `None` if
    /// that was done or cancelled meanwhile.
    fn carry_out(&self, cleanup: &Cleanup) -> Result<Option<usize>> {
        let (publisher, now) = (self.publisher(), self.now());
        let cleanup = cleanup.clone();
        let removed = self.store.transact_blocking(move |transaction| {
            let subject = branch_subject(&cleanup.branch);
            let application = transaction.application(cleanup.application)?;
            let has_news = transaction.has_pending_events(cleanup.application, &subject)?;
            if has_news || !transaction.end_cleanup(cleanup.id, now)? {
                return Ok(None);
            }
            let runs = transaction.runs_of_branch(cleanup.application, &cleanup.branch, None)?;
            for run in &runs {
                if let Some(application) = &application {
                    let reason = "the branch was deleted";
                    publisher.publish_removal(transaction, application, run, reason, now)?;
                }
                transaction.delete_run(run.id)?;
            }
            Ok(Some(runs.len()))
        })?;
        self.runs_changed();
        Ok(removed)
    }

    fn put_off(&self, cleanup: &Cleanup, reason: String) -> Result<()> {
        let tried = usize::try_from(cleanup.attempts).unwrap_or(usize::MAX);
        let pause = PAUSES[tried.min(PAUSES.len() - 1)];
        tracing::warn!(
            cleanup = cleanup.id,
            branch = cleanup.branch,
            reason,
            again_in_seconds = pause.as_secs(),
            "a clean-up is put off: nobody could say whether the branch is back"
        );
        let retry_at = later(self.now(), pause);
        self.store.put_off_cleanup(cleanup.id, reason, retry_at)
    }

    /// Purges what is too old to matter.
    ///
    /// # Errors
    /// The store's.
    pub fn purge_expired(&self) -> Result<usize> {
        // One engine at a time.
        let Some(_lease) = self.store.lease("purge")? else {
            return Ok(0);
        };
        let memory = i64::try_from(MEMORY.as_millis()).unwrap_or(i64::MAX);
        self.store.purge_before(self.now().saturating_sub(memory))
    }
}
