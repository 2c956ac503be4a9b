//! The figures for Prometheus, as its own tool sees them.

use integration_tests::bitbucket::REPO;
use integration_tests::engine_process::{EngineHome, SERVER};
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::MockBitbucket;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Prometheus' own tool, from `PROMTOOL` or the path.
fn promtool(arguments: &[&str], input: &str) -> Option<(bool, String)> {
    let program = std::env::var_os("PROMTOOL").unwrap_or_else(|| "promtool".into());
    let started = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut tool) = started else {
        println!("SKIPPED: there is no promtool (Debian package prometheus)");
        return None;
    };
    tool.stdin.take()?.write_all(input.as_bytes()).unwrap();
    let ended = tool.wait_with_output().unwrap();
    let said = [ended.stdout, ended.stderr].concat();
    Some((
        ended.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    ))
}

#[test]
fn the_figures_are_as_prometheus_wants_them_and_count_what_happens() {
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
    let text = text.as_str().unwrap().to_owned();
    for line in [
        "vcs_engine_deliveries_total{result=\"accepted\"} 0".to_owned(),
        format!(
            "vcs_engine_provider_calls_total{{method=\"repo_by_fullname\",result=\"Ok\",server=\"{SERVER}\"}} 1"
        ),
        format!("vcs_engine_server_resting{{server=\"{SERVER}\"}} 0"),
        "vcs_engine_log_lines_lost_total 0".to_owned(),
        "vcs_engine_task_restarts_total 0".to_owned(),
    ] {
        assert!(text.contains(&line), "{line} is missing in\n{text}");
    }
    assert_eq!(engine.browse(&engine.api("/mon/metrics")).0, 401);
    assert_eq!(engine.browse(&engine.api("/mon/version")).0, 401);
    assert_eq!(engine.get(&engine.api("/mon/version")).0, 200);
    if let Some((is_good, said)) = promtool(&["check", "metrics"], &text) {
        assert!(is_good, "{said}");
        println!(
            "promtool check metrics: {}",
            if said.is_empty() {
                "nothing to complain of"
            } else {
                &said
            }
        );
    }
}

#[test]
fn the_alert_rules_are_as_prometheus_wants_them() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/monitoring/alerts.yml");
    let rules = rules.to_string_lossy().into_owned();
    if let Some((is_good, said)) = promtool(&["check", "rules", &rules], "") {
        assert!(is_good, "{said}");
        println!("{said}");
    }
}
