//! Plugins that hang while they are loaded, in an engine that serves.

use crate::support::{Hook, Place, client, nothing_lost_nothing_twice, serves};
use integration_tests::built_example;
use integration_tests::engine::plugin_directory;
use integration_tests::engine_process::PATIENCE;
use integration_tests::place;
use std::fs;
use std::time::{Duration, Instant};

/// How long a delivery may take meanwhile, and how long the engine may take to stop.
const LIMIT: Duration = Duration::from_secs(10);

#[test]
fn while_plugins_hang_at_each_step_of_a_load_deliveries_are_taken_and_the_engine_stops() {
    let place = Place::new();
    let folder = place::Place::new();
    let config = place.home.path("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    let shared = plugin_directory().display().to_string();
    assert!(text.contains(&shared));
    for file in fs::read_dir(plugin_directory()).unwrap() {
        let file = file.unwrap().path();
        fs::copy(&file, folder.plugins().join(file.file_name().unwrap())).unwrap();
    }
    let own = folder.plugins().display().to_string();
    fs::write(&config, text.replace(&shared, &own)).unwrap();
    let engine = place.home.start();
    let hook = Hook::link(&engine);
    let agent = client(PATIENCE);
    let mut acknowledged = Vec::new();
    for (step, example) in ["hangs_when_linked", "info_hangs"].into_iter().enumerate() {
        let bytes = fs::read(built_example(example)).unwrap();
        let name = format!("lib{example}.so");
        let file = folder.install_bytes(&bytes, &name);
        place::write_manifest(&file, &place::manifest_of(&name, &bytes));
        engine.signal("HUP");
        for number in 0..20 {
            let number = step * 100 + number;
            let begun = Instant::now();
            assert!(hook.deliver(&agent, &engine.api(""), number), "{example}");
            assert!(begun.elapsed() < LIMIT, "{example}: {:?}", begun.elapsed());
            acknowledged.push(number);
        }
        nothing_lost_nothing_twice(&engine, &acknowledged);
        assert!(serves(&engine, &hook, step * 100 + 50) < LIMIT);
        acknowledged.push(step * 100 + 50);
    }
    engine.signal("HUP");
    let begun = Instant::now();
    engine.signal("TERM");
    assert!(engine.wait(), "{}", place.home.log());
    assert!(begun.elapsed() < LIMIT, "{:?}", begun.elapsed());
    fs::remove_file(folder.plugins().join("libhangs_when_linked.so")).unwrap();
    fs::remove_file(folder.plugins().join("libinfo_hangs.so")).unwrap();
    let engine = place.home.start();
    nothing_lost_nothing_twice(&engine, &acknowledged);
}
