//! A grant that rotates, with kills around each rotation and two engines on one
//! store.

use integration_tests::bitbucket::REPO;
use integration_tests::engine::{Ran, engine};
use integration_tests::engine_process::{CALLBACK, EngineHome, EngineProcess, SERVER};
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::{ConsentDecision, Fault, FaultRule, MockBitbucket};
use std::sync::Barrier;
use std::time::Duration;

/// Longer than an access token lives.
const TOKEN_LIFE: Duration = Duration::from_secs(3 * 60 * 60);

/// How often the engine is killed, each time a little later after a rotation began.
const KILLS: u32 = 24;

fn mock(git: &GitSandbox) -> MockBitbucket {
    MockBitbucket::builder()
        .callback_url(CALLBACK)
        .repo(REPO, git.path())
        .start()
        .unwrap()
}

/// Consents for project `KEY` as a person with a browser.
pub(crate) fn consent(engine: &EngineProcess, mock: &MockBitbucket) {
    let path = format!("/project/KEY/repositories_manager/{SERVER}/authorize");
    let (status, begun) = engine.get(&engine.api(&path));
    assert_eq!(status, 200, "{begun}");
    let back = mock
        .consent(begun["url"].as_str().unwrap(), &ConsentDecision::Allow)
        .unwrap();
    let local = back.replacen("https://ci.example.com", &engine.api(""), 1);
    let (status, sentence) = engine.browse(&local);
    assert_eq!(status, 200, "{sentence}");
}

/// A call with the project's grant.
fn call(engine: &EngineProcess) -> u16 {
    let path = format!("/vcs/{SERVER}/repos/{REPO}?project=KEY");
    engine.get(&engine.vcs(&path)).0
}

#[test]
fn a_grant_survives_kills_at_any_moment_around_a_rotation() {
    let git = GitSandbox::small();
    let mock = mock(&git);
    let home = EngineHome::public(&mock, "");
    let mut engine = home.start();
    consent(&engine, &mock);
    assert_eq!(call(&engine), 200);
    for kill in 0..KILLS {
        mock.advance(TOKEN_LIFE);
        let before = mock.oauth_counts().refreshes;
        std::thread::scope(|scope| {
            // Whether this call is answered depends on the moment of the kill.
            let calling = scope.spawn(|| call(&engine));
            while mock.oauth_counts().refreshes == before && !calling.is_finished() {
                std::thread::yield_now();
            }
            // A sweep over the moments after the service has seen the refresh.
            std::thread::sleep(Duration::from_micros(u64::from(kill) * 400));
            engine.signal("KILL");
        });
        engine.kill();
        engine = home.start();
        assert_eq!(call(&engine), 200, "kill {kill}\n{}", home.log());
    }
}

#[test]
fn a_grant_survives_a_kill_while_the_answer_with_the_new_pair_is_under_way() {
    let git = GitSandbox::small();
    let mock = mock(&git);
    let home = EngineHome::public(&mock, "");
    let engine = home.start();
    consent(&engine, &mock);
    mock.advance(TOKEN_LIFE);
    mock.add_fault(FaultRule {
        path: Some("/site/oauth2/access_token".to_owned()),
        then: Fault {
            delay_ms: Some(60_000),
            ..Fault::default()
        },
        ..FaultRule::default()
    });
    let before = mock.oauth_counts().refreshes;
    std::thread::scope(|scope| {
        let calling = scope.spawn(|| call(&engine));
        while mock.oauth_counts().refreshes == before && !calling.is_finished() {
            std::thread::yield_now();
        }
        engine.signal("KILL");
    });
    mock.clear_faults();
    let engine = home.start();
    assert_eq!(call(&engine), 200, "{}", home.log());
}

#[test]
fn two_engines_on_one_store_rotate_once_and_both_go_on() {
    let git = GitSandbox::small();
    let mock = mock(&git);
    let home = EngineHome::public(&mock, "");
    let engines = [home.start(), home.start()];
    consent(&engines[0], &mock);
    for round in 0..5 {
        mock.advance(TOKEN_LIFE);
        let before = mock.oauth_counts().refreshes;
        let barrier = Barrier::new(16);
        std::thread::scope(|scope| {
            let calls: Vec<_> = (0..16)
                .map(|number| {
                    let (engine, barrier) = (&engines[number % 2], &barrier);
                    scope.spawn(move || {
                        barrier.wait();
                        call(engine)
                    })
                })
                .collect();
            for call in calls {
                assert_eq!(call.join().unwrap(), 200, "{}", home.log());
            }
        });
        assert_eq!(mock.oauth_counts().refreshes, before + 1, "round {round}");
    }
}

#[test]
fn a_dead_grant_asks_to_link_again_and_linking_again_helps() {
    let git = GitSandbox::small();
    let mock = mock(&git);
    let home = EngineHome::public(&mock, "");
    let engine = home.start();
    consent(&engine, &mock);
    mock.revoke_oauth_grants();
    let path = format!("/vcs/{SERVER}/repos/{REPO}?project=KEY");
    let (status, body) = engine.get(&engine.vcs(&path));
    assert_eq!((status, &body["kind"]), (403, &"Unauthenticated".into()));
    assert!(
        body["message"].as_str().unwrap().contains("link again"),
        "{body}"
    );
    mock.advance(Duration::from_secs(5));
    consent(&engine, &mock);
    // A provider may remember for a moment that the former grant was refused.
    engine.wait_for(&engine.vcs(&path), |found| found["fullname"] == REPO);
}

/// `engine grants` in this home.
fn grants(home: &EngineHome, arguments: &[&str]) -> Ran {
    let mut command = engine();
    command.args(["--json", "grants", "--config"]);
    command.arg(home.path("config.toml")).args(arguments);
    command.output().unwrap().into()
}

#[test]
fn the_command_lists_grants_without_tokens_and_takes_one_away_from_a_running_engine() {
    let git = GitSandbox::small();
    let mock = mock(&git);
    let home = EngineHome::public(&mock, "");
    let engine = home.start();
    consent(&engine, &mock);
    let listed = grants(&home, &["list"]);
    assert_eq!(listed.code, Some(0), "{listed:?}");
    assert!(listed.stdout.contains("\"KEY\"") && listed.stdout.contains(SERVER));
    assert!(!listed.stdout.contains("sealed") && !listed.stdout.contains("token"));
    let other = grants(&home, &["revoke", "OTHER", SERVER]);
    assert_ne!(other.code, Some(0), "{other:?}");
    let revoked = grants(&home, &["revoke", "KEY", SERVER]);
    assert_eq!(revoked.code, Some(0), "{revoked:?}");
    let listed = grants(&home, &["list"]);
    assert!(!listed.stdout.contains("\"KEY\""), "{listed:?}");
    let path = "/project/KEY/repositories_manager";
    let (_, managers) = engine.get(&engine.api(path));
    assert_eq!(managers[0]["linked"], false, "{managers}");
    // The running engine does not renew what was taken away.
    mock.advance(TOKEN_LIFE);
    let before = mock.oauth_counts().refreshes;
    let _ = call(&engine);
    assert_eq!(mock.oauth_counts().refreshes, before);
}
