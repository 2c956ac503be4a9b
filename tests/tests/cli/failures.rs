//! How failures are reported: kind, words, exit code, and never a secret.

use integration_tests::engine::{Engine, REPO, Ran, engine, run};
use integration_tests::sandbox::GitSandbox;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

/// Asserts that a command failed in this way, in both forms.
fn assert_failure(engine: &Engine, arguments: &[&str], code: i32, kind: &str, words: &[&str]) {
    let as_json: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
    for ran in [engine.run(arguments), engine.run(&as_json)] {
        assert_reported(&ran, code, words);
        for secret in secrets(engine) {
            assert!(!ran.stdout.contains(&secret), "{ran:?}");
            assert!(!ran.stderr.contains(&secret), "{ran:?}");
        }
    }
    let document = engine.run(&as_json).json();
    assert_eq!(document["error"]["kind"], kind, "{document}");
    assert_eq!(document["error"]["exit_code"], code, "{document}");
}

fn assert_reported(ran: &Ran, code: i32, words: &[&str]) {
    assert_eq!(ran.code, Some(code), "{ran:?}");
    let sentence = ran
        .stderr
        .lines()
        .find(|line| line.starts_with("error: "))
        .unwrap_or_default();
    for word in words {
        assert!(sentence.contains(word), "{word:?} is missing in {ran:?}");
    }
}

fn secrets(engine: &Engine) -> Vec<String> {
    vec![
        engine.mock.api_token().token.expose().to_owned(),
        engine.mock.oauth_consumer().secret.expose().to_owned(),
    ]
}

fn branches() -> [&'static str; 3] {
    ["vcs", "branches", REPO]
}

#[test]
fn a_wrong_token_is_unauthenticated() {
    let engine = Engine::serving(GitSandbox::small());
    let token = engine.mock.api_token().token;
    assert!(engine.mock.revoke_token(&token));
    assert_failure(&engine, &branches(), 43, "Unauthenticated", &["credential"]);
}

#[test]
fn an_unreachable_service_is_unavailable() {
    let engine = Engine::serving(GitSandbox::small());
    let url = engine.mock.api_url().to_owned();
    // A port that was free a moment ago and that nobody listens on.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    engine.change_config(|text| text.replace(&url, &format!("http://{address}/2.0")));
    let arguments = ["vcs", "branches", REPO, "--timeout", "20"];
    assert_failure(&engine, &arguments, 49, "Unavailable", &["127.0.0.1"]);
}

#[test]
fn a_web_page_instead_of_json_is_an_invalid_response_and_not_shown() {
    let plan = r#"{"rules": [{"path": "/2.0/*", "then": {"status": 200, "html": true}}]}"#;
    let engine = Engine::with_faults(GitSandbox::small(), plan);
    assert_failure(&engine, &branches(), 54, "InvalidResponse", &[]);
    let ran = engine.run(&branches());
    assert!(!ran.stderr.contains('<'), "{ran:?}");
    assert!(ran.stderr.contains("hint: "), "{ran:?}");
}

#[test]
fn an_unknown_key_is_named_with_file_and_line() {
    let engine = Engine::serving(GitSandbox::small());
    engine.change_config(|text| text.replace("clientId", "clientNumber"));
    let text = std::fs::read_to_string(engine.config()).unwrap();
    let line = 1 + text
        .lines()
        .position(|line| line.starts_with("clientNumber"))
        .unwrap();
    let place = format!("config.toml:{line}: ");
    assert_failure(
        &engine,
        &branches(),
        42,
        "Config",
        &["clientNumber", &place],
    );
    engine.change_config(|text| format!("[api]\nlisten_on = 'x'\n{text}"));
    assert_failure(
        &engine,
        &branches(),
        42,
        "Config",
        &["config.toml:2: `api.listen_on`"],
    );
}

#[test]
fn a_list_that_breaks_off_prints_no_part_of_itself() {
    let git = GitSandbox::small();
    git.many_branches("many/", 250, "main");
    let plan = r#"{"rules": [{"path": "*/refs/branches?*page=3*", "then": {"status": 400}}]}"#;
    let engine = Engine::with_faults(git, plan);
    for arguments in [
        vec!["vcs", "branches", REPO],
        vec!["vcs", "branches", REPO, "--json"],
    ] {
        let ran = engine.run(&arguments);
        assert!(ran.code.is_some_and(|code| code > 40), "{ran:?}");
        assert!(!ran.stdout.contains("many/"), "{ran:?}");
    }
}

#[test]
fn a_missing_repository_and_an_unknown_server_are_told_apart() {
    let engine = Engine::serving(GitSandbox::small());
    let arguments = ["vcs", "branches", "acme/none"];
    assert_failure(&engine, &arguments, 45, "NotFound", &["no access"]);
    let arguments = ["vcs", "branches", REPO, "--server", "other"];
    assert_failure(
        &engine,
        &arguments,
        42,
        "Config",
        &["\"other\"", "bitbucketcloud"],
    );
}

#[test]
fn a_token_is_taken_from_the_environment() {
    let engine = Engine::serving(GitSandbox::small());
    let arguments = ["vcs", "branches", REPO, "--token-env", "MY_TOKEN", "--json"];
    let with_token = |token: &str| run(engine.command(&arguments).env("MY_TOKEN", token));
    let token = engine.mock.access_token();
    assert_eq!(with_token(token.expose()).code, Some(0));
    let ran = with_token("ATCTwrong-s3cret");
    assert_reported(&ran, 43, &[]);
    assert!(!ran.stderr.contains("s3cret"), "{ran:?}");
    assert_reported(&engine.run(&arguments), 2, &["MY_TOKEN"]);
}

#[test]
fn wrong_usage_is_reported_as_json_too() {
    let ran = run(engine().args(["vcs", "branches", "--json"]));
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert_eq!(ran.json()["error"]["kind"], "Usage");
    let ran = run(engine().args(["vcs", "branches", REPO, "--json"]));
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("ENGINE_CONFIG"), "{ran:?}");
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let git = GitSandbox::small();
    git.many_commits(1500);
    let engine = Engine::serving(git);
    let mut child = engine
        .command(&["vcs", "commits", REPO])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::with_capacity(16, child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    assert!(first.starts_with("COMMIT"), "{first}");
    let mut errors = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut errors)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{errors}");
    assert_eq!(errors, "");
}

#[test]
fn an_interrupted_call_ends_at_once_as_cancelled() {
    let plan = r#"{"rules": [{"path": "*/refs/branches*", "then": {"status": 503, "headers": {"Retry-After": "60"}}}]}"#;
    let engine = Engine::with_faults(GitSandbox::small(), plan);
    let child = engine
        .command(&["vcs", "branches", REPO])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Once the service was asked, the command waits to ask again.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while engine.mock.requests().is_empty() {
        assert!(std::time::Instant::now() < deadline, "no request came");
        std::thread::yield_now();
    }
    let begun = std::time::Instant::now();
    let status = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(51), "{ran:?}");
    assert!(begun.elapsed().as_secs() < 30, "{ran:?}");
}

#[test]
fn help_and_version_are_answers() {
    for arguments in [
        vec!["--help"],
        vec!["vcs", "set-status", "--help"],
        vec!["--version"],
    ] {
        let ran = run(engine().args(&arguments));
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    }
    let help = run(engine().arg("--help")).stdout;
    assert!(help.contains("51  Cancelled"), "{help}");
}
