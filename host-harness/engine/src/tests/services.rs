//! The services over HTTP: who gets in, what a caller is told, and the end.

use super::fake::{FakeServers, FakeService, SERVER, delivery};
use super::hash;
use crate::clock::MovableClock;
use crate::config::{EngineConfig, KeySource};
use crate::events::rules::tests::branch_event;
use crate::grants::tests::key;
use crate::grants::{GrantStore, hook_place};
use crate::services::AccessToken;
use crate::start::{Parts, Running, Services};
use crate::store::tests::open_at;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use ureq::http::Response;
use ureq::{Agent, Body};

pub(super) const TOKEN: &str = "a-token-of-the-tests";

/// How long a test waits for what has to happen.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Host {
    pub(super) running: Option<Running>,
    pub(super) service: Arc<FakeService>,
    pub(super) agent: Agent,
    pub(super) token: String,
    _directory: tempfile::TempDir,
}

fn config_in(directory: &Path) -> EngineConfig {
    let token = directory.join("api.token");
    std::fs::write(&token, format!("{TOKEN}\n")).unwrap();
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut config = EngineConfig::default();
    config.api.listen.set_port(0);
    config.vcs.listen.set_port(0);
    config.api.url = format!("http://{}", config.api.listen);
    config.api.development = true;
    config.api.token = Some(KeySource::File(token));
    config.store.path = directory.join("engine.sqlite");
    config
}

fn parts(config: &EngineConfig, service: &Arc<FakeService>) -> Parts {
    let clock = Arc::new(MovableClock::new());
    let store = Arc::new(open_at(&config.store.path));
    let at = Arc::clone(&clock) as Arc<_>;
    let grants = GrantStore::open(Arc::clone(&store), &key("01"), at).unwrap();
    Parts {
        store,
        grants: Arc::new(grants),
        token: AccessToken::load(config).unwrap(),
        servers: Arc::new(FakeServers(Arc::clone(service))),
        clock: Arc::clone(&clock) as Arc<_>,
        movable_clock: Some(clock),
        lost_log_lines: Default::default(),
    }
}

impl Host {
    pub(super) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = config_in(directory.path());
        let service = FakeService::new();
        let both = Services {
            api: true,
            vcs: true,
        };
        let running = Running::start(&config, both, parts(&config, &service)).unwrap();
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .build();
        Self {
            running: Some(running),
            service,
            agent: agent.into(),
            token: TOKEN.to_owned(),
            _directory: directory,
        }
    }

    pub(super) fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    pub(super) fn api(&self, path: &str) -> String {
        let url = self.running().ready().api_url.as_ref();
        format!("{}{path}", url.unwrap())
    }

    pub(super) fn vcs(&self, path: &str) -> String {
        let url = self.running().ready().vcs_url.as_ref();
        format!("{}{path}", url.unwrap())
    }

    pub(super) fn get(&self, url: &str) -> (u16, Value) {
        let request = self.agent.get(url);
        answer(
            request
                .header("Authorization", format!("Bearer {}", self.token))
                .call()
                .unwrap(),
        )
    }

    pub(super) fn post(&self, url: &str, body: &Value) -> (u16, Value) {
        let request = self.agent.post(url);
        answer(
            request
                .header("Authorization", format!("Bearer {}", self.token))
                .header("Content-Type", "application/json")
                .send(body.to_string())
                .unwrap(),
        )
    }

    pub(super) fn link(&self) {
        let url = self.api("/project/KEY/applications/app/link");
        let (status, body) = self.post(&url, &json!({ "server": SERVER, "repo": "ws/app" }));
        assert_eq!(status, 200, "{body}");
    }

    pub(super) fn deliver(&self, id: &str) -> u16 {
        let engine = self.running().engine();
        let app = engine.store.application("KEY", "app").unwrap();
        let hook = engine.store.hook_of_application(app.id).unwrap().unwrap();
        let sealer = engine.grants.sealer();
        let secret = sealer.open(&hook_place(&hook.id), &hook.sealed_secret);
        let event = branch_event("main", None, Some(&hash('a')));
        let (headers, body) = delivery(secret.unwrap().expose(), id, &[event]);
        let mut request = self.agent.post(self.api(&format!("/webhook/{}", hook.id)));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.send(&body[..]).unwrap().status().as_u16()
    }

    /// Asks until the answer is as it has to become.
    pub(super) fn wait_for(&self, path: &str, is_there: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (_, body) = self.get(&self.api(path));
            if is_there(&body) {
                return body;
            }
            assert!(Instant::now() < deadline, "{path} stays {body}");
            std::thread::yield_now();
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }
}

pub(super) fn answer(mut response: Response<Body>) -> (u16, Value) {
    let text = response.body_mut().read_to_string().unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    (response.status().as_u16(), body)
}

/// Situation `receiver-path`.
#[test]
fn without_the_token_only_health_deliveries_and_the_consent_answer_are_open() {
    let mut host = Host::start();
    host.token = "not-the-token-of-the-tests".to_owned();
    for path in [
        "/applications",
        "/project/KEY/applications/app/link",
        "/project/KEY/repositories_manager/cloud/authorize",
        "/mon/plugins",
        "/mon/deliveries",
    ] {
        assert_eq!(host.get(&host.api(path)).0, 401, "{path}");
    }
    for path in ["/nothing", "/webhooks/copied-wrongly"] {
        assert_eq!(host.get(&host.api(path)).0, 404, "{path}");
        assert_eq!(host.post(&host.api(path), &json!({})).0, 404, "{path}");
    }
    for path in ["/vcs", "/vcs/cloud/repos", "/mon/plugins"] {
        assert_eq!(host.get(&host.vcs(path)).0, 401, "{path}");
    }
    let reload = host.api("/mon/plugins/reload");
    assert_eq!(host.post(&reload, &json!({})).0, 401);
    assert_eq!(host.service.reloads.load(Ordering::Acquire), 0);
    assert_eq!(host.get(&host.api("/mon/status")).0, 200);
    assert_eq!(host.get(&host.vcs("/mon/status")).0, 200);
    let webhook = host.api("/webhook/unknown");
    assert_eq!(host.post(&webhook, &json!({})).0, 404);
    let callback = host.api("/repositories_manager/oauth2/callback");
    assert_eq!(host.get(&callback).0, 400);
}

#[test]
fn the_token_opens_the_routes_and_unknown_ones_are_404() {
    let host = Host::start();
    let (status, body) = host.get(&host.vcs("/vcs"));
    assert_eq!(
        (status, body),
        (200, json!({ "cloud": { "type": "fake" } }))
    );
    let (status, body) = host.get(&host.vcs("/vcs/cloud/repos"));
    assert_eq!((status, &body[0]["fullname"]), (200, &json!("ws/app")));
    let (status, body) = host.get(&host.vcs("/vcs/cloud/repos/ws/app"));
    assert_eq!((status, &body["fullname"]), (200, &json!("ws/app")));
    assert_eq!(host.get(&host.vcs("/vcs/cloud/webhooks")).0, 200);
    assert_eq!(host.get(&host.vcs("/nothing")).0, 404);
    assert_eq!(host.get(&host.vcs("/vcs/other/repos")).0, 404);
}

#[test]
fn a_branch_is_asked_for_by_query_so_that_its_name_may_hold_anything() {
    let host = Host::start();
    let mut branches = host.service.branches.lock().unwrap();
    branches.insert("feature/ä #1 & more".to_owned(), hash('a'));
    branches.insert("main".to_owned(), hash('b'));
    drop(branches);
    let base = host.vcs("/vcs/cloud/repos/ws/app/branches/");
    let (status, body) = host.get(&format!(
        "{base}?branch=feature%2F%C3%A4%20%231%20%26%20more"
    ));
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["latest_commit"], json!(hash('a')));
    let (_, body) = host.get(&format!("{base}?default=true"));
    assert_eq!(body["display_id"], "main");
    let (status, body) = host.get(&format!("{base}?branch=none"));
    assert_eq!((status, &body["kind"]), (404, &json!("NotFound")));
}

#[test]
fn an_unsupported_call_says_so() {
    let host = Host::start();
    let (status, body) = host.get(&host.vcs("/vcs/cloud/repos/ws/app/tags"));
    assert_eq!((status, &body["kind"]), (501, &json!("Unsupported")));
}

#[test]
fn a_call_is_cancelled_when_its_caller_goes_away() {
    let host = Host::start();
    let (cancelled, seen) = mpsc::channel();
    *host.service.cancelled.lock().unwrap() = Some(cancelled);
    host.service.hanging.store(true, Ordering::Release);
    let address = host.vcs("");
    let mut caller = TcpStream::connect(address.trim_start_matches("http://")).unwrap();
    let request = format!(
        "GET /vcs/cloud/repos HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    );
    caller.write_all(request.as_bytes()).unwrap();
    while host.service.credentials.lock().unwrap().is_empty() {
        std::thread::yield_now();
    }
    drop(caller);
    seen.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn a_request_under_way_is_answered_when_the_services_stop() {
    let mut host = Host::start();
    host.service.hanging.store(true, Ordering::Release);
    let address = host.vcs("").replace("http://", "");
    let mut caller = TcpStream::connect(&address).unwrap();
    let request = format!(
        "GET /vcs/cloud/repos HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    );
    caller.write_all(request.as_bytes()).unwrap();
    while host.service.credentials.lock().unwrap().is_empty() {
        std::thread::yield_now();
    }
    let running = host.running.take().unwrap();
    let stopping = std::thread::spawn(move || running.stop());
    // No new callers from some moment on.
    while TcpStream::connect(&address).is_ok() {
        std::thread::yield_now();
    }
    host.service.hanging.store(false, Ordering::Release);
    let mut answered = String::new();
    caller.read_to_string(&mut answered).unwrap();
    assert!(answered.starts_with("HTTP/1.1 200"), "{answered}");
    stopping.join().unwrap();
}

#[test]
fn a_delivery_becomes_a_run_by_itself() {
    let host = Host::start();
    host.link();
    assert_eq!(host.deliver("1"), 200);
    assert_eq!(host.deliver("1"), 200);
    let runs = host.wait_for("/project/KEY/applications/app/runs", |runs| {
        runs.as_array().is_some_and(|runs| !runs.is_empty())
    });
    assert_eq!(runs[0]["branch"], "main");
    let (_, counts) = host.get(&host.api("/mon/deliveries"));
    assert_eq!(
        counts,
        json!({ "accepted": 1, "seen": 1, "refused": 0, "failed": 0 })
    );
}

/// Situation `receiver-path`.
#[test]
fn what_is_wrong_with_a_delivery_is_said_by_its_status() {
    let host = Host::start();
    host.link();
    let engine = host.running().engine();
    let hook = engine.store.first_hook().unwrap().unwrap();
    let url = host.api(&format!("/webhook/{}", hook.id));
    assert_eq!(host.post(&url, &json!([])).0, 401);
    assert_eq!(host.post(&format!("{url}/"), &json!([])).0, 401);
    assert_eq!(host.post(&format!("{url}x"), &json!([])).0, 404);
    let large = vec![b' '; engine.settings.max_delivery_bytes + 1];
    let sent = host.agent.post(&url).send(&large[..]).unwrap();
    assert_eq!(sent.status(), 413);
    assert_eq!(host.get(&url).0, 405);
    let (_, counts) = host.get(&host.api("/mon/deliveries"));
    assert_eq!(counts["refused"], 4);
}

#[test]
fn the_moved_clock_removes_the_runs_of_a_deleted_branch() {
    let host = Host::start();
    host.link();
    host.deliver("1");
    let runs = "/project/KEY/applications/app/runs";
    host.wait_for(runs, |runs| runs.as_array().is_some_and(|r| r.len() == 1));
    let engine = host.running().engine();
    let app = engine.store.application("KEY", "app").unwrap();
    let deleted = branch_event("main", Some(&hash('a')), None);
    let stored = crate::events::rules::to_stored(&deleted);
    let before = engine.store.poll_cursor(app.id).unwrap();
    let cursor = before.clone().unwrap();
    let events = vec![stored];
    engine
        .store
        .store_poll(app.id, before, cursor, events)
        .unwrap();
    engine.wake.notify_one();
    host.wait_for("/project/KEY/applications/app/cleanups", |planned| {
        planned.as_array().is_some_and(|planned| planned.len() == 1)
    });
    let url = host.api("/mon/clock/advance");
    let (status, _) = host.post(&url, &json!({ "seconds": 23 * 3600 }));
    assert_eq!(status, 200);
    let (_, body) = host.get(&host.api(runs));
    assert_eq!(body.as_array().unwrap().len(), 1);
    host.post(&url, &json!({ "seconds": 3600 }));
    host.wait_for(runs, |runs| runs.as_array().is_some_and(Vec::is_empty));
}

#[test]
fn a_consent_over_http_ends_in_a_grant_and_a_replay_in_400() {
    let host = Host::start();
    let (status, consent) =
        host.get(&host.api("/project/KEY/repositories_manager/cloud/authorize"));
    assert_eq!(status, 200, "{consent}");
    let callback = host.api("/repositories_manager/oauth2/callback");
    assert_eq!(consent["redirect_uri"], json!(callback));
    let url = url::Url::parse(consent["url"].as_str().unwrap()).unwrap();
    let state = url.query_pairs().next().unwrap().1.into_owned();
    let answered = format!("{callback}?state={state}&code=good-code");
    let get = |url: &str| answer(host.agent.get(url).call().unwrap());
    assert_eq!(get(&answered).0, 200);
    assert_eq!(get(&answered).0, 400);
    let (_, managers) = host.get(&host.api("/project/KEY/repositories_manager"));
    assert_eq!(managers[0]["linked"], true);
    let (_, managers) = host.get(&host.api("/project/OTHER/repositories_manager"));
    assert_eq!(managers[0]["linked"], false);
}

#[test]
fn a_consent_shown_to_another_project_is_400() {
    let host = Host::start();
    let begin = "/project/KEY/repositories_manager/cloud/authorize";
    let (_, consent) = host.get(&host.api(begin));
    let url = url::Url::parse(consent["url"].as_str().unwrap()).unwrap();
    let state = url.query_pairs().next().unwrap().1.into_owned();
    let body = json!({ "state": state, "code": "good-code" });
    let foreign = host.api("/project/OTHER/repositories_manager/cloud/authorize/callback");
    assert_eq!(host.post(&foreign, &body).0, 400);
    let engine = host.running().engine();
    for project in ["KEY", "OTHER"] {
        assert_eq!(engine.store.project_grant(project, SERVER).unwrap(), None);
    }
}

#[test]
fn a_denied_consent_is_said_to_be_denied() {
    let host = Host::start();
    let begin = "/project/KEY/repositories_manager/cloud/authorize";
    let (_, consent) = host.get(&host.api(begin));
    let url = url::Url::parse(consent["url"].as_str().unwrap()).unwrap();
    let state = url.query_pairs().next().unwrap().1.into_owned();
    let callback = host.api("/repositories_manager/oauth2/callback");
    let response = host
        .agent
        .get(format!("{callback}?state={state}&error=access_denied"))
        .call()
        .unwrap();
    let (status, text) = answer(response);
    assert_eq!(status, 403);
    assert!(text.as_str().unwrap().contains("access_denied"), "{text}");
}

#[test]
fn plugins_are_reloaded_on_request() {
    let host = Host::start();
    let (status, body) = host.post(&host.api("/mon/plugins/reload"), &json!({}));
    assert_eq!((status, body), (200, json!({ "reloaded": true })));
    let (_, health) = host.get(&host.vcs("/mon/plugins"));
    assert_eq!(health["reloads"], 1);
}

#[test]
fn names_that_would_confuse_addresses_are_rejected() {
    let host = Host::start();
    let body = json!({ "server": SERVER, "repo": "ws/app" });
    for project in ["a%2Fb", "a%0Ab"] {
        let url = host.api(&format!("/project/{project}/applications/app/link"));
        assert_eq!(host.post(&url, &body).0, 400, "{project}");
    }
}

#[test]
fn a_token_that_is_too_short_or_readable_by_others_is_rejected() {
    let directory = tempfile::tempdir().unwrap();
    let config = config_in(directory.path());
    let token = directory.path().join("api.token");
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(AccessToken::load(&config).is_err());
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(AccessToken::load(&config).is_ok());
    std::fs::write(&token, "short").unwrap();
    assert!(AccessToken::load(&config).is_err());
}

#[test]
fn without_a_configured_token_one_is_made_that_only_the_owner_can_read() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config_in(directory.path());
    config.api.token = None;
    let token = AccessToken::load(&config).unwrap();
    let file = token.file.clone().unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(token.is(&text) && text.len() == 64);
    assert!(!token.is(TOKEN));
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
