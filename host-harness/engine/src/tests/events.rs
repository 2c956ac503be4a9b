//! Deliveries and what becomes of their events.

use super::fake::{delivery, signature};
use super::{TestEngine, hash};
use crate::engine::Counter;
use crate::events::Rejection;
use crate::events::rules::tests::branch_event;
use crate::store::{
    Application, ApplicationOptions, Completion, EventState, PullRequestRuns, Received,
};
use std::sync::atomic::Ordering;
use std::time::Duration;
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::records::{Branch, Event, EventKind, PullRequest, PullRequestEnd};

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
fn a_truncated_push_is_built_at_once_and_completed_afterwards() {
    let test = TestEngine::new();
    let app = test.linked();
    test.deliver(&app, "1", &[truncated("main"), push("other")]);
    test.work();
    assert_eq!(test.runs(&app).len(), 2);
    assert_eq!(test.service.completed.load(Ordering::Acquire), 0);
    assert_eq!(test.complete(), 1);
    assert_eq!(test.complete(), 0);
    assert_eq!(test.service.completed.load(Ordering::Acquire), 1);
    let events = test.engine.store.events_of_application(app.id, 10).unwrap();
    let main = events.iter().find(|event| event.subject == "branch:main");
    let event: Event = serde_json::from_str(&main.unwrap().payload).unwrap();
    assert_eq!(event.change.unwrap().truncated, Some(false));
    assert_eq!(test.runs(&app).len(), 2);
}

#[test]
fn nothing_waits_for_an_event_that_cannot_be_completed_now() {
    let test = TestEngine::new();
    let app = test.linked();
    let limited = VcsError::new(ErrorKind::RATE_LIMITED, "slowly")
        .with_retry_after(Duration::from_secs(3600));
    test.service.fail_next(limited);
    test.deliver(&app, "1", &[truncated("main")]);
    test.deliver(&app, "2", &[branch_event("main", Some(&hash('b')), None)]);
    test.deliver(&app, "3", &[push("other"), truncated("third")]);
    test.work();
    let branches: Vec<_> = test.runs(&app).into_iter().map(|run| run.branch).collect();
    assert_eq!(branches, ["main", "other", "third"]);
    assert_eq!(test.count(EventState::Pending), 0);
    // The deletion came after the push: it counts.
    assert_eq!(test.engine.store.planned_cleanups(app.id).unwrap().len(), 1);
    // One of the two was limited. In a store of several engines the credential is then
    // held back for all of them, and the other may have come before or not.
    test.complete();
    assert_eq!(test.complete(), 0);
    let completed = test.service.completed.load(Ordering::Acquire);
    assert!(completed == 1 || (completed == 0 && test.engine.store.is_shared()));
    test.clock.advance(Duration::from_secs(3600));
    test.complete();
    assert_eq!(test.service.completed.load(Ordering::Acquire), 2);
}

#[test]
fn an_event_that_can_never_be_completed_stays_as_it_arrived() {
    let test = TestEngine::new();
    let app = test.linked();
    let gone = VcsError::new(ErrorKind::NOT_FOUND, "no such commit");
    test.service.fail_next(gone);
    test.deliver(&app, "1", &[truncated("main")]);
    test.work();
    test.complete();
    assert_eq!(test.complete(), 0);
    assert_eq!(test.runs(&app).len(), 1);
    let event = &test.engine.store.events_of_application(app.id, 1).unwrap()[0];
    let found = (event.state, event.completion);
    assert_eq!(found, (EventState::Handled, Completion::Failed));
    assert!(event.note.as_ref().unwrap().contains("no such commit"));
}

fn pull_request(hash: &str) -> Event {
    let branch = |name: &str, hash: &str| PullRequestEnd {
        repo: Some("ws/app".to_owned()),
        branch: Branch {
            display_id: name.to_owned(),
            latest_commit: hash.to_owned(),
            ..Branch::default()
        },
        ..PullRequestEnd::default()
    };
    Event {
        kind: EventKind::PULL_REQUEST_CREATED,
        pull_request: Some(PullRequest {
            id: 7,
            head: branch("topic", hash),
            base: branch("main", &"0".repeat(40)),
            ..PullRequest::default()
        }),
        ..Event::default()
    }
}

fn with_pull_requests() -> (TestEngine, Application) {
    let test = TestEngine::new();
    let app = test.linked_with(ApplicationOptions {
        pull_requests: PullRequestRuns::SameRepository,
        ..ApplicationOptions::default()
    });
    (test, app)
}

#[test]
fn the_run_of_a_pull_request_begins_with_the_full_hash_if_it_can_be_had() {
    let (test, app) = with_pull_requests();
    test.deliver(&app, "1", &[pull_request("abcdefabcdef")]);
    test.work();
    assert!(test.runs(&app).is_empty());
    test.complete();
    test.work();
    let runs = test.runs(&app);
    assert_eq!((runs.len(), runs[0].pull_request), (1, Some(7)));
    assert_eq!(runs[0].hash, format!("{:0<40}", "abcdefabcdef"));
}

#[test]
fn the_run_of_a_pull_request_begins_with_the_short_hash_and_is_corrected() {
    let (test, app) = with_pull_requests();
    let limited =
        VcsError::new(ErrorKind::RATE_LIMITED, "slowly").with_retry_after(Duration::from_secs(600));
    test.service.fail_next(limited);
    test.deliver(&app, "1", &[pull_request("abcdefabcdef")]);
    test.work();
    test.complete();
    test.work();
    assert_eq!(test.runs(&app)[0].hash, "abcdefabcdef");
    test.clock.advance(Duration::from_secs(600));
    test.complete();
    let runs = test.runs(&app);
    assert_eq!(runs.len(), 1);
    let full = format!("{:0<40}", "abcdefabcdef");
    assert_eq!(runs[0].hash, full);
    let messages = test.engine.store.messages_of_run(runs[0].id).unwrap();
    assert_eq!((messages.len(), &messages[0].target), (1, &full));
}

#[test]
fn the_run_of_a_pull_request_waits_only_a_moment_for_a_service_that_says_nothing() {
    let (test, app) = with_pull_requests();
    test.deliver(&app, "1", &[pull_request("abcdefabcdef")]);
    test.work();
    assert!(test.runs(&app).is_empty());
    test.clock.advance(Duration::from_secs(5));
    test.work();
    assert_eq!(test.runs(&app)[0].hash, "abcdefabcdef");
}

#[test]
fn a_push_and_its_pull_request_are_one_run_whichever_comes_first() {
    let full = hash('b');
    for push_first in [true, false] {
        let (test, app) = with_pull_requests();
        let pushed = branch_event("topic", Some(&hash('a')), Some(&full));
        let opened = pull_request(&full);
        let events = if push_first {
            [pushed, opened]
        } else {
            [opened, pushed]
        };
        test.deliver(&app, "1", &events);
        test.work();
        let runs = test.runs(&app);
        assert_eq!((runs.len(), runs[0].pull_request), (1, Some(7)));
    }
}

#[test]
fn one_push_through_two_hooks_is_one_run() {
    let test = TestEngine::new();
    let app = test.linked();
    let next = branch_event("main", Some(&hash('b')), Some(&hash('c')));
    for id in ["1", "2"] {
        test.deliver(&app, id, &[push("main")]);
        test.deliver(&app, &format!("next-{id}"), std::slice::from_ref(&next));
    }
    test.work();
    assert_eq!(test.runs(&app).len(), 2);
    assert_eq!(test.count(EventState::Duplicate), 2);
}

#[test]
fn a_rejected_delivery_is_listed_with_its_reason_and_the_beginning_of_its_hook() {
    let test = TestEngine::new();
    let app = test.linked();
    let (hook, _) = test.hook(&app);
    let received = test.engine.receive(&hook.id, Vec::new(), Vec::new());
    test.runtime.block_on(received).unwrap_err();
    let unknown = test
        .engine
        .receive("nobody<script>", Vec::new(), Vec::new());
    test.runtime.block_on(unknown).unwrap_err();
    let latest = test.engine.rejections.latest();
    assert_eq!(latest.len(), 2);
    assert_eq!(latest[1].hook, &hook.id[..8]);
    assert!(latest[1].reason.contains("signature"));
    assert_eq!(latest[0].hook, "nobodysc");
    assert_eq!(test.engine.rejections.counts()["unknown_hook"], 1);
}

#[test]
fn an_event_that_cannot_be_read_is_parked_with_a_reason_and_others_go_on() {
    let test = TestEngine::new();
    let app = test.linked();
    test.deliver(&app, "1", &[push("main")]);
    test.engine
        .store
        .write(|connection| {
            connection.execute("UPDATE events SET payload = '{'", &[])?;
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
    let parked = test.engine.store.parked_events(10).unwrap();
    assert!(parked[0].note.as_ref().unwrap().contains("cannot be read"));
}
