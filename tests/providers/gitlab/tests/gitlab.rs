//! The provider against a small GitLab over a real git repository: in the
//! conformance kit, and in what GitLab has otherwise than others.

mod server;

use serde_json::json;
use server::{CLIENT, GitLabServer, TOKEN};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use vcs_conformance::{RecordingHost, Run, Target, repositories};
use vcs_gitlab::GitLab;
use vcs_provider_interface::abi::{HostProvider, HostServer, module_of};
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect;
use vcs_provider_interface::value::Bytes;

const REPO: &str = "group/sub/deep/app";
const EMPTY: &str = "group/sub/empty";
const WRITABLE: &str = "group/writable";

struct Setting {
    service: Arc<GitLabServer>,
    server: HostServer,
    host: Arc<RecordingHost>,
    folder: PathBuf,
}

impl Drop for Setting {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn context() -> HostCallContext {
    HostCallContext::new("test").with_time_limit(Duration::from_secs(60))
}

fn setting(name: &str) -> Setting {
    let folder = std::env::temp_dir().join(format!("vcs-gitlab-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let service = GitLabServer::start();
    repositories::make_sample(&folder.join("app.git")).unwrap();
    repositories::make_empty(&folder.join("empty.git")).unwrap();
    repositories::copy(&folder.join("app.git"), &folder.join("writable.git")).unwrap();
    service.add_project(REPO, &folder.join("app.git"));
    service.add_project(EMPTY, &folder.join("empty.git"));
    service.add_project(WRITABLE, &folder.join("writable.git"));
    let host = Arc::new(RecordingHost::default());
    let config = format!(
        "url = {:?}\ntoken = {TOKEN:?}\nclientId = {:?}\nclientSecret = {:?}\n",
        service.url(),
        CLIENT.0,
        CLIENT.1
    );
    let services = Arc::clone(&host) as Arc<dyn HostServices>;
    let server = HostProvider::new(module_of::<GitLab>()).new_server(&config, services);
    let server = server.unwrap_or_else(|error| panic!("{error}"));
    Setting {
        service: Arc::new(service),
        server,
        host,
        folder,
    }
}

impl Setting {
    fn client(&self) -> Box<dyn AuthorizedClient> {
        match self.server.authorized_client(Credential::configured()) {
            Ok(client) => client,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn the_provider_conforms() {
    let mut setting = setting("kit");
    let mut target = Target::new(REPO, Arc::clone(&setting.host));
    target.git_clone = Some(setting.folder.join("app.git"));
    target.empty_repo = Some(EMPTY.to_owned());
    target.writable_repo = Some(WRITABLE.to_owned());
    target.secrets = vec![Secret::from(TOKEN), Secret::from(CLIENT.1)];
    target.faults = Some(Arc::clone(&setting.service) as Arc<dyn vcs_conformance::ServerFaults>);
    target.host_threads = vec!["gitlab".to_owned()];
    let provider = HostProvider::new(module_of::<GitLab>());
    let info = provider.info().unwrap();
    let services = Arc::clone(&setting.host) as Arc<dyn HostServices>;
    let config = format!("url = {:?}\ntoken = {TOKEN:?}\n", setting.service.url());
    let Ok(other) = provider.new_server(&config, services) else {
        panic!("the configuration is right");
    };
    let server = std::mem::replace(&mut setting.server, other);
    let report = Run::new(Arc::new(server), info, target)
        .run(|_, _, _| {})
        .unwrap();
    assert!(report.conforms(), "{}", report.text());
    assert!(report.counts().passed > 30, "{}", report.text());
}

#[test]
fn lists_follow_keyset_pages_and_names_of_any_depth_are_one_segment() {
    let setting = setting("pages");
    for number in 0..150 {
        let git = setting.folder.join("empty.git");
        setting
            .service
            .add_project(&format!("group/many/p{number}"), &git);
    }
    let client = setting.client();
    let request = RepositoriesRequest {
        workspace: Some("group/many".to_owned()),
        ..Default::default()
    };
    let found = collect(|sink| client.repos(&context(), request, sink)).unwrap();
    assert_eq!(found.len(), 150);
    assert_eq!(found[0].visibility, Some(Visibility::INTERNAL));
    let requests = setting.service.requests();
    assert_eq!(requests.len(), 2, "{requests:?}");
    assert!(requests[1].contains("id_after="), "{requests:?}");

    let request = RepositoryRequest {
        repo: REPO.to_owned(),
        ..Default::default()
    };
    let found = client.repo_by_fullname(&context(), request).unwrap();
    assert_eq!(
        (found.fullname.as_str(), found.slug.as_str()),
        (REPO, "app")
    );
    let last = setting.service.requests().pop().unwrap();
    assert_eq!(last, "GET /api/v4/projects/group%2Fsub%2Fdeep%2Fapp");
}

#[test]
fn a_merge_request_has_its_labels_and_the_ref_to_fetch() {
    let setting = setting("mr");
    let iid = setting
        .service
        .open_merge_request(REPO, "feature/one", "One");
    let request = PullRequestRequest {
        repo: REPO.to_owned(),
        id: iid,
        ..Default::default()
    };
    let found = setting.client().pull_request(&context(), request).unwrap();
    assert_eq!(found.labels, ["ci", "wish"]);
    assert_eq!(found.draft, Some(true));
    assert_eq!(
        found.fetch_ref.as_deref(),
        Some("refs/merge-requests/1/head")
    );
    assert_eq!(found.head.branch.default, None, "GitLab does not say");
    let request = CheckoutRequest {
        repo: REPO.to_owned(),
        pull_request: Some(iid),
        ..Default::default()
    };
    let checkout = setting
        .client()
        .checkout_credentials(&context(), request)
        .unwrap();
    assert_eq!(checkout.fetch_refs, ["refs/merge-requests/1/head"]);
    assert_eq!(checkout.username.as_deref(), Some("oauth2"));
}

#[test]
fn a_status_is_published_in_gitlabs_words() {
    let setting = setting("status");
    let client = setting.client();
    let main = client
        .branch(
            &context(),
            BranchRequest {
                repo: WRITABLE.to_owned(),
                ..Default::default()
            },
        )
        .unwrap();
    assert_eq!((main.default, main.protected), (Some(true), Some(true)));
    for state in [BuildState::BUILDING, BuildState::FAIL] {
        let request = StatusRequest {
            repo: WRITABLE.to_owned(),
            commit: main.latest_commit.clone(),
            key: "build".to_owned(),
            state,
            url: "https://ci.example/1".to_owned(),
            hide_url: true,
            ..Default::default()
        };
        assert_eq!(client.set_status(&context(), request).unwrap().url, "");
    }
    assert_eq!(setting.service.statuses(WRITABLE), ["build failed"]);
}

#[test]
fn consent_is_bound_to_its_verifier_and_its_issuer() {
    let setting = setting("consent");
    let redirect_uri = Some("https://ci.example/callback".to_owned());
    let begin = || {
        let request = AuthorizeRequest {
            redirect_uri: redirect_uri.clone(),
            scopes: vec!["read_api".to_owned()],
            ..Default::default()
        };
        let redirect = setting
            .server
            .authorize_redirect(&context(), request)
            .unwrap();
        assert!(redirect.url.contains("scope=read_api"), "{}", redirect.url);
        (setting.service.consent(&redirect.url), redirect)
    };
    let exchange = |code: &str, verifier: Option<Secret>, issuer: Option<String>| {
        let request = AuthorizeTokenRequest {
            code: Some(Secret::from(code)),
            redirect_uri: redirect_uri.clone(),
            code_verifier: verifier,
            issuer,
            ..Default::default()
        };
        setting.server.authorize_token(&context(), request)
    };
    let (code, redirect) = begin();
    let verifier = redirect.code_verifier.unwrap();
    let grant = exchange(&code, Some(verifier.clone()), Some(setting.service.url())).unwrap();
    assert_eq!(grant.scopes, ["api"]);
    let again = exchange(&code, Some(verifier.clone()), None).unwrap_err();
    assert_eq!(again.kind, ErrorKind::UNAUTHENTICATED);
    // Another's verifier, and another's issuer.
    let (code, _) = begin();
    let error = exchange(&code, Some(verifier.clone()), None).unwrap_err();
    assert_eq!(error.kind, ErrorKind::UNAUTHENTICATED);
    let elsewhere = Some("https://gitlab.evil.example".to_owned());
    let error = exchange(&code, Some(verifier), elsewhere).unwrap_err();
    assert_eq!(error.kind, ErrorKind::UNAUTHENTICATED);
}

#[test]
fn a_delivery_is_proved_by_its_token_also_while_that_changes() {
    let setting = setting("delivery");
    let body = json!({
        "object_kind": "push", "ref": "refs/heads/topic/one",
        "before": "0000000000000000000000000000000000000000",
        "after": "2222222222222222222222222222222222222222",
        "checkout_sha": "2222222222222222222222222222222222222222",
        "user_id": 9, "user_username": "ada", "user_name": "Ada",
        "project": { "id": 1, "name": "app", "path_with_namespace": REPO,
            "web_url": "https://gitlab.example/app", "default_branch": "main" },
        "commits": [
            { "id": "1111111111111111111111111111111111111111", "message": "one\n",
              "timestamp": "2024-01-02T03:04:05+01:00", "url": "u",
              "author": { "name": "Ada", "email": "ada@example.org" } },
            { "id": "2222222222222222222222222222222222222222", "message": "two\n",
              "timestamp": "2024-01-02T03:05:05+01:00", "url": "u",
              "author": { "name": "Ada", "email": "ada@example.org" } }
        ],
        "total_commits_count": 25
    });
    let parse = |token: Option<&str>, previous: Option<&str>| {
        let mut headers = vec![
            ("X-Gitlab-Event".to_owned(), "Push Hook".to_owned()),
            ("X-Gitlab-Event-UUID".to_owned(), "e-1".to_owned()),
        ];
        headers.extend(token.map(|token| ("X-Gitlab-Token".to_owned(), token.to_owned())));
        let request = WebhookRequest {
            headers,
            body: Bytes(body.to_string().into_bytes()),
            secret: Some(Secret::from("new")),
            previous_secret: previous.map(Secret::from),
            ..Default::default()
        };
        setting.server.parse_webhook(&context(), request)
    };
    for (token, previous) in [(None, None), (Some("old"), None), (Some("x"), Some("old"))] {
        let error = parse(token, previous).unwrap_err();
        assert_eq!(error.kind, ErrorKind::UNAUTHENTICATED, "{token:?}");
    }
    assert!(
        parse(Some("old"), Some("old"))
            .unwrap()
            .previous_secret_used
    );
    let delivery = parse(Some("new"), Some("old")).unwrap();
    assert!(delivery.verified && !delivery.previous_secret_used);
    assert_eq!(delivery.id.as_deref(), Some("e-1"));
    let event = &delivery.events[0];
    assert_eq!(event.kind, EventKind::REF_CREATED);
    let repo = event.repo.as_ref().unwrap();
    assert_eq!(
        (repo.fullname.as_str(), repo.default_branch.as_deref()),
        (REPO, Some("main"))
    );
    let change = event.change.as_ref().unwrap();
    assert_eq!((change.forced, change.truncated), (None, Some(true)));
    assert_eq!(change.total_commits, Some(25));
    assert!(change.commits[0].id.starts_with('2'), "newest first");
    let info = setting
        .server
        .webhooks_info(&context(), WebhooksInfoRequest::default())
        .unwrap();
    assert_eq!(
        (info.proof.kind, info.proof.header.as_str()),
        (ProofKind::TOKEN, "X-Gitlab-Token")
    );
}

#[test]
fn a_wrong_configuration_names_the_key_and_the_line() {
    let host = Arc::new(RecordingHost::default());
    let error = |text: &str| {
        let services = Arc::clone(&host) as Arc<dyn HostServices>;
        let made = HostProvider::new(module_of::<GitLab>()).new_server(text, services);
        made.err().unwrap()
    };
    assert_eq!(
        error("url = \"http://gitlab.example\"").config_key(),
        Some("url")
    );
    assert_eq!(
        error("token = { env = \"NOT_THERE\" }").config_key(),
        Some("token")
    );
    let unknown = error("url = \"https://gitlab.example\"\ntokn = \"hunter2\"");
    assert_eq!(unknown.config_line(), Some(2));
    assert!(!unknown.message.contains("hunter2"), "{}", unknown.message);
}

/// Takes one request and answers it; its headers and its body.
fn receive(listener: &TcpListener) -> (Vec<(String, String)>, Vec<u8>) {
    let (mut stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let lines = reader.by_ref().lines().map(std::result::Result::unwrap);
    let headers: Vec<(String, String)> = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_owned(), value.to_owned()))
        })
        .collect();
    let length = headers.iter().find(|(name, _)| name == "Content-Length");
    let mut body = vec![0; length.unwrap().1.parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        .unwrap();
    (headers, body)
}

#[test]
fn what_the_service_delivers_is_proved_by_the_token_of_the_hook() {
    let setting = setting("delivery");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let secret = Secret::from("token-of-the-hook");
    let hook = HookRequest {
        repo: REPO.to_owned(),
        name: "ci".to_owned(),
        url: format!("http://{}/hook", listener.local_addr().unwrap()),
        secret: Some(secret.clone()),
        ..Default::default()
    };
    setting.client().create_hook(&context(), hook).unwrap();
    let receiver = std::thread::spawn(move || receive(&listener));
    assert_eq!(setting.service.deliver_push(REPO, "main"), [200]);
    let (headers, body) = receiver.join().unwrap();
    let request = WebhookRequest {
        headers,
        body: Bytes(body),
        secret: Some(secret),
        ..Default::default()
    };
    let delivery = setting.server.parse_webhook(&context(), request).unwrap();
    assert!(delivery.verified);
    assert_eq!(delivery.events[0].kind, EventKind::REF_CREATED);
}
