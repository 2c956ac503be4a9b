//! What becomes of the runs of a deleted branch.

use super::{HOUR, TestEngine, hash};
use crate::events::rules::tests::branch_event;
use crate::store::Application;
use std::time::Duration;
use vcs_provider_interface::error::{ErrorKind, VcsError};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// An engine with a run on `gone`, which is deleted then, and one on `stays`.
fn deleted() -> (TestEngine, Application) {
    let test = TestEngine::new();
    let app = test.linked();
    let events = [
        branch_event("gone", None, Some(&hash('a'))),
        branch_event("stays", None, Some(&hash('a'))),
        branch_event("gone", Some(&hash('a')), None),
    ];
    test.deliver(&app, "1", &events);
    test.work();
    assert_eq!(test.runs(&app).len(), 2);
    (test, app)
}

fn branches(test: &TestEngine, app: &Application) -> Vec<String> {
    let mut branches: Vec<_> = test.runs(app).into_iter().map(|run| run.branch).collect();
    branches.sort();
    branches
}

#[test]
fn the_runs_of_a_deleted_branch_go_after_a_day_and_not_before() {
    let (test, app) = deleted();
    test.clock.advance(DAY - Duration::from_secs(1));
    assert_eq!(test.engine.carry_out_due_cleanups().unwrap(), 0);
    assert_eq!(branches(&test, &app), ["gone", "stays"]);
    test.clock.advance(Duration::from_secs(1));
    assert_eq!(test.engine.carry_out_due_cleanups().unwrap(), 1);
    assert_eq!(branches(&test, &app), ["stays"]);
    assert_eq!(test.engine.carry_out_due_cleanups().unwrap(), 0);
}

#[test]
fn an_overdue_clean_up_runs_after_a_restart() {
    let (test, app) = deleted();
    test.clock.advance(3 * DAY);
    let test = test.restarted();
    assert_eq!(test.engine.carry_out_due_cleanups().unwrap(), 1);
    assert_eq!(branches(&test, &app), ["stays"]);
}

#[test]
fn a_branch_that_comes_back_keeps_its_runs() {
    let (test, app) = deleted();
    test.clock.advance(20 * HOUR);
    test.deliver(&app, "2", &[branch_event("gone", None, Some(&hash('a')))]);
    test.work();
    test.clock.advance(2 * DAY);
    assert_eq!(test.engine.carry_out_due_cleanups().unwrap(), 0);
    assert_eq!(branches(&test, &app), ["gone", "gone", "stays"]);
}

#[test]
fn a_branch_deleted_again_gets_a_new_day() {
    let (test, app) = deleted();
    test.clock.advance(20 * HOUR);
    let events = [
        branch_event("gone", None, Some(&hash('b'))),
        branch_event("gone", Some(&hash('b')), None),
    ];
    test.deliver(&app, "2", &events);
    test.work();
    test.clock.advance(20 * HOUR);
    assert_eq!(test.engine.carry_out_due_cleanups().unwrap(), 0);
    test.clock.advance(4 * HOUR);
    assert_eq!(test.engine.carry_out_due_cleanups().unwrap(), 1);
    assert_eq!(branches(&test, &app), ["stays"]);
}

#[test]
fn news_of_a_push_that_comes_after_its_branch_s_deletion_does_not_keep_the_runs() {
    let (test, app) = deleted();
    let late = branch_event("gone", Some(&hash('0')), Some(&hash('a')));
    test.deliver(&app, "2", &[late]);
    test.work();
    test.clock.advance(DAY);
    assert_eq!(test.engine.carry_out_due_cleanups().unwrap(), 1);
    assert_eq!(branches(&test, &app), ["stays"]);
}

#[test]
fn a_branch_that_the_service_has_again_keeps_its_runs_though_the_news_was_missed() {
    let (test, app) = deleted();
    let mut there = test.service.branches.lock().unwrap();
    there.insert("gone".to_owned(), hash('c'));
    drop(there);
    test.clock.advance(DAY);
    assert_eq!(test.engine.carry_out_due_cleanups().unwrap(), 0);
    assert_eq!(branches(&test, &app), ["gone", "stays"]);
    assert!(
        test.engine
            .store
            .planned_cleanups(app.id)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_clean_up_waits_for_news_of_its_branch_that_is_not_worked_on_yet() {
    let (test, app) = deleted();
    test.clock.advance(DAY);
    test.deliver(&app, "2", &[branch_event("gone", None, Some(&hash('a')))]);
    assert_eq!(test.engine.carry_out_due_cleanups().unwrap(), 0);
    test.work();
    assert_eq!(test.engine.carry_out_due_cleanups().unwrap(), 0);
    assert_eq!(branches(&test, &app), ["gone", "gone", "stays"]);
}

/// Situation `clean-up-in-outage`.
#[test]
fn a_clean_up_is_put_off_while_nobody_can_say_whether_the_branch_is_back() {
    let (test, app) = deleted();
    test.clock.advance(DAY);
    let down = VcsError::new(ErrorKind::UNAVAILABLE, "no connection");
    let revoked = VcsError::new(ErrorKind::UNAUTHENTICATED, "revoked");
    for (attempts, error) in [(1, down), (2, revoked)] {
        test.service.fail_next(error.clone());
        assert_eq!(test.engine.carry_out_due_cleanups().unwrap(), 0);
        // Not asked again at once.
        assert_eq!(test.engine.carry_out_due_cleanups().unwrap(), 0);
        let planned = test.engine.store.planned_cleanups(app.id).unwrap();
        assert_eq!((planned.len(), planned[0].attempts), (1, attempts));
        assert!(planned[0].note.as_ref().unwrap().contains(&error.message));
        test.clock.advance(HOUR);
    }
    assert_eq!(branches(&test, &app), ["gone", "stays"]);
    assert_eq!(test.engine.carry_out_due_cleanups().unwrap(), 1);
    assert_eq!(branches(&test, &app), ["stays"]);
}

#[test]
fn a_repository_that_cannot_be_seen_is_no_deleted_branch() {
    let (test, app) = deleted();
    test.clock.advance(DAY);
    let mut hidden = test.service.hidden.lock().unwrap();
    hidden.push("ws/app".to_owned());
    drop(hidden);
    assert_eq!(test.engine.carry_out_due_cleanups().unwrap(), 0);
    assert_eq!(branches(&test, &app), ["gone", "stays"]);
    let planned = test.engine.store.planned_cleanups(app.id).unwrap();
    assert!(planned[0].note.as_ref().unwrap().contains("cannot be seen"));
}

#[test]
fn a_run_that_goes_away_before_its_end_is_reported_as_stopped() {
    let (test, app) = deleted();
    let run = test.runs(&app).remove(0);
    test.clock.advance(DAY);
    assert_eq!(test.engine.carry_out_due_cleanups().unwrap(), 1);
    let messages = test.engine.store.messages_of_run(run.id).unwrap();
    assert!(messages[0].payload.contains("\"Stopped\""), "{messages:?}");
}

#[test]
fn old_deliveries_are_forgotten_after_a_month() {
    let (test, app) = deleted();
    let (hook, _) = test.hook(&app);
    test.clock.advance(29 * DAY);
    test.engine.purge_expired().unwrap();
    assert!(test.engine.store.is_seen(&hook.id, "1").unwrap());
    test.clock.advance(2 * DAY);
    test.engine.purge_expired().unwrap();
    assert!(!test.engine.store.is_seen(&hook.id, "1").unwrap());
}
