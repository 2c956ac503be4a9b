//! Kills at random moments, and a stop in order between them.

use crate::support::{Hook, Place, Random, client, many, nothing_lost_nothing_twice, serves};
use integration_tests::engine_process::PATIENCE;
use std::time::Duration;

#[test]
fn what_was_acknowledged_before_a_kill_is_there_after_it() {
    let place = Place::new();
    let mut random = Random::of_this_run("kills");
    let mut engine = place.home.start();
    let hook = Hook::link(&engine);
    let agent = client(PATIENCE);
    let mut acknowledged = Vec::new();
    let mut number = 0;
    for _ in 0..many(6) {
        let base = engine.api("");
        let delay = Duration::from_millis(random.below(1500) as u64);
        let sent: Vec<usize> = std::thread::scope(|scope| {
            let engine = &engine;
            scope.spawn(move || {
                std::thread::sleep(delay);
                engine.signal("KILL");
            });
            let sent =
                (number..number + 1000).take_while(|number| hook.deliver(&agent, &base, *number));
            sent.collect()
        });
        number += 1000;
        acknowledged.extend(sent);
        engine.kill();
        engine = place.home.start();
    }
    println!("{} acknowledged between kills", acknowledged.len());
    nothing_lost_nothing_twice(&engine, &acknowledged);
    serves(&engine, &hook, 1_000_000);
}
