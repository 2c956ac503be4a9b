//! What polling finds, and that it is handled once.

use super::fake::SERVER;
use super::{TestEngine, hash};
use crate::events::PollSchedule;
use crate::events::rules::tests::branch_event;
use crate::store::{Application, EventState};
use std::time::Duration;
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::records::Event;

fn change(old: char, new: char) -> Event {
    branch_event("main", Some(&hash(old)), Some(&hash(new)))
}

fn poll(test: &TestEngine, app: &Application, events: Vec<Event>) {
    test.clock.advance(Duration::from_secs(60));
    test.service.polled.lock().unwrap().push_back(events);
    test.engine.poll(app).unwrap();
    test.work();
    test.clock.advance(Duration::from_secs(60));
}

fn deliver(test: &TestEngine, app: &Application, id: &str, event: Event) {
    test.deliver(app, id, &[event]);
    test.work();
    test.clock.advance(Duration::from_secs(1));
}

fn hashes(test: &TestEngine, app: &Application) -> Vec<String> {
    let first = |hash: String| hash[..1].to_owned();
    let runs = test.runs(app).into_iter();
    runs.map(|run| first(run.hash)).collect()
}

#[test]
fn linking_notes_where_the_first_poll_begins() {
    let test = TestEngine::new();
    let app = test.linked();
    poll(&test, &app, vec![change('a', 'b')]);
    let cursors = test.service.cursors.lock().unwrap().clone();
    assert_eq!(cursors, [None, Some("cursor-1".to_owned())]);
    assert_eq!(hashes(&test, &app), ["b"]);
}

#[test]
fn what_was_delivered_is_not_found_again() {
    let test = TestEngine::new();
    let app = test.linked();
    deliver(&test, &app, "1", change('a', 'b'));
    deliver(&test, &app, "2", change('b', 'c'));
    poll(&test, &app, vec![change('a', 'c')]);
    assert_eq!(hashes(&test, &app), ["b", "c"]);
    assert_eq!(test.count(EventState::Duplicate), 1);
}

#[test]
fn a_delivery_that_comes_after_the_poll_is_not_handled_again() {
    let test = TestEngine::new();
    let app = test.linked();
    poll(&test, &app, vec![change('a', 'b')]);
    deliver(&test, &app, "1", change('a', 'b'));
    assert_eq!(hashes(&test, &app), ["b"]);
    deliver(&test, &app, "2", change('b', 'c'));
    assert_eq!(hashes(&test, &app), ["b", "c"]);
}

#[test]
fn a_branch_moved_away_and_back_is_handled_each_time() {
    let test = TestEngine::new();
    let app = test.linked();
    poll(&test, &app, vec![change('a', 'b')]);
    deliver(&test, &app, "1", change('b', 'a'));
    deliver(&test, &app, "2", change('a', 'b'));
    assert_eq!(hashes(&test, &app), ["b", "a", "b"]);
    poll(&test, &app, vec![]);
    deliver(&test, &app, "3", change('b', 'a'));
    deliver(&test, &app, "4", change('a', 'b'));
    assert_eq!(hashes(&test, &app), ["b", "a", "b", "a", "b"]);
}

#[test]
fn a_deletion_found_twice_plans_one_clean_up() {
    let test = TestEngine::new();
    let app = test.linked();
    let deleted = branch_event("main", Some(&hash('a')), None);
    deliver(&test, &app, "1", deleted.clone());
    poll(&test, &app, vec![deleted]);
    assert_eq!(test.engine.store.planned_cleanups(app.id).unwrap().len(), 1);
    assert_eq!(test.count(EventState::Duplicate), 1);
}

#[test]
fn a_failing_poll_keeps_its_place_and_is_tried_again() {
    let test = TestEngine::new();
    let app = test.linked();
    test.service
        .polled
        .lock()
        .unwrap()
        .push_back(vec![change('a', 'b')]);
    test.clock.advance(Duration::from_secs(3600));
    let mut schedule = PollSchedule::of(SERVER);
    let down = VcsError::new(ErrorKind::UNAVAILABLE, "down");
    test.service.fail_next(down);
    assert_eq!(schedule.poll_due(&test.engine).unwrap(), 0);
    assert_eq!(schedule.poll_due(&test.engine).unwrap(), 0);
    test.clock.advance(Duration::from_secs(61));
    assert_eq!(schedule.poll_due(&test.engine).unwrap(), 1);
    test.work();
    assert_eq!(hashes(&test, &app), ["b"]);
}

#[test]
fn after_a_start_everything_is_polled_and_then_slowly() {
    let test = TestEngine::new();
    test.linked();
    let test = test.restarted();
    let polls = |test: &TestEngine| test.service.cursors.lock().unwrap().len();
    let before = polls(&test);
    let mut schedule = PollSchedule::of(SERVER);
    schedule.poll_due(&test.engine).unwrap();
    schedule.poll_due(&test.engine).unwrap();
    assert_eq!(polls(&test), before + 1);
    test.clock.advance(Duration::from_secs(14 * 60));
    schedule.poll_due(&test.engine).unwrap();
    assert_eq!(polls(&test), before + 1);
    test.clock.advance(Duration::from_secs(60));
    schedule.poll_due(&test.engine).unwrap();
    assert_eq!(polls(&test), before + 2);
}

#[test]
fn without_webhooks_it_is_polled_more_often() {
    let test = TestEngine::new();
    let interval = |test: &TestEngine| {
        let manner = test.engine.poll_manner(SERVER).unwrap();
        manner.unwrap().interval
    };
    assert_eq!(interval(&test), Duration::from_secs(15 * 60));
    test.service.webhooks.lock().unwrap().disabled = true;
    assert_eq!(interval(&test), Duration::from_secs(60));
}

#[test]
fn a_server_that_limits_requests_is_left_alone_for_as_long_as_it_says() {
    let test = TestEngine::new();
    test.linked();
    test.try_link("other").unwrap();
    let before = test.service.cursors.lock().unwrap().len();
    let wait = Duration::from_secs(600);
    let limited = VcsError::new(ErrorKind::RATE_LIMITED, "slowly").with_retry_after(wait);
    test.service.fail_next(limited);
    let mut schedule = PollSchedule::of(SERVER);
    schedule.poll_due(&test.engine).unwrap();
    test.clock.advance(wait - Duration::from_secs(1));
    schedule.poll_due(&test.engine).unwrap();
    assert_eq!(test.service.cursors.lock().unwrap().len(), before);
    test.clock.advance(Duration::from_secs(1));
    schedule.poll_due(&test.engine).unwrap();
    assert_eq!(test.service.cursors.lock().unwrap().len(), before + 2);
}
