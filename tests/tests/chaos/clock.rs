//! A clock that jumps: days ahead, and back to where it was.

use crate::support::{Hook, Place, client, commit, nothing_lost_nothing_twice, serves};
use integration_tests::engine_process::{EngineProcess, PATIENCE};
use mock_bitbucket::{Fault, FaultRule};
use serde_json::{Value, json};

/// Further than anything is put off.
const THREE_DAYS: u64 = 3 * 24 * 3600;

fn outbox(engine: &EngineProcess, is_there: impl Fn(&Value) -> bool) -> Value {
    engine.wait_for(&engine.api("/mon/outbox"), is_there)
}

#[test]
fn what_was_put_off_while_the_clock_was_days_ahead_does_not_wait_for_days() {
    let place = Place::new();
    let engine = place.home.start();
    let hook = Hook::link(&engine);
    let agent = client(PATIENCE);
    place.mock.add_fault(FaultRule {
        method: Some("POST".to_owned()),
        path: Some("*/statuses/build".to_owned()),
        then: Fault {
            status: Some(503),
            ..Fault::default()
        },
        ..FaultRule::default()
    });
    let ahead = json!({ "seconds": THREE_DAYS });
    assert_eq!(
        engine.post(&engine.api("/mon/clock/advance"), &ahead).0,
        200
    );
    let numbers: Vec<usize> = (0..5).collect();
    for number in &numbers[1..] {
        assert!(hook.deliver(&agent, &engine.api(""), *number));
    }
    // One of a commit that the service has, so that its status can arrive.
    let real = place.hash();
    let body = hook.push(0).replace(&commit(0), &real);
    assert_eq!(hook.send(&agent, &engine.api(""), "real", &body), Some(200));
    outbox(&engine, |outbox| {
        let messages = outbox["pending"].as_array();
        messages.is_some_and(|all| {
            all.iter()
                .any(|message| message["target"] == *real && message["attempts"] != 0)
        })
    });
    nothing_lost_nothing_twice(&engine, &numbers[1..]);
    engine.kill();
    // The next one has the system's time, three days earlier.
    place.mock.clear_faults();
    let engine = place.home.start();
    serves(&engine, &hook, 7);
    outbox(&engine, |outbox| {
        let messages = outbox["pending"].as_array();
        messages.is_some_and(|all| all.iter().all(|message| message["target"] != *real))
    });
    nothing_lost_nothing_twice(&engine, &numbers[1..]);
}
