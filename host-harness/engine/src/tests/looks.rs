//! Polling where the provider can say in which repositories of a workspace
//! something happened: few requests, nothing lost.

use super::fake::SERVER;
use super::{TestEngine, hash};
use crate::events::PollSchedule;
use crate::events::rules::tests::branch_event;
use crate::store::{Application, ApplicationOptions, PullRequestRuns};
use std::sync::atomic::Ordering;
use std::time::Duration;
use vcs_provider_interface::error::{ErrorKind, VcsError};

/// The time between two rounds in these tests.
const ROUND: Duration = Duration::from_secs(60);

/// An engine whose service has looks and no webhooks.
fn engine() -> TestEngine {
    let test = TestEngine::new();
    *test.service.look_interval.lock().unwrap() = Some(60);
    test.service.webhooks.lock().unwrap().disabled = true;
    test
}

fn requests(test: &TestEngine) -> u64 {
    test.service.poll_requests.load(Ordering::Acquire)
}

fn looks(test: &TestEngine) -> usize {
    test.service.looks.lock().unwrap().len()
}

fn polls(test: &TestEngine) -> usize {
    test.service.cursors.lock().unwrap().len()
}

/// A push to a repository: the next look names it, and its poll finds the branch.
fn push(test: &TestEngine, app: &Application) {
    test.service.changed.lock().unwrap().push(app.repo.clone());
    let event = branch_event("main", Some(&hash('a')), Some(&hash('b')));
    test.service.polled.lock().unwrap().push_back(vec![event]);
}

/// Links applications, several at the same time but for the first one.
fn link_many(test: &TestEngine, count: usize) {
    test.try_link("app0").unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let numbers = (1..count).filter(move |number| number % 8 == thread);
            scope.spawn(move || {
                for number in numbers {
                    test.try_link(&format!("app{number}")).unwrap();
                }
            });
        }
    });
}

#[test]
fn of_a_thousand_quiet_applications_a_round_takes_few_requests_and_finds_a_push() {
    let test = engine();
    link_many(&test, 1000);
    let mut schedule = PollSchedule::of(SERVER);
    schedule.poll_due(&test.engine).unwrap();
    for _ in 0..3 {
        test.clock.advance(10 * ROUND);
        let before = requests(&test);
        assert_eq!(schedule.poll_due(&test.engine).unwrap(), 0);
        let taken = requests(&test) - before;
        assert!((1..=20).contains(&taken), "{taken} requests");
    }
    let app = test.engine.store.application("KEY", "app77").unwrap();
    push(&test, &app);
    test.clock.advance(10 * ROUND);
    let before = requests(&test);
    assert_eq!(schedule.poll_due(&test.engine).unwrap(), 1);
    assert!(requests(&test) - before <= 20 + 3);
    test.work();
    assert_eq!(test.runs(&app).len(), 1);
}

#[test]
fn linking_looks_once_polls_once_and_the_next_round_does_not_again() {
    let test = engine();
    link_many(&test, 12);
    assert_eq!((looks(&test), polls(&test)), (1, 12));
    PollSchedule::of(SERVER).poll_due(&test.engine).unwrap();
    assert_eq!((looks(&test), polls(&test)), (2, 12));
    test.try_link("app1").unwrap();
    assert_eq!((looks(&test), polls(&test)), (2, 12));
}

#[test]
fn a_restart_looks_once_and_polls_nothing_that_is_quiet() {
    let test = engine();
    link_many(&test, 12);
    let test = test.restarted();
    test.clock.advance(Duration::from_secs(30));
    PollSchedule::of(SERVER).poll_due(&test.engine).unwrap();
    assert_eq!((looks(&test), polls(&test)), (2, 12));
}

#[test]
fn a_push_that_was_seen_is_polled_even_after_a_failure_and_a_restart() {
    let test = engine();
    let app = test.linked();
    push(&test, &app);
    test.clock.advance(Duration::from_secs(30));
    let down = || VcsError::new(ErrorKind::UNAVAILABLE, "down");
    // The look succeeds, the poll after it does not.
    test.service.fail_next_but_one(down());
    let mut schedule = PollSchedule::of(SERVER);
    assert_eq!(schedule.poll_due(&test.engine).unwrap(), 0);
    let test = test.restarted();
    test.clock.advance(Duration::from_secs(10));
    let found = PollSchedule::of(SERVER).poll_due(&test.engine).unwrap();
    assert_eq!(found, 1);
}

#[test]
fn the_next_round_comes_the_later_the_more_requests_this_one_took() {
    let test = engine();
    test.linked();
    test.service.look_requests.store(50, Ordering::Release);
    let mut schedule = PollSchedule::of(SERVER);
    schedule.poll_due(&test.engine).unwrap();
    let begun = looks(&test);
    // Fifty of the five hundred requests of an hour.
    test.clock.advance(Duration::from_secs(6 * 60 - 1));
    schedule.poll_due(&test.engine).unwrap();
    assert_eq!(looks(&test), begun);
    test.clock.advance(Duration::from_secs(1));
    schedule.poll_due(&test.engine).unwrap();
    assert_eq!(looks(&test), begun + 1);
}

#[test]
fn in_an_hour_polls_take_no_more_than_their_share_whatever_happens() {
    let test = engine();
    link_many(&test, 60);
    let mut schedule = PollSchedule::of(SERVER);
    schedule.poll_due(&test.engine).unwrap();
    let before = requests(&test);
    for _ in 0..60 {
        let all = test.engine.store.applications().unwrap();
        let names = all.into_iter().map(|app| app.repo);
        *test.service.changed.lock().unwrap() = names.collect();
        test.clock.advance(Duration::from_secs(60));
        schedule.poll_due(&test.engine).unwrap();
    }
    let taken = requests(&test) - before;
    assert!((300..=620).contains(&taken), "{taken} requests in an hour");
}

#[test]
fn pull_requests_are_polled_for_where_they_are_asked_for_although_looks_do_not_show_them() {
    let test = engine();
    link_many(&test, 30);
    let options = ApplicationOptions {
        pull_requests: PullRequestRuns::SameRepository,
        ..ApplicationOptions::default()
    };
    let app = test.linked_with(options);
    test.clock.advance(ROUND);
    let event = branch_event("main", Some(&hash('a')), Some(&hash('b')));
    test.service.polled.lock().unwrap().push_back(vec![event]);
    let found = PollSchedule::of(SERVER).poll_due(&test.engine).unwrap();
    assert_eq!(found, 1);
    test.work();
    assert_eq!(test.runs(&app).len(), 1, "another one was polled before it");
}

#[test]
fn a_provider_that_does_not_have_looks_after_all_is_polled_one_by_one() {
    let test = engine();
    let app = test.linked();
    let missing = VcsError::new(ErrorKind::UNSUPPORTED, "no such method");
    test.service.fail_next(missing);
    let event = branch_event("main", Some(&hash('a')), Some(&hash('b')));
    test.service.polled.lock().unwrap().push_back(vec![event]);
    test.clock.advance(ROUND);
    let mut schedule = PollSchedule::of(SERVER);
    schedule.poll_due(&test.engine).unwrap();
    schedule.poll_due(&test.engine).unwrap();
    test.work();
    assert_eq!(test.runs(&app).len(), 1);
}

#[test]
fn a_credential_that_may_not_list_its_workspace_has_its_repositories_polled() {
    let test = engine();
    let app = test.linked();
    push(&test, &app);
    test.clock.advance(ROUND);
    let denied = VcsError::new(ErrorKind::PERMISSION_DENIED, "one repository only");
    test.service.fail_next(denied);
    let found = PollSchedule::of(SERVER).poll_due(&test.engine).unwrap();
    assert_eq!(found, 1);
}

#[test]
fn a_cursor_that_the_provider_does_not_know_begins_anew_and_loses_nothing() {
    let test = engine();
    let app = test.linked();
    let broken = VcsError::new(ErrorKind::INVALID_INPUT, "the cursor is broken");
    test.service.fail_next(broken);
    let mut schedule = PollSchedule::of(SERVER);
    schedule.poll_due(&test.engine).unwrap();
    push(&test, &app);
    // The first look of the new cursor names nothing.
    test.service.changed.lock().unwrap().clear();
    test.clock.advance(20 * ROUND);
    assert_eq!(schedule.poll_due(&test.engine).unwrap(), 1);
    let last = test.service.looks.lock().unwrap().last().cloned().unwrap();
    assert_eq!(last.cursor, None);
}
