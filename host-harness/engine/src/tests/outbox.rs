//! What services are told of runs, and that it arrives.

use super::{HOUR, TestEngine, hash};
use crate::events::rules::tests::branch_event;
use crate::outbox::send_when_due;
use crate::runs::Report;
use crate::store::{Application, ApplicationOptions, OutboxState, Run};
use std::sync::Arc;
use std::time::{Duration, Instant};
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::records::BuildState;

/// Sends until `is_done` holds.
fn send_until(test: &TestEngine, is_done: impl Fn() -> bool) {
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let sending = send_when_due(Arc::clone(&test.engine), stopped);
    let task = test.runtime.spawn(sending);
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_done() {
        assert!(Instant::now() < deadline, "it is not sent");
        test.engine.wake_outbox.notify_one();
        std::thread::sleep(Duration::from_millis(5));
    }
    stop.send(true).unwrap();
    test.runtime.block_on(task).unwrap();
}

fn send_all(test: &TestEngine) {
    send_until(test, || {
        test.engine.store.count_messages(None).unwrap().pending == 0
    });
}

fn with_run(options: ApplicationOptions) -> (TestEngine, Application, Run) {
    let test = TestEngine::new();
    let app = test.linked_with(options);
    test.deliver(&app, "1", &[branch_event("main", None, Some(&hash('b')))]);
    test.work();
    let run = test.runs(&app).remove(0);
    (test, app, run)
}

fn report(test: &TestEngine, run: &Run, state: BuildState, description: &str) {
    let report = Report {
        state,
        description: description.to_owned(),
        pull_request: Some(7),
        lease: None,
    };
    test.engine
        .report_run(run.application, run.id, report)
        .unwrap();
}

fn sent(test: &TestEngine) -> Vec<BuildState> {
    let statuses = test.service.statuses.lock().unwrap();
    statuses.iter().map(|status| status.state).collect()
}

#[test]
fn a_run_shows_at_the_service_as_soon_as_it_exists() {
    let (test, _, run) = with_run(ApplicationOptions::default());
    send_all(&test);
    let status = test.service.statuses.lock().unwrap()[0].clone();
    assert_eq!(status.repo, "ws/app");
    assert_eq!(status.commit, hash('b'));
    assert_eq!(status.state, BuildState::WAITING);
    assert_eq!(status.ref_name.as_deref(), Some("main"));
    assert_eq!(
        status.url,
        format!(
            "https://ci.example/project/KEY/application/app/run/{}",
            run.id
        )
    );
}

/// Situation `two-runs-one-commit`.
#[test]
fn each_branch_of_a_commit_has_a_key_of_its_own_that_stays() {
    let (test, app, _) = with_run(ApplicationOptions::default());
    let other = branch_event("other", None, Some(&hash('b')));
    test.deliver(&app, "2", &[other]);
    let moved = branch_event("main", Some(&hash('b')), Some(&hash('c')));
    test.deliver(&app, "3", &[moved]);
    test.work();
    send_all(&test);
    let statuses = test.service.statuses.lock().unwrap();
    // Different keys are sent side by side.
    let mut keys: Vec<_> = statuses.iter().map(|status| &*status.key).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["KEY/app/main", "KEY/app/main", "KEY/app/other"]);
}

#[test]
fn what_the_service_does_not_take_is_kept_over_a_restart_and_the_newest_state_wins() {
    let (test, _, run) = with_run(ApplicationOptions::default());
    send_all(&test);
    report(&test, &run, BuildState::BUILDING, "");
    let down = VcsError::new(ErrorKind::UNAVAILABLE, "503").with_http_status(503);
    test.service.fail_next(down);
    let failed = |test: &TestEngine| {
        let pending = test.engine.store.messages(None, OutboxState::Pending, 10);
        pending
            .unwrap()
            .first()
            .is_some_and(|one| one.attempts == 1)
    };
    send_until(&test, || failed(&test));
    report(&test, &run, BuildState::SUCCESS, "all well");
    let test = test.restarted();
    assert!(failed(&test));
    test.clock.advance(HOUR);
    send_until(&test, || sent(&test).len() >= 2);
    assert_eq!(sent(&test), [BuildState::WAITING, BuildState::SUCCESS]);
    // Building may still have been under way: Success is sent once more.
    test.clock.advance(HOUR);
    send_all(&test);
    assert_eq!(sent(&test).last(), Some(&BuildState::SUCCESS));
}

#[test]
fn what_is_rejected_for_good_is_shown_with_the_reason_and_can_be_tried_again() {
    let (test, app, _) = with_run(ApplicationOptions::default());
    test.service
        .fail_next(VcsError::new(ErrorKind::INVALID_INPUT, "no such host"));
    send_all(&test);
    let store = &test.engine.store;
    assert_eq!(store.count_messages(Some(app.id)).unwrap().rejected, 1);
    let rejected = store.messages(None, OutboxState::Rejected, 10).unwrap();
    assert!(rejected[0].note.as_ref().unwrap().contains("no such host"));
    test.runtime
        .block_on(store.retry_message(rejected[0].id, test.engine.now()))
        .unwrap();
    send_all(&test);
    assert_eq!(sent(&test), [BuildState::WAITING]);
}

#[test]
fn a_credential_that_is_limited_is_left_alone_for_as_long_as_the_service_says() {
    let (test, app, _) = with_run(ApplicationOptions::default());
    let limited =
        VcsError::new(ErrorKind::RATE_LIMITED, "slowly").with_retry_after(Duration::from_secs(600));
    test.service.fail_next(limited);
    send_until(&test, || {
        let pending = test.engine.store.messages(None, OutboxState::Pending, 10);
        pending.unwrap()[0].attempts == 1
    });
    for number in 2..6 {
        let name = format!("branch-{number}");
        let event = branch_event(&name, None, Some(&hash('b')));
        test.deliver(&app, &name, &[event]);
    }
    test.work();
    assert!(sent(&test).is_empty());
    test.clock.advance(Duration::from_secs(600));
    send_all(&test);
    assert_eq!(sent(&test).len(), 5);
}

#[test]
fn a_newer_run_of_the_same_branch_and_commit_has_the_last_word() {
    let (test, app, old) = with_run(ApplicationOptions::default());
    let events = [
        branch_event("main", Some(&hash('b')), Some(&hash('c'))),
        branch_event("main", Some(&hash('c')), Some(&hash('b'))),
    ];
    test.deliver(&app, "2", &events);
    test.work();
    let new = test.runs(&app).remove(2);
    assert_eq!(new.hash, old.hash);
    report(&test, &new, BuildState::SUCCESS, "");
    report(&test, &old, BuildState::FAIL, "");
    send_all(&test);
    let statuses = test.service.statuses.lock().unwrap();
    let of_commit: Vec<_> = statuses
        .iter()
        .filter(|status| status.commit == old.hash)
        .map(|status| status.state)
        .collect();
    assert_eq!(of_commit, [BuildState::SUCCESS]);
}

#[test]
fn a_failed_run_is_one_comment_that_is_changed_and_not_repeated() {
    let wanted = ApplicationOptions {
        comment_on_failure: true,
        ..ApplicationOptions::default()
    };
    let (test, _, run) = with_run(wanted);
    send_all(&test);
    report(&test, &run, BuildState::BUILDING, "");
    send_all(&test);
    assert!(test.service.comments.lock().unwrap().is_empty());
    report(&test, &run, BuildState::FAIL, "3 tests failed");
    send_all(&test);
    report(&test, &run, BuildState::FAIL, "4 tests failed");
    send_all(&test);
    let comments = test.service.comments.lock().unwrap();
    assert_eq!(comments.len(), 1);
    assert!(comments[0].text.contains("4 tests failed"), "{comments:?}");
    assert!(comments[0].text.contains("/run/"));
}

#[test]
fn a_comment_whose_response_was_lost_is_found_again() {
    let wanted = ApplicationOptions {
        comment_on_failure: true,
        ..ApplicationOptions::default()
    };
    let (test, _, run) = with_run(wanted);
    send_all(&test);
    report(&test, &run, BuildState::FAIL, "");
    // Sends the status first, then the comment.
    let messages = test.engine.store.messages_of_run(run.id).unwrap();
    assert_eq!(messages.len(), 2);
    let before = test.service.statuses.lock().unwrap().len();
    send_until(&test, || {
        let told = test.service.statuses.lock().unwrap().len();
        told > before && !test.service.comments.lock().unwrap().is_empty()
    });
    // As after a crash: sent, and nobody knows what became of it.
    test.engine
        .store
        .write(|connection| {
            connection.execute(
                "UPDATE outbox SET state = 'pending', remote_id = NULL, uncertain_sequence = 1,
                 not_before = 0 WHERE kind = 'comment'",
                &[],
            )?;
            Ok(())
        })
        .unwrap();
    send_all(&test);
    assert_eq!(test.service.comments.lock().unwrap().len(), 1);
}

#[test]
fn without_being_asked_nothing_is_commented() {
    let (test, _, run) = with_run(ApplicationOptions::default());
    report(&test, &run, BuildState::FAIL, "");
    send_all(&test);
    assert!(test.service.comments.lock().unwrap().is_empty());
}

#[test]
fn the_number_of_an_unlinked_application_is_not_used_while_messages_of_it_wait() {
    let (test, app, _) = with_run(ApplicationOptions::default());
    test.engine
        .unlink(&HostCallContext::new("test"), "KEY", "app", false)
        .unwrap();
    let waiting = test.engine.store.count_messages(Some(app.id)).unwrap();
    assert_eq!(waiting.pending, 1);
    let next = test.try_link("other").unwrap().application;
    assert_ne!(next.id, app.id);
    let of_next = test.engine.store.count_messages(Some(next.id)).unwrap();
    assert_eq!(of_next.pending, 0);
}
