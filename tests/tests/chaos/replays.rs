//! Deliveries that somebody captured and sends again.

use crate::support::{Hook, Place, client, commit, nothing_lost_nothing_twice};
use integration_tests::engine_process::PATIENCE;
use serde_json::Value;

fn runs_of(runs: &Value, number: usize) -> usize {
    let hash = commit(number);
    let runs = runs.as_array().map_or(&[][..], Vec::as_slice);
    runs.iter().filter(|run| run["hash"] == *hash).count()
}

#[test]
fn a_captured_delivery_under_another_id_starts_nothing() {
    let place = Place::new();
    let engine = place.home.start();
    let hook = Hook::link(&engine);
    let agent = client(PATIENCE);
    let body = hook.push(1);
    for id in ["first", "second", "third"] {
        assert_eq!(hook.send(&agent, &engine.api(""), id, &body), Some(200));
    }
    nothing_lost_nothing_twice(&engine, &[1]);
}

#[test]
fn a_branch_that_is_moved_back_and_forth_is_built_each_time() {
    let place = Place::new();
    let engine = place.home.start();
    let hook = Hook::link(&engine);
    let agent = client(PATIENCE);
    // The third body is the first one, byte by byte: the service puts no time into it.
    for (id, from, to) in [("a", 1, 2), ("b", 2, 1), ("c", 1, 2)] {
        let body = hook.push_to("topic/moved", from, to);
        assert_eq!(hook.send(&agent, &engine.api(""), id, &body), Some(200));
    }
    let url = engine.api("/project/KEY/applications/app/runs");
    engine.wait_for(&url, |runs| runs_of(runs, 2) == 2 && runs_of(runs, 1) == 1);
    engine.wait_until_idle();
    let (_, runs) = engine.get(&url);
    assert_eq!((runs_of(&runs, 2), runs_of(&runs, 1)), (2, 1));
}
