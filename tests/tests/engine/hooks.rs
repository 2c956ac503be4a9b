//! One hook for each application, whatever its address was.

use integration_tests::bitbucket::REPO;
use integration_tests::engine_process::{EngineHome, EngineProcess};
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::MockBitbucket;
use std::fs;

fn addresses(mock: &MockBitbucket) -> Vec<String> {
    let hooks = mock.hooks(REPO).unwrap();
    hooks.into_iter().map(|(_, url)| url).collect()
}

/// Puts another proxy before the engine.
fn move_to(home: &EngineHome, old: &str, new: &str) {
    let file = home.path("config.toml");
    let config = fs::read_to_string(&file).unwrap();
    assert!(config.contains(old));
    fs::write(&file, config.replace(old, new)).unwrap();
}

fn unlink(engine: &EngineProcess) -> u16 {
    let url = engine.api("/project/KEY/applications/app/link");
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    let bearer = format!("Bearer {}", engine.token);
    let answer = agent.delete(url).header("Authorization", bearer).call();
    answer.unwrap().status().as_u16()
}

/// Situation `engine-moved`.
#[test]
fn a_hook_follows_its_address_and_unlinking_leaves_none() {
    let git = GitSandbox::small();
    let mock = MockBitbucket::builder()
        .repo(REPO, git.path())
        .start()
        .unwrap();
    let home = EngineHome::public(&mock, "proxyWebhook = \"https://one.example.com/in\"");
    let engine = home.start();
    let first = engine.link("app", REPO);
    assert_eq!(first["hook"]["action"], "created", "{first}");
    engine.kill();
    move_to(&home, "one.example.com/in", "two.example.com/hooks");
    let engine = home.start();
    let second = engine.link("app", REPO);
    assert_eq!(second["hook"]["action"], "updated", "{second}");
    assert_eq!(second["hook"]["id"], first["hook"]["id"]);
    let moved = addresses(&mock);
    assert_eq!(moved.len(), 1, "{moved:?}");
    assert!(moved[0].starts_with("https://two.example.com/hooks/"));
    // A store that lost the id finds its hook by the end of the address.
    assert_eq!(unlink(&engine), 204);
    assert_eq!(addresses(&mock), Vec::<String>::new());
}
