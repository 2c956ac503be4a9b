//! The figures for Prometheus: what is counted, and who may read it.

use integration_tests::bitbucket::REPO;
use integration_tests::engine_process::{EngineHome, SERVER};
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::MockBitbucket;

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
        format!("vcs_engine_server_rate_limited{{server=\"{SERVER}\"}} 0"),
        format!("vcs_engine_generation{{server=\"{SERVER}\"}} 1"),
        format!("vcs_engine_draining_generations{{server=\"{SERVER}\"}} 0"),
        "vcs_engine_plugin_swaps_total{result=\"published\"} 1".to_owned(),
        "vcs_engine_runs{state=\"Waiting\"} 0".to_owned(),
        "vcs_engine_outbox{state=\"pending\"} 0".to_owned(),
        "vcs_engine_oldest_pending_event_seconds 0".to_owned(),
        "# TYPE vcs_engine_provider_call_seconds histogram".to_owned(),
        "# TYPE vcs_engine_store_seconds_total counter".to_owned(),
        "vcs_engine_log_lines_lost_total 0".to_owned(),
        "vcs_engine_task_restarts_total 0".to_owned(),
    ] {
        assert!(text.contains(&line), "{line} is missing in\n{text}");
    }
    assert_eq!(engine.browse(&engine.api("/mon/metrics")).0, 401);
    assert_eq!(engine.browse(&engine.api("/mon/version")).0, 401);
    assert_eq!(engine.get(&engine.api("/mon/version")).0, 200);
}
