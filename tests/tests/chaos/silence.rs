//! A service that takes connections and says nothing.

use crate::support::{Hook, Place, client, commit, nothing_lost_nothing_twice};
use integration_tests::engine_process::PATIENCE;
use mock_bitbucket::{Fault, FaultRule};
use serde_json::json;
use std::time::{Duration, Instant};

/// Situation `clean-up-in-outage`.
#[test]
fn a_push_becomes_a_run_while_due_cleanups_wait_for_a_silent_service() {
    let place = Place::new();
    let engine = place.home.start();
    let hook = Hook::link(&engine);
    let agent = client(PATIENCE);
    let numbers: Vec<usize> = (0..6).collect();
    for number in &numbers {
        assert!(hook.deliver(&agent, &engine.api(""), *number));
    }
    nothing_lost_nothing_twice(&engine, &numbers);
    for number in &numbers {
        let body = hook.deletion(*number);
        let id = format!("deletion-{number}");
        assert_eq!(hook.send(&agent, &engine.api(""), &id, &body), Some(200));
    }
    engine.wait_for(
        &engine.api("/project/KEY/applications/app/cleanups"),
        |cleanups| {
            cleanups
                .as_array()
                .is_some_and(|all| all.len() == numbers.len())
        },
    );
    place.mock.add_fault(FaultRule {
        then: Fault {
            delay_ms: Some(600_000),
            ..Fault::default()
        },
        ..FaultRule::default()
    });
    let (status, _) = engine.post(
        &engine.api("/mon/clock/advance"),
        &json!({ "seconds": 25 * 3600 }),
    );
    assert_eq!(status, 200);
    std::thread::sleep(Duration::from_millis(500));
    let begun = Instant::now();
    assert!(hook.deliver(&agent, &engine.api(""), 100));
    engine.wait_for(&engine.api("/project/KEY/applications/app/runs"), |runs| {
        runs.as_array()
            .is_some_and(|runs| runs.iter().any(|run| run["hash"] == json!(commit(100))))
    });
    let waited = begun.elapsed();
    println!("a push beside six silent clean-ups became a run after {waited:?}");
    assert!(waited < Duration::from_secs(10), "{waited:?}");
    engine.signal("TERM");
    let begun = Instant::now();
    assert!(engine.wait());
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
}
