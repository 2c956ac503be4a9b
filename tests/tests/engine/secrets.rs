//! No secret in anything that a full run leaves behind.

use super::grants::consent;
use integration_tests::bitbucket::REPO;
use integration_tests::engine_process::{CALLBACK, EngineHome, SERVER, signature};
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::{ConsentDecision, MockBitbucket};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use vcs_engine::clock::SystemClock;
use vcs_engine::grants::{GrantStore, StoreKey};
use vcs_engine::store::Store;
use vcs_provider_interface::secret::Secret;

/// Files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// The tokens of the project's grant, read from the engine's own store.
fn tokens(home: &EngineHome) -> Vec<(&'static str, String)> {
    let path = home.path("engine.sqlite");
    let key = StoreKey::load(None, &path).unwrap();
    let store = Arc::new(Store::open(&path).unwrap());
    let grants = GrantStore::open(store, &key, Arc::new(SystemClock)).unwrap();
    let grant = grants.load(&format!("KEY/{SERVER}")).unwrap().unwrap();
    let shown = |token: Option<Secret>| token.unwrap().expose().to_owned();
    vec![
        ("an access token of a grant", shown(grant.access_token)),
        ("a refresh token of a grant", shown(grant.refresh_token)),
    ]
}

fn holds(bytes: &[u8], secret: &str) -> bool {
    bytes
        .windows(secret.len())
        .any(|window| window == secret.as_bytes())
}

#[test]
fn no_secret_is_in_the_log_the_arguments_the_answers_or_an_open_file() {
    let git = GitSandbox::small();
    let mock = MockBitbucket::builder()
        .callback_url(CALLBACK)
        .repo(REPO, git.path())
        .start()
        .unwrap();
    let home = EngineHome::public(&mock, "disableWebHooksCreation = true");
    let engine = home.start_with(&["--log-level", "trace"]);
    consent(&engine, &mock);
    let mut secrets = tokens(&home);
    let linked = engine.link("app", REPO);
    let hook_secret = linked["hook"]["secret"].as_str().unwrap().to_owned();
    let mut answers = Vec::new();
    let vcs = |path: &str| engine.get(&engine.vcs(path)).1.to_string();
    for path in [
        format!("/vcs/{SERVER}"),
        format!("/vcs/{SERVER}/repos?project=KEY"),
        format!("/vcs/{SERVER}/repos/{REPO}?project=KEY"),
        format!("/vcs/{SERVER}/repos/{REPO}/branches"),
        format!("/vcs/{SERVER}/repos/acme/none?project=KEY"),
        "/mon/plugins".to_owned(),
    ] {
        answers.push(vcs(&path));
    }
    mock.advance(Duration::from_secs(3 * 60 * 60));
    answers.push(vcs(&format!("/vcs/{SERVER}/repos/{REPO}?project=KEY")));
    secrets.extend(tokens(&home));
    mock.revoke_oauth_grants();
    answers.push(vcs(&format!("/vcs/{SERVER}/repos/{REPO}?project=KEY")));
    let path = format!("/project/KEY/repositories_manager/{SERVER}/authorize");
    let (_, begun) = engine.get(&engine.api(&path));
    let url = begun["url"].as_str().unwrap();
    let back = mock.consent(url, &ConsentDecision::Allow).unwrap();
    let query = back.split_once('?').unwrap().1.to_owned();
    let value = |name: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let found = pairs
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value);
        found.map(str::to_owned).next().unwrap()
    };
    let local = back.replacen("https://ci.example.com", &engine.api(""), 1);
    answers.push(engine.browse(&local).1.to_string());
    answers.push(engine.browse(&local).1.to_string());
    let body = json!({ "not": "a push" }).to_string();
    let hook = linked["hook"]["url"].as_str().unwrap().rsplit('/').next();
    let hook = engine.api(&format!("/webhook/{}", hook.unwrap()));
    answers.push(engine.post(&hook, &json!({ "un": "signed" })).1.to_string());
    answers.push(signature("another secret", body.as_bytes()));

    let token = mock.api_token();
    let consumer = mock.oauth_consumer();
    let key = fs::read_to_string(home.path("engine.key")).unwrap();
    secrets.extend(tokens(&home));
    secrets.extend([
        ("the API token", token.token.expose().to_owned()),
        ("the consumer's secret", consumer.secret.expose().to_owned()),
        ("the hook's secret", hook_secret),
        ("the services' token", engine.token.clone()),
        ("the store's key", key),
        ("the consent's state", value("state")),
        ("the consent's code", value("code")),
    ]);
    let arguments = fs::read(format!("/proc/{}/cmdline", engine.ready["pid"])).unwrap();
    let log = home.log();
    assert!(
        log.contains("TRACE"),
        "the log is not at its most talkative level"
    );
    for (name, secret) in &secrets {
        assert!(secret.len() >= 10, "{name} is too short to be searched for");
        assert!(!log.contains(secret), "{name} is in the log");
        assert!(!holds(&arguments, secret), "{name} is in the arguments");
        for answer in &answers {
            assert!(!answer.contains(secret), "{name} is in the answer {answer}");
        }
        for exchange in mock.requests() {
            let address = format!("{}?{}", exchange.path, exchange.query);
            let is_browser = exchange.path.starts_with("/site/oauth2/authorize");
            assert!(is_browser || !address.contains(secret), "{name}: {address}");
        }
    }
    let config = home.path("");
    for file in files(&config) {
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        let bytes = fs::read(&file).unwrap();
        for (name, secret) in &secrets {
            let is_open = mode & 0o077 != 0;
            assert!(
                !(is_open && holds(&bytes, secret)),
                "{name}: {}",
                file.display()
            );
            let is_store = file.to_string_lossy().contains("engine.sqlite");
            assert!(
                !(is_store && holds(&bytes, secret)),
                "{name} is in the store"
            );
        }
    }
}
