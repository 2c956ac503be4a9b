//! A disk that takes no more, a store that is taken away, a copy without its end.

use crate::support::{Hook, Place, client, nothing_lost_nothing_twice, serves};
use integration_tests::engine_process::PATIENCE;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

#[test]
fn where_files_may_not_grow_deliveries_are_put_off_and_none_is_lost() {
    let place = Place::new();
    let engine = place.home.start();
    let hook = Hook::link(&engine);
    engine.signal("TERM");
    assert!(engine.wait());
    // Blocks of 1,024 bytes: some hundred deliveries fit into the journal.
    let engine = place.home.start_after("ulimit -f 1500");
    let agent = client(PATIENCE);
    let mut acknowledged = Vec::new();
    let mut put_off = 0;
    for number in 0..20_000 {
        let id = format!("delivery-{number}");
        match hook.send(&agent, &engine.api(""), &id, &hook.push(number)) {
            Some(200) => acknowledged.push(number),
            Some(503) => put_off += 1,
            other => panic!("{other:?} for delivery {number}\n{}", place.home.log()),
        }
        if put_off > 20 {
            break;
        }
    }
    println!("{} acknowledged, then put off", acknowledged.len());
    assert!(!acknowledged.is_empty() && put_off > 20);
    engine.kill();
    let engine = place.home.start();
    nothing_lost_nothing_twice(&engine, &acknowledged);
    serves(&engine, &hook, 5_000);
}

#[test]
fn an_engine_that_finds_an_empty_store_beside_its_key_says_so() {
    let place = Place::new();
    let engine = place.home.start();
    engine.signal("TERM");
    assert!(engine.wait());
    assert!(!place.home.log().contains("is empty"));
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(place.home.path(&format!("engine.sqlite{suffix}")));
    }
    let engine = place.home.start();
    let notices = engine.ready["notices"].to_string();
    assert!(notices.contains("is empty"), "{notices}");
    assert!(place.home.log().contains("is empty"));
}

#[test]
fn after_an_orderly_stop_the_file_alone_holds_everything() {
    let place = Place::new();
    let engine = place.home.start();
    let hook = Hook::link(&engine);
    engine.signal("TERM");
    assert!(engine.wait());
    for round in 0..10 {
        let engine = place.home.start();
        let agent = client(PATIENCE);
        assert!(hook.deliver(&agent, &engine.api(""), round));
        // At any moment of the work that follows.
        std::thread::sleep(Duration::from_millis(3 * round as u64));
        engine.signal("TERM");
        assert!(engine.wait());
        let journal = fs::metadata(place.home.path("engine.sqlite-wal"));
        let left = journal.map_or(0, |journal| journal.len());
        assert_eq!(left, 0, "round {round}\n{}", place.home.log());
    }
    let engine = place.home.start();
    nothing_lost_nothing_twice(&engine, &(0..10).collect::<Vec<_>>());
}

mod needs_mounts {
    use super::*;

    /// Runs what follows in a mount namespace of its own, with a small file system
    /// where the store is. `$1` to `$…` are the engine's arguments.
    fn on_a_small_disk(folder: &str) -> String {
        format!(
            "if [ -z \"$ON_A_SMALL_DISK\" ]; then export ON_A_SMALL_DISK=1; \
             exec unshare --user --map-root-user --mount bash -c \"$BASH_EXECUTION_STRING\" \"$0\" \"$@\"; fi; \
             mount -t tmpfs -o size=6m,mode=0700 small {folder}; \
             head -c 2500000 /dev/zero > {folder}/ballast"
        )
    }

    #[test]
    #[ignore = "mounts a small file system in a user namespace, which not every system allows"]
    fn on_a_full_disk_deliveries_are_put_off_and_taken_again_as_soon_as_there_is_room() {
        let place = Place::new();
        let folder = place.home.path("data");
        fs::create_dir(&folder).unwrap();
        let config = place.home.path("config.toml");
        let text = fs::read_to_string(&config).unwrap();
        // The token stays where the test sees it.
        let token = place.home.path("token");
        fs::write(&token, "a-token-of-this-test").unwrap();
        fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
        let text = text.replace("[api]\n", "[api]\ntokenFile = \"token\"\n");
        let store = format!("{text}\n[store]\npath = \"data/engine.sqlite\"\n");
        fs::write(&config, store).unwrap();
        let words = on_a_small_disk(&folder.display().to_string());
        let engine = place.home.start_after(&words);
        let hook = Hook::link(&engine);
        let agent = client(PATIENCE);
        let mut acknowledged = Vec::new();
        let mut put_off = 0;
        for number in 0..20_000 {
            let id = format!("delivery-{number}");
            match hook.send(&agent, &engine.api(""), &id, &hook.push(number)) {
                Some(200) => acknowledged.push(number),
                Some(503) => put_off += 1,
                other => panic!("{other:?} for delivery {number}\n{}", place.home.log()),
            }
            if put_off > 20 {
                break;
            }
        }
        println!("{} acknowledged, then put off", acknowledged.len());
        assert!(!acknowledged.is_empty() && put_off > 20);
        // As somebody who makes room, seen from outside of the engine's namespace.
        let seen = format!("/proc/{}/root{}/ballast", engine.pid(), folder.display());
        fs::remove_file(seen).unwrap();
        serves(&engine, &hook, 50_000);
        nothing_lost_nothing_twice(&engine, &acknowledged);
    }
}
