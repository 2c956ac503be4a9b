//! An OAuth consumer and nothing else, as step 1 of setting up makes it.

use integration_tests::bitbucket::REPO;
use integration_tests::engine::{Ran, engine, run};
use integration_tests::engine_process::{CALLBACK, EngineHome, SERVER};
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::{ConsentDecision, MockBitbucket};

#[test]
fn a_consumer_alone_connects_and_projects_call_with_what_they_consented_to() {
    let git = GitSandbox::small();
    let mock = MockBitbucket::builder()
        .callback_url(CALLBACK)
        .repo(REPO, git.path())
        .start()
        .unwrap();
    let home = EngineHome::public(&mock, "");
    // No credential but the consumer.
    let config = std::fs::read_to_string(home.path("config.toml")).unwrap();
    let kept = config.lines().filter(|line| !line.starts_with("auth = "));
    let kept = kept.map(|line| format!("{line}\n")).collect::<String>();
    std::fs::write(home.path("config.toml"), kept).unwrap();
    let vcs = |arguments: &[&str]| -> Ran {
        run(engine()
            .arg("vcs")
            .args(arguments)
            .arg("--config")
            .arg(home.path("config.toml")))
    };

    let connected = vcs(&["check-connection"]);
    assert_eq!(connected.code, Some(0), "{connected:?}");
    assert!(
        connected
            .stdout
            .contains("the OAuth consumer itself was checked"),
        "{connected:?}"
    );
    let alone = vcs(&["branches", REPO]);
    assert_eq!(alone.code, Some(42), "{alone:?}");
    assert!(
        alone.stderr.contains("hint: ") && alone.stderr.contains("--project KEY"),
        "{alone:?}"
    );
    let before = vcs(&["branches", REPO, "--project", "KEY"]);
    assert_eq!(before.code, Some(42), "{before:?}");
    assert!(
        before.stderr.contains("project KEY has not consented"),
        "{before:?}"
    );
    assert!(
        before.stderr.contains(&format!(
            "/project/KEY/repositories_manager/{SERVER}/authorize"
        )),
        "{before:?}"
    );

    let process = home.start();
    let begun = process.api(&format!(
        "/project/KEY/repositories_manager/{SERVER}/authorize"
    ));
    let (_, begun) = process.get(&begun);
    let back = mock
        .consent(begun["url"].as_str().unwrap(), &ConsentDecision::Allow)
        .unwrap();
    let back = back.replacen("https://ci.example.com", &process.api(""), 1);
    assert!(process.browse(&back).0 < 400);

    let consented = vcs(&["branches", REPO, "--project", "KEY", "--output", "jsonl"]);
    assert_eq!(consented.code, Some(0), "{consented:?}");
    let branches: Vec<serde_json::Value> = consented
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(
        branches.iter().any(|branch| branch["display_id"] == "main"),
        "{branches:?}"
    );
    let other = vcs(&["branches", REPO, "--project", "OTHER"]);
    assert_eq!(other.code, Some(42), "{other:?}");
}
