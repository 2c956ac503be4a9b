//! What becomes of the runs of a deleted branch.

use super::{HOUR, TestEngine, hash};
use crate::events::rules::tests::branch_event;
use crate::store::Application;
use std::time::Duration;

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
