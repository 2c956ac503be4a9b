//! What a worker and an administrator do by hand: checkouts, deliveries, the
//! mock as a process of its own.

use hmac::{Hmac, KeyInit, Mac};
use integration_tests::engine::{Engine, REPO, engine, plugin_directory, run};
use integration_tests::sandbox::GitSandbox;
use serde_json::{Value, json};
use sha2::Sha256;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

#[test]
fn a_repository_is_checked_out_with_the_provider_s_credential() {
    let engine = Engine::serving(GitSandbox::small());
    let target = engine.path("work");
    let arguments = [
        "action",
        "checkout-application",
        REPO,
        target.to_str().unwrap(),
        "--branch",
        "feature/one",
        "--json",
    ];
    let checkout = engine.run(&arguments).success();
    assert_eq!(checkout["commit"], engine.git.hash("feature/one"));
    assert!(target.join("src/one.rs").is_file());
}

#[test]
fn a_clone_by_address_takes_its_token_from_the_environment() {
    let engine = Engine::serving(GitSandbox::small());
    let url = engine.mock.clone_url(REPO);
    let target = engine.path("work");
    let arguments = [
        "action",
        "git-clone",
        &url,
        target.to_str().unwrap(),
        "--tag",
        "v1.0.0",
        "--username",
        "x-token-auth",
        "--token-env",
        "GIT_TOKEN",
        "--json",
    ];
    let with_token = |token: &str| run(engine.command(&arguments).env("GIT_TOKEN", token));
    let ran = with_token("wrong-s3cret");
    assert_eq!(ran.code, Some(43), "{ran:?}");
    assert!(!format!("{ran:?}").contains("s3cret"), "{ran:?}");
    let token = engine.mock.access_token();
    let checkout = with_token(token.expose()).success();
    assert_eq!(checkout["commit"], engine.git.hash("v1.0.0"));
}

#[test]
fn a_delivery_is_verified_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let body = json!({
        "actor": {"display_name": "Ada", "type": "user"},
        "repository": {"uuid": "{1}", "full_name": REPO, "name": "widget", "type": "repository"},
        "push": {"changes": []},
    });
    let file = folder.path().join("body.json");
    std::fs::write(&file, body.to_string()).unwrap();
    let parse = |signature: &str| {
        run(engine()
            .args(["webhook", "parse", "--type", "bitbucketcloud", "--json"])
            .args(["--event", "repo:push", "--signature", signature])
            .args(["--secret-env", "HOOK_SECRET"])
            .arg(&file)
            .env("HOOK_SECRET", "a secret of the hook")
            .env("ENGINE_PLUGIN_DIR", plugin_directory()))
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(b"a secret of the hook").unwrap();
    mac.update(body.to_string().as_bytes());
    let digest = hex::encode(mac.finalize().into_bytes());
    let delivery = parse(&format!("sha256={digest}")).success();
    assert_eq!(delivery["verified"], true, "{delivery}");
    assert_eq!(delivery["events"], json!([]), "{delivery}");
    let forged = parse(&format!("sha256={}", "0".repeat(64)));
    assert_eq!(forged.code, Some(43), "{forged:?}");
}

#[test]
fn a_delivery_is_read_by_the_server_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let body = folder.path().join("body.json");
    std::fs::write(
        &body,
        r#"{"repository": {"full_name": "a/b"}, "push": {"changes": []}}"#,
    )
    .unwrap();
    let config = folder.path().join("config.toml");
    let parse = |text: &str, arguments: &[&str]| {
        std::fs::write(&config, text).unwrap();
        run(engine()
            .args([
                "webhook",
                "parse",
                "--event",
                "repo:push",
                "--json",
                "--config",
            ])
            .arg(&config)
            .args(arguments)
            .arg(&body)
            .env("ENGINE_PLUGIN_DIR", plugin_directory()))
    };
    let two = "[vcs.servers.a.bitbucketcloud]\n[vcs.servers.b.bitbucketcloud]\n";
    let one = parse("[vcs.servers.a.bitbucketcloud]\n", &[]);
    assert_eq!(one.code, Some(0), "{one:?}");
    assert_eq!(parse(two, &["--server", "b"]).code, Some(0));
    let open = parse(two, &["--type", "bitbucketcloud"]);
    assert_eq!(open.code, Some(2), "{open:?}");
    assert!(open.stderr.contains("--server"), "{open:?}");
    // Its table counts: a wrong key of it is named with its place.
    let wrong = parse("[vcs.servers.a.bitbucketcloud]\nclientNumber = 1\n", &[]);
    assert_eq!(wrong.code, Some(42), "{wrong:?}");
    assert!(wrong.stderr.contains("config.toml:2: "), "{wrong:?}");
    assert!(wrong.stderr.contains("clientNumber"), "{wrong:?}");
}

/// Ends a process when the test is over.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // A process that has ended already needs no end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_mock_says_when_it_is_ready_and_writes_a_configuration_that_works() {
    let git = GitSandbox::small();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("mock.toml");
    let child = engine()
        .args(["mock", "bitbucket", "--repo"])
        .arg(format!("{REPO}={}", git.path().display()))
        .arg("--write-config")
        .arg(&config)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    assert!(
        ready["api_url"]
            .as_str()
            .unwrap()
            .starts_with("http://127.0.0.1:")
    );
    let branch = run(engine()
        .args(["vcs", "branch", REPO, "--json", "--config"])
        .arg(&config)
        .arg("--plugin-dir")
        .arg(plugin_directory()));
    assert_eq!(branch.success()["latest_commit"], git.hash("main"));
}
