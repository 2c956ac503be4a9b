//! Clients of other people against the mock. `cargo xtask test` installs them where
//! Python or Node is there, and says so where it cannot.

mod needs_node_client;
mod needs_python_client;

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

/// Where `cargo xtask test` installs a client.
fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
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
