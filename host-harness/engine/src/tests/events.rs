//! Deliveries and what becomes of their events.

use super::fake::{delivery, signature};
use super::{TestEngine, hash};
use crate::engine::Counter;
use crate::events::Rejection;
use crate::events::rules::tests::branch_event;
use crate::store::{EventState, Received};
use std::sync::atomic::Ordering;
use std::time::Duration;
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::records::Event;

fn push(name: &str) -> Event {
    branch_event(name, Some(&hash('a')), Some(&hash('b')))
}

fn truncated(name: &str) -> Event {
    let mut event = push(name);
    event.change.as_mut().unwrap().truncated = Some(true);
    event
}

#[test]
fn a_push_becomes_one_run_however_often_it_is_delivered() {
    let test = TestEngine::new();
    let app = test.linked();
    assert_eq!(test.deliver(&app, "1", &[push("main")]), Received::New);
    assert_eq!(test.deliver(&app, "1", &[push("main")]), Received::Seen);
    assert_eq!(test.work(), 1);
    assert_eq!(test.deliver(&app, "1", &[push("main")]), Received::Seen);
    assert_eq!(test.work(), 0);
    let runs = test.runs(&app);
    assert_eq!(runs.len(), 1);
    assert_eq!((&*runs[0].branch, &*runs[0].hash), ("main", &*hash('b')));
}

#[test]
fn every_ref_of_one_push_becomes_a_run() {
    let test = TestEngine::new();
    let app = test.linked();
    test.deliver(
        &app,
        "1",
        &[push("one"), push("two"), push("feature/three")],
    );
    test.work();
    let runs = test.runs(&app);
    let branches: Vec<&str> = runs.iter().map(|run| &*run.branch).collect();
    assert_eq!(branches, ["one", "two", "feature/three"]);
}

#[test]
fn a_delivery_is_known_after_a_restart() {
    let test = TestEngine::new();
    let app = test.linked();
    test.deliver(&app, "1", &[push("main")]);
    let test = test.restarted();
    assert_eq!(test.deliver(&app, "1", &[push("main")]), Received::Seen);
    assert_eq!(test.work(), 1);
    assert_eq!(test.runs(&app).len(), 1);
}

#[test]
fn a_delivery_with_a_missing_or_wrong_signature_leaves_only_a_count() {
    let test = TestEngine::new();
    let app = test.linked();
    let (hook, secret) = test.hook(&app);
    let (headers, body) = delivery(&secret, "1", &[push("main")]);
    let without: Vec<_> = headers
        .iter()
        .filter(|(name, _)| name != "X-Hub-Signature")
        .cloned()
        .collect();
    let mut flipped = body.clone();
    flipped[10] ^= 1;
    for (headers, body) in [(without, body.clone()), (headers, flipped)] {
        let received = test.engine.receive(&hook.id, headers, body);
        let rejection = test.runtime.block_on(received).unwrap_err();
        assert!(matches!(rejection, Rejection::Unsigned), "{rejection}");
    }
    assert_eq!(test.engine.counters.get(Counter::Rejected), 2);
    assert_eq!(test.count(EventState::Pending), 0);
    assert!(!test.engine.store.is_seen(&hook.id, "1").unwrap());
}

#[test]
fn a_signature_of_another_hook_s_secret_is_wrong() {
    let test = TestEngine::new();
    let app = test.linked();
    let other = test.try_link("other").unwrap().application;
    let (hook, _) = test.hook(&app);
    let (_, secret) = test.hook(&other);
    let (headers, body) = delivery(&secret, "1", &[push("main")]);
    let received = test.engine.receive(&hook.id, headers, body);
    assert!(matches!(
        test.runtime.block_on(received),
        Err(Rejection::Unsigned)
    ));
}

#[test]
fn an_unknown_event_key_is_accepted_and_does_nothing() {
    let test = TestEngine::new();
    let app = test.linked();
    let (hook, secret) = test.hook(&app);
    let body = b"anything".to_vec();
    let headers = [
        ("X-Event-Key", "something:new".to_owned()),
        ("X-Request-UUID", "1".to_owned()),
        ("X-Hub-Signature", signature(&secret, &body)),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value));
    let received = test.engine.receive(&hook.id, headers.to_vec(), body);
    assert_eq!(test.runtime.block_on(received).unwrap(), Received::New);
    assert_eq!(test.work(), 0);
}

#[test]
fn a_delivery_without_an_id_is_known_by_its_body() {
    let test = TestEngine::new();
    let app = test.linked();
    let (hook, secret) = test.hook(&app);
    for expected in [Received::New, Received::Seen] {
        let (mut headers, body) = delivery(&secret, "", &[push("main")]);
        headers.retain(|(name, _)| name != "X-Request-UUID");
        let received = test.engine.receive(&hook.id, headers, body);
        assert_eq!(test.runtime.block_on(received).unwrap(), expected);
    }
}

#[test]
fn a_truncated_push_is_completed_before_it_is_handled() {
    let test = TestEngine::new();
    let app = test.linked();
    test.deliver(&app, "1", &[truncated("main"), push("other")]);
    test.work();
    assert_eq!(test.service.completed.load(Ordering::Acquire), 1);
    let events = test.engine.store.events(Some(app.id), None, 10).unwrap();
    let main = events.iter().find(|event| event.subject == "branch:main");
    let event: Event = serde_json::from_str(&main.unwrap().payload).unwrap();
    assert_eq!(event.change.unwrap().truncated, Some(false));
}

#[test]
fn an_event_that_cannot_be_completed_now_is_tried_again_and_later_ones_wait() {
    let test = TestEngine::new();
    let app = test.linked();
    let unavailable = VcsError::new(ErrorKind::UNAVAILABLE, "down");
    test.service.fail_next(unavailable);
    test.deliver(&app, "1", &[truncated("main")]);
    test.deliver(&app, "2", &[branch_event("main", Some(&hash('b')), None)]);
    test.deliver(&app, "3", &[push("other")]);
    test.work();
    let branches: Vec<_> = test.runs(&app).into_iter().map(|run| run.branch).collect();
    assert_eq!(branches, ["other"]);
    assert_eq!(test.count(EventState::Pending), 2);
    test.clock.advance(Duration::from_secs(5));
    test.work();
    assert_eq!(test.count(EventState::Pending), 0);
    assert_eq!(test.runs(&app).len(), 2);
    // The deletion came after the push: it counts.
    assert_eq!(test.engine.store.planned_cleanups(app.id).unwrap().len(), 1);
}

#[test]
fn an_event_that_can_never_be_completed_is_handled_as_it_arrived() {
    let test = TestEngine::new();
    let app = test.linked();
    for _ in 0..10 {
        let unavailable = VcsError::new(ErrorKind::UNAVAILABLE, "down");
        test.service.fail_next(unavailable);
    }
    test.deliver(&app, "1", &[truncated("main")]);
    for _ in 0..10 {
        test.work();
        test.clock.advance(Duration::from_secs(600));
    }
    assert_eq!(test.runs(&app).len(), 1);
    let event = &test.engine.store.events(Some(app.id), None, 1).unwrap()[0];
    assert_eq!((event.state, event.attempts), (EventState::Handled, 4));
    assert!(event.note.as_ref().unwrap().contains("down"));
}

#[test]
fn an_event_that_cannot_be_read_is_parked_with_a_reason_and_others_go_on() {
    let test = TestEngine::new();
    let app = test.linked();
    test.deliver(&app, "1", &[push("main")]);
    test.engine
        .store
        .write(|connection| {
            connection.execute("UPDATE events SET payload = '{'", [])?;
            Ok(())
        })
        .unwrap();
    test.deliver(
        &app,
        "2",
        &[branch_event("main", Some(&hash('b')), Some(&hash('c')))],
    );
    test.work();
    assert_eq!(test.count(EventState::Parked), 1);
    assert_eq!(test.runs(&app).len(), 1);
    let parked = test
        .engine
        .store
        .events(None, Some(EventState::Parked), 10)
        .unwrap();
    assert!(parked[0].note.as_ref().unwrap().contains("cannot be read"));
}

#[test]
fn a_run_s_state_is_told_to_the_service_with_the_engine_s_address() {
    use vcs_provider_interface::context::HostCallContext;
    use vcs_provider_interface::records::BuildState;
    let test = TestEngine::new();
    let app = test.linked();
    test.deliver(&app, "1", &[push("main")]);
    test.work();
    let run = test.runs(&app).remove(0);
    let context = HostCallContext::new("test");
    let state = BuildState::SUCCESS;
    test.engine
        .report_run(&context, (&app, &run), state, "all well", Some(7))
        .unwrap();
    let sent = test.service.statuses.lock().unwrap()[0].clone();
    assert_eq!(sent.repo, "ws/app");
    assert_eq!(sent.commit, hash('b'));
    assert_eq!((sent.state, sent.pull_request), (state, Some(7)));
    assert_eq!(sent.ref_name.as_deref(), Some("main"));
    assert_eq!(
        sent.url,
        format!(
            "https://ci.example/project/KEY/application/app/run/{}",
            run.id
        )
    );
    assert_eq!(test.runs(&app)[0].state, "Success");
}
