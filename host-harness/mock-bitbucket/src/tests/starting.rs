//! The command's own files and lines.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use super::support::Sandbox;
use crate::control::command::{ready_line, write_config};
use crate::{MockBitbucket, MockError};

#[test]
fn the_ready_line_and_the_config_reach_the_mock() {
    let mock = MockBitbucket::builder().start().expect("a mock");
    let line = ready_line(&mock);
    assert!(!line.contains('\n'));
    let line: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(line["api_url"], mock.api_url());
    assert_eq!(line["credentials"]["email"], mock.api_token().email);
    let directory = tempfile::TempDir::new().expect("temporary folder");
    let file = directory.path().join("config.toml");
    std::fs::write(&file, "old").expect("a file");
    write_config(&mock, &file).expect("a config");
    let mode = std::fs::metadata(&file)
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let config: toml::Table = std::fs::read_to_string(&file)
        .expect("a file")
        .parse()
        .expect("TOML");
    let server = &config["vcs"]["servers"]["bitbucketcloud"]["bitbucketcloud"];
    assert_eq!(server["apiUrl"].as_str(), line["api_url"].as_str());
    assert_eq!(
        server["clientSecret"].as_str(),
        line["credentials"]["client_secret"].as_str()
    );
    assert_eq!(
        server["auth"]["token"].as_str(),
        line["credentials"]["api_token"].as_str()
    );
}

#[test]
fn a_mock_that_cannot_be_set_up_says_why() {
    let sandbox = Sandbox::new();
    let directory = tempfile::TempDir::new().expect("temporary folder");
    let start = |name: &str, path| MockBitbucket::builder().repo(name, path).start().err();
    assert!(matches!(
        start("app", sandbox.path()),
        Some(MockError::Name(_))
    ));
    assert!(matches!(
        start("team/app", directory.path()),
        Some(MockError::Repository { .. })
    ));
    let taken = MockBitbucket::builder().start().expect("a mock");
    let second = MockBitbucket::builder().listen(taken.address()).start();
    assert!(matches!(second, Err(MockError::Start(_))));
}

#[test]
fn bare_repositories_are_served_as_well() {
    let sandbox = Sandbox::new();
    let directory = tempfile::TempDir::new().expect("temporary folder");
    super::support::git_in(
        directory.path(),
        &[
            "clone",
            "--quiet",
            "--bare",
            &sandbox.path().to_string_lossy(),
            "bare",
        ],
    );
    let mock = MockBitbucket::builder()
        .repo("team/app", directory.path().join("bare"))
        .start()
        .expect("a mock");
    let client = super::support::Client::new(&mock);
    assert_eq!(
        client.get("/repositories/team/app/refs/branches").names(),
        ["main"]
    );
}

#[test]
fn a_mock_can_fail_and_end_inside_of_another_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let failed = MockBitbucket::builder()
            .repo("team/app", "/nowhere")
            .start();
        assert!(matches!(failed, Err(MockError::Repository { .. })));
        drop(MockBitbucket::builder().start().expect("a mock"));
    });
}
