//! Retention: the runs of a deleted branch go some time after it, once, unless
//! the branch comes back; and old news is purged.

use crate::engine::Engine;
use crate::events::rules::branch_subject;
use crate::store::{Cleanup, Result};
use std::time::Duration;
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::records::BranchRequest;

/// How long deliveries and handled events are kept: far longer than any
/// service repeats a delivery.
const MEMORY: Duration = Duration::from_secs(30 * 24 * 60 * 60);

impl Engine {
    /// Carries out the clean-ups that are due, also those that came due while
    /// the engine was not running. Returns how many there were.
    ///
    /// Blocks; asks the service whether a branch is really gone, because news of
    /// its return may have been missed.
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
            if self.is_back(&cleanup)? {
                self.store.cancel_cleanup(cleanup.id, self.now())?;
                tracing::info!(branch = cleanup.branch, "a deleted branch is back");
            } else if let Some(runs) = self.store.carry_out_cleanup(cleanup.id, self.now())? {
                carried_out += 1;
                tracing::info!(
                    branch = cleanup.branch,
                    runs,
                    "the runs of a deleted branch are gone"
                );
            }
        }
        Ok(carried_out)
    }

    /// Forgets what is too old to matter.
    ///
    /// # Errors
    /// The store's.
    pub fn purge_expired(&self) -> Result<usize> {
        let memory = i64::try_from(MEMORY.as_millis()).unwrap_or(i64::MAX);
        self.store.purge_before(self.now().saturating_sub(memory))
    }

    /// Whether the service has the branch again. A service that cannot be asked
    /// leaves it at what the event said.
    fn is_back(&self, cleanup: &Cleanup) -> Result<bool> {
        let application = self.store.application_by_id(cleanup.application)?;
        let request = BranchRequest {
            repo: application.repo.clone(),
            name: Some(cleanup.branch.clone()),
            ..Default::default()
        };
        let context = self.background("branch");
        let found = self
            .client_of(&application)
            .and_then(|client| client.branch(&context, request));
        match found {
            Ok(branch) => Ok(branch.display_id == cleanup.branch),
            Err(error) => {
                log_unasked(cleanup, &error);
                Ok(false)
            }
        }
    }
}

fn log_unasked(cleanup: &Cleanup, error: &VcsError) {
    if error.kind != ErrorKind::NOT_FOUND {
        tracing::warn!(
            branch = cleanup.branch,
            %error,
            "the service could not be asked whether a deleted branch is back"
        );
    }
}
