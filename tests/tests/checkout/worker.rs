//! Workers elsewhere: a run's token gives its checkout, and nothing else. And the
//! applications of the engine's store by their names.

use crate::support::{World, sentence};
use integration_tests::bitbucket::REPO;
use integration_tests::engine::{engine, run};
use integration_tests::engine_process::{EngineHome, EngineProcess};
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::MockBitbucket;
use serde_json::{Value, json};

struct Service {
    git: GitSandbox,
    home: EngineHome,
    engine: EngineProcess,
    hash: String,
    run: i64,
    world: World,
    _mock: MockBitbucket,
}

/// An engine with an application and a run of its main branch.
fn service() -> Service {
    let git = GitSandbox::small();
    let mock = MockBitbucket::builder()
        .repo(REPO, git.path())
        .start()
        .expect("the mock");
    let home = EngineHome::public(&mock, "disableWebHooks = true");
    let engine = home.start();
    let _ = engine.link("app", REPO);
    let poll = engine.api("/project/KEY/applications/app/poll");
    let _ = engine.post(&poll, &json!({}));
    let hash = git.commit_all("Pushed");
    let (status, polled) = engine.post(&poll, &json!({}));
    assert_eq!(status, 200, "{polled}");
    let runs = engine.api("/project/KEY/applications/app/runs");
    let runs = engine.wait_for(&runs, |runs| {
        let all = runs.as_array().or_else(|| runs["runs"].as_array());
        all.is_some_and(|all| all.iter().any(|run| run["hash"] == hash.as_str()))
    });
    let all = runs
        .as_array()
        .or_else(|| runs["runs"].as_array())
        .expect("runs");
    let run = all
        .iter()
        .find(|run| run["hash"] == hash.as_str())
        .expect("a run");
    Service {
        run: run["id"].as_i64().expect("a number"),
        git,
        home,
        engine,
        hash,
        world: World::new(),
        _mock: mock,
    }
}

fn token_of(service: &Service) -> String {
    let path = format!("/project/KEY/applications/app/runs/{}/token", service.run);
    let (status, body) = service
        .engine
        .post(&service.engine.api(&path), &Value::Null);
    assert_eq!(status, 200, "{body}");
    body["token"].as_str().expect("a token").to_owned()
}

#[test]
fn a_worker_with_nothing_but_the_run_s_token_gets_the_checkout() {
    let service = service();
    let token = token_of(&service);
    let api = service.engine.api("");
    let target = service.world.work();
    let number = service.run.to_string();
    let check_out = |token: &str, number: &str, target: &str| {
        let words = [
            "action",
            "checkout-application",
            "--api",
            &api,
            "--run",
            number,
        ];
        let mut command = engine();
        command
            .args(words)
            .args(["--token-env", "RUN_TOKEN", target, "--json"])
            .env("RUN_TOKEN", token);
        run(&mut command)
    };
    let checkout = check_out(&token, &number, target.to_str().expect("a path")).success();
    assert_eq!(checkout["commit"], service.hash);
    assert_eq!(checkout["variables"]["git.branch"], "main");
    let version = checkout["variables"]["cds.semver"]
        .as_str()
        .expect("a version");
    assert!(version.ends_with(&format!("cds.{number}")), "{version}");
    assert!(target.join("README.md").exists());

    let other = (service.run + 1).to_string();
    for (token, number) in [("vcse_wrong", &number), (token.as_str(), &other)] {
        let ran = check_out(token, number, "/nowhere/at/all");
        assert_eq!(ran.code, Some(43), "{ran:?}");
        assert!(!format!("{ran:?}").contains(token), "{ran:?}");
    }
    let agent = ureq::Agent::new_with_config(
        ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build(),
    );
    for path in [
        "/applications",
        "/project/KEY/applications/app/runs",
        "/mon/plugins",
    ] {
        let response = agent
            .get(service.engine.api(path))
            .header("Authorization", format!("Bearer {token}"))
            .call()
            .expect("a response");
        assert_eq!(response.status(), 403, "{path}");
    }
    let secret_in_log = service.home.log();
    assert!(!secret_in_log.contains(&token), "{secret_in_log}");
    assert_eq!(service.git.hash("main"), service.hash);
}

#[test]
fn an_application_of_the_store_is_checked_out_by_its_name_and_run() {
    let service = service();
    let config = service.home.path("config.toml");
    let action = |target: &str, more: &[&str]| {
        let target = service.world.path(target);
        let words = [
            &[
                "checkout-application",
                "KEY/app",
                target.to_str().expect("a path"),
                "--json",
            ],
            more,
        ]
        .concat();
        let mut command = service.world.action(&words);
        command.env("ENGINE_CONFIG", &config);
        for name in ["ENGINE_STORE_KEY", "STORE_KEY"] {
            command.env_remove(name);
        }
        run(&mut command)
    };
    let checkout = action("main", &[]).success();
    assert_eq!(checkout["commit"], service.hash);
    let checkout = action("run", &["--run", &service.run.to_string()]).success();
    assert_eq!(checkout["commit"], service.hash);
    let ran = action("none", &["--run", "4711"]);
    assert_eq!(ran.code, Some(45), "{ran:?}");
    assert!(sentence(&ran).contains("4711"), "{ran:?}");
}
