//! Clients of other people against the mock, where Python or Node is there and their
//! packages can be installed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mock_bitbucket::{MockBitbucket, StateFile};
use serde_json::{Value, json};

/// Failures that are the clients' own faults: the operation, and why.
const FAULTS_OF_CLIENTS: &[(&str, &str)] = &[(
    "source.directory",
    "asks for the root of a commit without the slash at its end, which the service has not",
)];

fn mock() -> MockBitbucket {
    let state: StateFile = serde_json::from_value(json!({
        "repositories": [{
            "full_name": "team/app",
            "commits": [
                { "branch": "main", "message": "first", "files": { "a/b.txt": "one\n" } },
                { "branch": "topic", "message": "second", "files": { "a/c.txt": "two\n" } },
                { "branch": "two", "message": "third", "files": { "a/d.txt": "three\n" } },
            ],
        }],
    }))
    .expect("a state");
    let mock = MockBitbucket::builder().lenient().start().expect("a mock");
    mock.load_state(&state).expect("the state");
    mock
}

/// Where packages are installed once for all runs.
fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
    quiet
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs a script with the token on its standard input; what each operation said.
fn run(command: &mut Command, mock: &MockBitbucket) -> Vec<Value> {
    use std::io::Write as _;
    let mut child = command
        .arg(mock.api_token().email)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the client");
    let token = mock.api_token().token;
    let mut input = child.stdin.take().expect("standard input");
    input
        .write_all(token.expose().as_bytes())
        .expect("the token");
    drop(input);
    let output = child.wait_with_output().expect("the client's end");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

fn assert_no_failures(operations: &[Value], at_least: usize) {
    let failed: Vec<&Value> = operations
        .iter()
        .filter(|one| !one["problem"].is_null())
        .filter(|one| {
            let name = one["operation"].as_str().unwrap_or_default();
            !FAULTS_OF_CLIENTS.iter().any(|(fault, _)| *fault == name)
        })
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(
        operations.len() >= at_least,
        "{} operations",
        operations.len()
    );
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("third_party")
        .join(name)
}

#[test]
fn atlassian_python_api_works() {
    let environment = place("python");
    let python = environment.join("bin/python");
    let there =
        |python: &Path| succeeds(Command::new(python).args(["-c", "import atlassian.bitbucket"]));
    if !there(&python) {
        succeeds(
            Command::new("python3")
                .args(["-m", "venv"])
                .arg(&environment),
        );
        let package = "atlassian-python-api==5.0.5";
        succeeds(Command::new(&python).args(["-m", "pip", "install", "--quiet", package]));
    }
    if !there(&python) {
        println!("skipped: atlassian-python-api cannot be installed here");
        return;
    }
    let mock = mock();
    let mut command = Command::new(python);
    command
        .arg(script("atlassian_client.py"))
        .arg(mock.web_url());
    assert_no_failures(&run(&mut command, &mock), 45);
}

#[test]
fn the_npm_package_bitbucket_works() {
    let directory = place("node");
    std::fs::create_dir_all(&directory).expect("a directory");
    let there = || {
        succeeds(
            Command::new("node")
                .current_dir(&directory)
                .args(["-e", "require('bitbucket')"]),
        )
    };
    if !there() {
        let mut install = Command::new("npm");
        install
            .current_dir(&directory)
            .args(["install", "--silent", "bitbucket@2.12.0"]);
        succeeds(&mut install);
    }
    if !there() {
        println!("skipped: the npm package bitbucket cannot be installed here");
        return;
    }
    let copy = directory.join("bitbucket_client.cjs");
    std::fs::copy(script("bitbucket_client.cjs"), &copy).expect("the script");
    let mock = mock();
    let mut command = Command::new("node");
    command
        .current_dir(&directory)
        .arg(copy)
        .arg(mock.api_url());
    assert_no_failures(&run(&mut command, &mock), 35);
}
