//! What a CI does with runs: reporting their state, claiming one with a lease,
//! cancelling; and claims that end by themselves.

use super::state::{WAITING, has_ended, may_follow};
use crate::clock::later;
use crate::engine::Engine;
use crate::random;
use crate::store::{Lease, Result, Run, StoreError, Transaction};
use std::time::Duration;
use vcs_provider_interface::records::BuildState;

/// What a worker says of a run.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The new state.
    #[schema(value_type = String, pattern = "^(Waiting|Checking|Building|Success|Fail|Stopped|Cancelled|Skipped|Disabled|NeverBuilt)$")]
    pub state: BuildState,
    /// A sentence for people.
    #[serde(default)]
    pub description: String,
    /// The number of the pull request that the run belongs to.
    pub pull_request: Option<u64>,
    /// What the worker got when it claimed the run; wanted while a claim holds.
    pub lease: Option<String>,
}

/// A worker's wish for a run, or for more time with one.
#[derive(Debug, Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimRequest {
    /// The worker's name.
    #[schema(min_length = 1, max_length = 200)]
    pub worker: String,
    /// How long the claim holds unless it is renewed; from 1 second to a day.
    #[serde(default = "default_lease_seconds")]
    pub lease_seconds: u64,
    /// What the worker got when it claimed the run, to renew its claim.
    pub lease: Option<String>,
}

fn default_lease_seconds() -> u64 {
    300
}

impl ClaimRequest {
    fn duration(&self) -> Duration {
        Duration::from_secs(self.lease_seconds.clamp(1, 24 * 60 * 60))
    }
}

/// A run that a worker has claimed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ClaimedRun {
    /// The run.
    pub run: Run,
    /// What the worker shows to report and to renew.
    pub lease: String,
}

impl Engine {
    /// Gives a run of an application a new state and queues what the service is
    /// told of it, both or neither. Blocks for the disk only.
    ///
    /// # Errors
    /// `NotFound` if the application has no such run; `Conflict` if the run has
    /// ended in another state, or another worker's claim holds.
    pub fn report_run(&self, application: i64, run: i64, report: Report) -> Result<Run> {
        let (publisher, now) = (self.publisher(), self.now());
        let state = report.state.to_string();
        let reported = self.store.transact_blocking(move |transaction| {
            let (application, found) = run_of(transaction, application, run)?;
            check_lease(&found, report.lease.as_deref(), now)?;
            if !may_follow(&found.state, &state) {
                return Err(StoreError::Conflict(format!(
                    "run {run} has ended with {}; it does not become {state}",
                    found.state
                )));
            }
            if let Some(pull_request) = report.pull_request {
                transaction.attach_pull_request(run, pull_request)?;
            }
            transaction.set_run_state(run, &state, &report.description, now)?;
            if has_ended(&state) {
                transaction.set_lease(run, None)?;
            }
            let changed = transaction.run(run)?;
            publisher.publish(transaction, &application, &changed, now)?;
            Ok(changed)
        })?;
        tracing::info!(
            run = reported.id,
            event = reported.event,
            state = reported.state,
            "a run was reported on"
        );
        self.runs_changed();
        Ok(reported)
    }

    /// Gives a run to a worker: this one, or the oldest that waits of an
    /// application or of any. `None` if none waits. Blocks for the disk only.
    ///
    /// # Errors
    /// `NotFound` if there is no such run; `Conflict` if it is not to be had.
    pub fn claim_run(
        &self,
        application: Option<i64>,
        run: Option<i64>,
        request: &ClaimRequest,
    ) -> Result<Option<ClaimedRun>> {
        let (publisher, now) = (self.publisher(), self.now());
        let fresh = random::name().map_err(|error| StoreError::Failed(error.to_string()))?;
        let request = request.clone();
        let claimed = self.store.transact_blocking(move |transaction| {
            let found = match (run, application) {
                (Some(run), Some(application)) => run_of(transaction, application, run)?.1,
                (Some(run), None) => {
                    let owner = transaction.run(run)?.application;
                    run_of(transaction, owner, run)?.1
                }
                (None, _) => match next_of(transaction, application)? {
                    Some(found) => found,
                    None => return Ok(None),
                },
            };
            let renews = found.lease.is_some() && found.lease == request.lease;
            if has_ended(&found.state) {
                return Err(StoreError::Conflict(format!(
                    "run {} has ended with {}",
                    found.id, found.state
                )));
            }
            if !renews {
                check_lease(&found, None, now)?;
            }
            let lease = Lease {
                worker: request.worker.clone(),
                token: match &request.lease {
                    Some(shown) if renews => shown.clone(),
                    _ => fresh.clone(),
                },
                until: later(now, request.duration()),
            };
            transaction.set_lease(found.id, Some(&lease))?;
            if !renews {
                let building = BuildState::BUILDING.to_string();
                transaction.set_run_state(found.id, &building, "", now)?;
            }
            let changed = transaction.run(found.id)?;
            if let Some(application) = transaction.application(changed.application)? {
                publisher.publish(transaction, &application, &changed, now)?;
            }
            Ok(Some(ClaimedRun {
                run: changed,
                lease: lease.token,
            }))
        })?;
        if let Some(claimed) = &claimed {
            let (run, worker) = (claimed.run.id, &claimed.run.worker);
            tracing::info!(run, worker, "a run was claimed");
            self.runs_changed();
        }
        Ok(claimed)
    }

    /// Ends a run that has not ended yet. Its worker learns of it with its next
    /// report. Blocks for the disk only.
    ///
    /// # Errors
    /// `NotFound` if the application has no such run; `Conflict` if it has ended.
    pub fn cancel_run(&self, application: i64, run: i64) -> Result<Run> {
        let (publisher, now) = (self.publisher(), self.now());
        let cancelled = self.store.transact_blocking(move |transaction| {
            let (application, found) = run_of(transaction, application, run)?;
            let state = BuildState::CANCELLED.to_string();
            if !may_follow(&found.state, &state) {
                return Err(StoreError::Conflict(format!(
                    "run {run} has ended with {}",
                    found.state
                )));
            }
            transaction.set_run_state(run, &state, "cancelled", now)?;
            transaction.set_lease(run, None)?;
            let changed = transaction.run(run)?;
            publisher.publish(transaction, &application, &changed, now)?;
            Ok(changed)
        })?;
        tracing::info!(run, "a run was cancelled");
        self.runs_changed();
        Ok(cancelled)
    }

    /// Has runs whose worker did not renew its claim wait for another one.
    /// Returns how many there were. Blocks for the disk only.
    ///
    /// # Errors
    /// The store's.
    pub fn end_leases(&self) -> Result<usize> {
        let now = self.now();
        if self.store.next_lease_end()?.is_none_or(|end| end > now) {
            return Ok(0);
        }
        let publisher = self.publisher();
        let ended = self.store.transact_blocking(move |transaction| {
            let mut ended = Vec::new();
            for run in transaction.runs_with_ended_lease(now)? {
                let Some(application) = transaction.application(run.application)? else {
                    continue;
                };
                let run = transaction.run(run.id)?;
                if run.lease_until.is_none_or(|until| until > now) {
                    // Another engine was quicker, or the worker came back.
                    continue;
                }
                transaction.set_lease(run.id, None)?;
                if !has_ended(&run.state) {
                    let worker = run.worker.as_deref().unwrap_or_default();
                    let description = format!("worker {worker} was not heard of; waiting again");
                    let waiting = WAITING.to_string();
                    transaction.set_run_state(run.id, &waiting, &description, now)?;
                    let changed = transaction.run(run.id)?;
                    publisher.publish(transaction, &application, &changed, now)?;
                    ended.push((run.id, worker.to_owned()));
                }
            }
            Ok(ended)
        })?;
        for (run, worker) in &ended {
            tracing::warn!(
                run,
                worker,
                "a worker's claim has ended; the run waits again"
            );
        }
        if !ended.is_empty() {
            self.runs_changed();
        }
        Ok(ended.len())
    }
}

/// The oldest run that nobody has claimed: of one application, or of any.
fn next_of(transaction: &Transaction<'_>, application: Option<i64>) -> Result<Option<Run>> {
    let waiting = WAITING.to_string();
    loop {
        let Some(found) = transaction.next_unclaimed_run(application, &waiting)? else {
            return Ok(None);
        };
        // Somebody else may have claimed it before its application was held.
        transaction.application(found.application)?;
        let found = transaction.next_unclaimed_run(Some(found.application), &waiting)?;
        if found.is_some() {
            return Ok(found);
        }
    }
}

/// A run of an application, with the application.
fn run_of(
    transaction: &Transaction<'_>,
    application: i64,
    run: i64,
) -> Result<(crate::store::Application, Run)> {
    // First the application: nobody else changes its runs from then on.
    let owner = transaction.application(application)?;
    let found = transaction.run(run)?;
    match owner {
        Some(owner) if found.application == owner.id => Ok((owner, found)),
        _ => Err(StoreError::NotFound(format!(
            "the application has no run {run}"
        ))),
    }
}

/// Lets the worker that holds the claim through, or anybody if none holds.
fn check_lease(run: &Run, shown: Option<&str>, now: i64) -> Result<()> {
    let holds = run.lease_until.is_some_and(|until| until > now);
    if !holds || run.lease.as_deref() == shown {
        return Ok(());
    }
    Err(StoreError::Conflict(format!(
        "run {} is claimed by worker {}; show its lease",
        run.id,
        run.worker.as_deref().unwrap_or_default()
    )))
}
