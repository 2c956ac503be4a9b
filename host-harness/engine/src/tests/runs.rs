//! Runs as a CI works with them.

use super::{TestEngine, hash};
use crate::events::rules::tests::branch_event;
use crate::runs::{ClaimRequest, Report};
use crate::store::{Application, ApplicationOptions, Run, StoreError};
use std::time::Duration;
use vcs_provider_interface::records::BuildState;

/// An engine with one run that waits.
fn waiting() -> (TestEngine, Application, Run) {
    let test = TestEngine::new();
    let app = test.linked();
    test.deliver(&app, "1", &[branch_event("main", None, Some(&hash('b')))]);
    test.work();
    let run = test.runs(&app).remove(0);
    (test, app, run)
}

fn report(state: BuildState) -> Report {
    Report {
        state,
        ..Report::default()
    }
}

fn by(worker: &str) -> ClaimRequest {
    ClaimRequest {
        worker: worker.to_owned(),
        lease_seconds: 60,
        lease: None,
    }
}

#[test]
fn a_run_is_claimed_by_one_worker() {
    let (test, app, run) = waiting();
    let engine = &test.engine;
    let claimed = engine.claim_run(None, None, &by("one")).unwrap().unwrap();
    assert_eq!((claimed.run.id, &*claimed.run.state), (run.id, "Building"));
    assert_eq!(engine.claim_run(None, None, &by("two")).unwrap(), None);
    let other = engine.claim_run(Some(app.id), Some(run.id), &by("two"));
    assert!(matches!(other, Err(StoreError::Conflict(_))), "{other:?}");
    // Nobody else reports on it either.
    let other = engine.report_run(app.id, run.id, report(BuildState::SUCCESS));
    assert!(matches!(other, Err(StoreError::Conflict(_))), "{other:?}");
    let own = Report {
        lease: Some(claimed.lease),
        ..report(BuildState::SUCCESS)
    };
    let ended = engine.report_run(app.id, run.id, own).unwrap();
    assert_eq!((&*ended.state, ended.worker), ("Success", None));
}

#[test]
fn a_claim_that_is_not_renewed_ends_and_the_run_waits_again() {
    let (test, app, run) = waiting();
    let engine = &test.engine;
    let first = engine.claim_run(None, None, &by("one")).unwrap().unwrap();
    test.clock.advance(Duration::from_secs(50));
    let renewal = ClaimRequest {
        lease: Some(first.lease.clone()),
        ..by("one")
    };
    engine
        .claim_run(Some(app.id), Some(run.id), &renewal)
        .unwrap()
        .unwrap();
    test.clock.advance(Duration::from_secs(50));
    assert_eq!(engine.end_leases().unwrap(), 0);
    test.clock.advance(Duration::from_secs(10));
    assert_eq!(engine.end_leases().unwrap(), 1);
    assert_eq!(test.runs(&app)[0].state, "Waiting");
    let second = engine.claim_run(None, None, &by("two")).unwrap().unwrap();
    assert_ne!(second.lease, first.lease);
}

#[test]
fn a_run_that_has_ended_stays_so() {
    let (test, app, run) = waiting();
    let engine = &test.engine;
    for state in [
        BuildState::BUILDING,
        BuildState::SUCCESS,
        BuildState::SUCCESS,
    ] {
        engine.report_run(app.id, run.id, report(state)).unwrap();
    }
    let late = engine.report_run(app.id, run.id, report(BuildState::BUILDING));
    assert!(matches!(late, Err(StoreError::Conflict(_))), "{late:?}");
    assert!(engine.cancel_run(app.id, run.id).is_err());
    assert!(engine.claim_run(None, Some(run.id), &by("one")).is_err());
    assert_eq!(test.runs(&app)[0].state, "Success");
}

#[test]
fn a_cancelled_run_is_not_to_be_had() {
    let (test, app, run) = waiting();
    let cancelled = test.engine.cancel_run(app.id, run.id).unwrap();
    assert_eq!(cancelled.state, "Cancelled");
    assert_eq!(test.engine.claim_run(None, None, &by("one")).unwrap(), None);
}

#[test]
fn a_run_of_another_application_is_not_reported_on() {
    let (test, _, run) = waiting();
    let other = test.try_link("other").unwrap().application;
    let result = test
        .engine
        .report_run(other.id, run.id, report(BuildState::SUCCESS));
    assert!(matches!(result, Err(StoreError::NotFound(_))), "{result:?}");
}

#[test]
fn a_newer_push_supersedes_runs_that_nobody_has_begun_where_it_is_asked_for() {
    let test = TestEngine::new();
    let app = test.linked_with(ApplicationOptions {
        supersede: true,
        ..ApplicationOptions::default()
    });
    let hashes = ['a', 'b', 'c'].map(hash);
    test.deliver(&app, "1", &[branch_event("main", None, Some(&hashes[0]))]);
    test.work();
    let begun = test.engine.claim_run(None, None, &by("one")).unwrap();
    test.deliver(
        &app,
        "2",
        &[
            branch_event("main", Some(&hashes[0]), Some(&hashes[1])),
            branch_event("other", None, Some(&hashes[1])),
            branch_event("main", Some(&hashes[1]), Some(&hashes[2])),
        ],
    );
    test.work();
    let runs = test.runs(&app);
    let states: Vec<_> = runs.iter().map(|run| &*run.state).collect();
    assert_eq!(states, ["Building", "Cancelled", "Waiting", "Waiting"]);
    assert_eq!(runs[1].superseded_by, Some(runs[3].id));
    assert_eq!(begun.unwrap().run.id, runs[0].id);
}
