//! The figures and the alert rules, as Prometheus' own tool sees them.

use integration_tests::bitbucket::REPO;
use integration_tests::engine_process::EngineHome;
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::MockBitbucket;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs the tool of `PROMTOOL`, or of the path; it must have nothing to say against
/// its input.
fn promtool(arguments: &[&str], input: &str) {
    let program = std::env::var_os("PROMTOOL").unwrap_or_else(|| "promtool".into());
    let mut tool = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut standard_input = tool.stdin.take().unwrap();
    standard_input.write_all(input.as_bytes()).unwrap();
    drop(standard_input);
    let ended = tool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success() && said.is_empty(), "{said}");
}

#[test]
#[ignore = "needs promtool of Debian's package prometheus"]
fn the_figures_are_as_prometheus_wants_them() {
    let git = GitSandbox::small();
    let mock = MockBitbucket::builder()
        .repo(REPO, git.path())
        .start()
        .unwrap();
    let home = EngineHome::public(&mock, "disableWebHooksCreation = true");
    let engine = home.start();
    let _ = engine.link("app", REPO);
    let (status, text) = engine.get(&engine.api("/mon/metrics"));
    assert_eq!(status, 200);
    promtool(&["check", "metrics"], text.as_str().unwrap());
}

#[test]
#[ignore = "needs promtool of Debian's package prometheus"]
fn the_alert_rules_are_as_prometheus_wants_them() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/monitoring/alerts.yml");
    promtool(&["check", "rules", &rules.to_string_lossy()], "");
}
