//! A service that takes connections and says nothing.

use crate::support::{Hook, Place, client, commit, nothing_lost_nothing_twice};
use integration_tests::bitbucket::{REPO, config_for};
use integration_tests::engine_process::EngineHome;
use integration_tests::engine_process::PATIENCE;
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::MockBitbucket;
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

/// A service with one repository of its own.
fn service(git: &GitSandbox) -> MockBitbucket {
    MockBitbucket::builder()
        .repo(REPO, git.path())
        .start()
        .unwrap()
}

#[test]
fn a_silent_server_does_not_delay_what_polling_finds_at_another_one() {
    let (git, other_git) = (GitSandbox::small(), GitSandbox::small());
    let (mock, other) = (service(&git), service(&other_git));
    // By its name, the silent one comes first.
    let silent = format!(
        "disableWebHooks = true\n[vcs.servers.a-silent.bitbucketcloud]\n{}\ndisableWebHooks = true",
        config_for(&other)
    );
    let home = EngineHome::public(&mock, &silent);
    let engine = home.start();
    let _ = engine.link("app", REPO);
    for number in 0..3 {
        let path = format!("/project/KEY/applications/silent{number}/link");
        let body = json!({ "server": "a-silent", "repo": REPO });
        let (status, linked) = engine.post(&engine.api(&path), &body);
        assert_eq!(status, 200, "{linked}");
    }
    other.add_fault(FaultRule {
        then: Fault {
            delay_ms: Some(600_000),
            ..Fault::default()
        },
        ..FaultRule::default()
    });
    git.git(&["switch", "--quiet", "main"]);
    let hash = git.commit_all("While another server is silent");
    let ahead = json!({ "seconds": 3600 });
    let begun = Instant::now();
    assert_eq!(
        engine.post(&engine.api("/mon/clock/advance"), &ahead).0,
        200
    );
    let runs = engine.api("/project/KEY/applications/app/runs");
    engine.wait_for(&runs, |runs| runs.to_string().contains(&hash));
    let waited = begun.elapsed();
    println!("found beside a silent server after {waited:?}");
    assert!(waited < Duration::from_secs(15), "{waited:?}");
}
