//! The providers of this repository, loaded from their libraries, show the
//! behaviour that every provider must show.

use integration_tests::bitbucket::pinned_copy;
use integration_tests::{built_library, built_program};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use vcs_conformance::{Outcome, RecordingHost, Report, Run, Target, repositories};
use vcs_plugin_host::loader::Loader;
use vcs_provider_interface::secret::Secret;
use vcs_provider_interface::services::HostServices;

/// Every rule passes, or is skipped for one of these reasons.
fn assert_conforms(report: &Report, reasons: &[&str]) {
    assert!(report.conforms(), "{}", report.text());
    for rule in &report.rules {
        if let Outcome::Skipped { reason } = &rule.outcome {
            let is_known = reasons.iter().any(|known| reason.starts_with(known));
            assert!(is_known, "{} is skipped: {reason}", rule.id);
        }
    }
}

#[test]
fn plain_git_repositories_conform() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join("team").join(name);
    let sample = place("readable.git");
    repositories::make_sample(&sample).unwrap();
    repositories::copy(&sample, &place("writable.git")).unwrap();
    repositories::make_empty(&place("empty.git")).unwrap();

    let plugin = pinned_copy(&built_library("vcs-local-git"));
    let loaded = Loader::default().load(&plugin).unwrap();
    let host = Arc::new(RecordingHost::default());
    let services = Arc::clone(&host) as Arc<dyn HostServices>;
    let config = format!("root = {:?}", folder.path());
    let server = loaded.provider.new_server(&config, services).unwrap();
    let mut target = Target::new("team/readable", host);
    target.writable_repo = Some("team/writable".to_owned());
    target.empty_repo = Some("team/empty".to_owned());
    target.git_clone = Some(sample);
    target.secrets = vec![Secret::from("nothing secret here")];
    let report = Run::new(Arc::new(server), loaded.info, target)
        .run(|_, _, _| {})
        .unwrap();
    assert_conforms(
        &report,
        &[
            "the provider does not have",
            "the server cannot be made slow or failing",
            "check_connection does not count the requests",
        ],
    );
}

/// The report of the conformance kit as a command, on the mocked service.
fn report_by_the_command(plugin: &Path, further: &[&str]) -> Report {
    let output = Command::new(built_program("engine"))
        .args(["conformance", "--mock", "--json", "--plugin"])
        .arg(plugin)
        .args(further)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn assert_bitbucket_cloud_conforms(library: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let junit = folder.path().join("report.xml");
    let junit_path = junit.to_str().unwrap();
    let plugin = pinned_copy(library);
    let report = report_by_the_command(&plugin, &["--junit", junit_path]);
    assert_conforms(&report, &["every method is a capability"]);
    let document = std::fs::read_to_string(&junit).unwrap();
    assert!(document.contains(r#"failures="0""#), "{document}");
    // Hosted in a process of its own, the same file behaves in the same way.
    let mut isolated = report_by_the_command(&plugin, &["--isolated"]);
    for (one, other) in isolated.rules.iter_mut().zip(&report.rules) {
        one.seconds = other.seconds;
    }
    assert_eq!(isolated, report);
}

#[test]
fn bitbucket_cloud_conforms_by_the_command_on_the_mocked_service() {
    assert_bitbucket_cloud_conforms(&built_library("vcs-bitbucketcloud"));
}

mod needs_other_compiler {
    use super::*;
    use integration_tests::other_compiler::OtherCompiler;

    #[test]
    #[ignore = "needs a second compiler: cargo xtask test --full"]
    fn bitbucket_cloud_built_by_another_compiler_than_the_engine_conforms() {
        let compiler = OtherCompiler::present();
        let library = compiler.library("vcs-bitbucketcloud");
        let loaded = Loader::default().load(&pinned_copy(&library)).unwrap();
        assert_eq!(loaded.build.compiler.as_str(), compiler.version);
        assert_bitbucket_cloud_conforms(&library);
    }
}
