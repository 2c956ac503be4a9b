//! Starting, reloading and stopping the services.

use integration_tests::bitbucket::REPO;
use integration_tests::engine_process::{EngineHome, EngineProcess, SERVER};
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::MockBitbucket;
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn started(provider: &str) -> (GitSandbox, MockBitbucket, EngineHome, EngineProcess) {
    let git = GitSandbox::small();
    let mock = MockBitbucket::builder()
        .repo(REPO, git.path())
        .start()
        .unwrap();
    let home = EngineHome::public(&mock, provider);
    let engine = home.start();
    (git, mock, home, engine)
}

#[test]
fn the_vcs_service_answers_from_the_provider() {
    let (git, _mock, _home, engine) = started("");
    let base = format!("/vcs/{SERVER}/repos/{REPO}");
    let (status, branches) = engine.get(&engine.vcs(&format!("{base}/branches")));
    assert_eq!(status, 200, "{branches}");
    let names: Vec<_> = branches.as_array().unwrap().iter().collect();
    assert!(names.iter().any(|branch| branch["display_id"] == "main"));
    let (_, branch) = engine.get(&engine.vcs(&format!("{base}/branches/?branch=feature%2Fone")));
    assert_eq!(branch["latest_commit"], git.hash("feature/one").as_str());
    let (status, body) = engine.get(&engine.vcs(&format!("/vcs/{SERVER}/repos/acme/none")));
    assert_eq!((status, &body["kind"]), (404, &"NotFound".into()));
}

#[test]
fn the_service_says_which_status_setting_holds() {
    let (_git, _mock, home, engine) =
        started("[vcs.servers.cloud.bitbucketcloud.Status]\nshowDetail = true");
    let notice = engine.ready["notices"][0].as_str().unwrap().to_owned();
    assert!(
        notice.contains("keep the engine's address back"),
        "{notice}"
    );
    assert!(home.log().contains(&notice));
}

#[test]
fn a_config_file_that_others_can_read_is_warned_about() {
    let (_git, _mock, home, engine) = started("");
    drop(engine);
    let mode = fs::Permissions::from_mode(0o644);
    fs::set_permissions(home.path("config.toml"), mode).unwrap();
    let engine = home.start();
    let notices = engine.ready["notices"].to_string();
    assert!(notices.contains("chmod 600"), "{notices}");
    assert!(home.log().contains("chmod 600"));
}

#[test]
fn a_hang_up_reloads_and_a_termination_ends_well() {
    let (_git, _mock, _home, engine) = started("");
    engine.signal("HUP");
    let (status, _) = engine.get(&engine.api("/mon/status"));
    assert_eq!(status, 200);
    engine.signal("TERM");
    assert!(engine.wait());
}

#[test]
fn a_store_sealed_with_another_key_stops_the_start_with_a_reason() {
    let (_git, _mock, home, engine) = started("disableWebHooksCreation = true");
    let _ = engine.link("app", REPO);
    engine.kill();
    let key = home.path("engine.key");
    fs::write(&key, "ab".repeat(32)).unwrap();
    let said = home.refused();
    assert!(said.contains("sealed with another key"), "{said}");
}
