//! Short words for what the tests do again and again.

use integration_tests::bitbucket::{Bitbucket, REPO, context};
use integration_tests::sandbox::{GitSandbox, git_command, run_git};
use mock_bitbucket::{
    CredentialKind, Delivery as Sent, Fault, FaultRule, MockBitbucket, RecordedExchange,
    TokenRequest,
};
use serde_json::Value;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect;

/// Long enough for anything that is going to happen.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// Configuration lines that keep the pauses between tries short.
pub(crate) const QUICK: &str = "backoffMilliseconds = 1\n";

/// The signing key of the hooks of these tests.
pub(crate) const HOOK_SECRET: &str = "a signing key";

/// The mocked service with short pauses between tries.
pub(crate) fn quick(git: GitSandbox) -> Bitbucket {
    Bitbucket::with(git, MockBitbucket::builder(), QUICK)
}

/// The small repository with short pauses between tries.
pub(crate) fn quick_small() -> Bitbucket {
    quick(GitSandbox::small())
}

/// The name of the repository.
pub(crate) fn repo() -> String {
    REPO.to_owned()
}

/// A rule for the requests of a path pattern.
pub(crate) fn rule(path: &str, then: Fault) -> FaultRule {
    FaultRule {
        path: Some(path.to_owned()),
        then,
        ..FaultRule::default()
    }
}

/// A rule for the requests of a method and a path pattern.
pub(crate) fn rule_for(method: &str, path: &str, then: Fault) -> FaultRule {
    FaultRule {
        method: Some(method.to_owned()),
        ..rule(path, then)
    }
}

/// An answer instead of the true one.
pub(crate) fn answer(status: u16, body: impl Into<Value>) -> Fault {
    Fault {
        status: Some(status),
        body: Some(body.into()),
        ..Fault::default()
    }
}

/// The true answer with values put in their places.
pub(crate) fn replaced<const N: usize>(places: [(&str, Value); N]) -> Fault {
    Fault {
        replace_json: places
            .into_iter()
            .map(|(pointer, value)| (pointer.to_owned(), value))
            .collect(),
        ..Fault::default()
    }
}

/// All branches.
pub(crate) fn branches(client: &dyn AuthorizedClient) -> Result<Vec<Branch>> {
    let request = BranchesRequest {
        repo: repo(),
        ..BranchesRequest::default()
    };
    collect(|sink| client.branches(&context(), request, sink))
}

/// The names of branches.
pub(crate) fn names(branches: &[Branch]) -> Vec<&str> {
    branches
        .iter()
        .map(|branch| branch.display_id.as_str())
        .collect()
}

/// One branch by its name, or the main one.
pub(crate) fn branch(client: &dyn AuthorizedClient, name: Option<&str>) -> Result<Branch> {
    let request = BranchRequest {
        repo: repo(),
        name: name.map(str::to_owned),
        ..Default::default()
    };
    client.branch(&context(), request)
}

/// One repository.
pub(crate) fn repository(client: &dyn AuthorizedClient, name: &str) -> Result<Repository> {
    let request = RepositoryRequest {
        repo: name.to_owned(),
        ..Default::default()
    };
    client.repo_by_fullname(&context(), request)
}

/// All repositories that the credential sees.
pub(crate) fn repositories(client: &dyn AuthorizedClient) -> Result<Vec<Repository>> {
    collect(|sink| client.repos(&context(), RepositoriesRequest::default(), sink))
}

/// The commits of a branch.
pub(crate) fn commits(client: &dyn AuthorizedClient, branch: &str) -> Result<Vec<Commit>> {
    let request = CommitsRequest {
        repo: repo(),
        branch: Some(branch.to_owned()),
        ..CommitsRequest::default()
    };
    collect(|sink| client.commits(&context(), request, sink))
}

/// One pull request.
pub(crate) fn pull_request(client: &dyn AuthorizedClient, id: u64) -> Result<PullRequest> {
    client.pull_request(
        &context(),
        PullRequestRequest {
            repo: repo(),
            id,
            ..Default::default()
        },
    )
}

/// The pull requests in these states.
pub(crate) fn pull_requests(
    client: &dyn AuthorizedClient,
    states: &[PullRequestState],
) -> Result<Vec<PullRequest>> {
    let request = PullRequestsRequest {
        repo: repo(),
        states: states.to_vec(),
        ..PullRequestsRequest::default()
    };
    collect(|sink| client.pull_requests(&context(), request, sink))
}

/// A status to set on a commit of the repository.
pub(crate) fn status(commit: &str, key: &str, state: BuildState) -> StatusRequest {
    StatusRequest {
        repo: repo(),
        commit: commit.to_owned(),
        key: key.to_owned(),
        state,
        url: "https://ci.example.com/builds/1".to_owned(),
        ..StatusRequest::default()
    }
}

/// The statuses of a commit.
pub(crate) fn statuses(client: &dyn AuthorizedClient, commit: &str) -> Result<Vec<Status>> {
    let request = StatusesRequest {
        repo: repo(),
        commit: commit.to_owned(),
        ..StatusesRequest::default()
    };
    collect(|sink| client.list_statuses(&context(), request, sink))
}

/// A credential with a workspace access token that the mock has just made.
pub(crate) fn access_token(mock: &MockBitbucket, request: &TokenRequest) -> Credential {
    let token = mock.create_token(request).expect("a token");
    Credential::access_token(Secret::from(token.expose()))
}

/// A credential with an API token of these scopes.
pub(crate) fn api_token(mock: &MockBitbucket, scopes: &[&str]) -> Credential {
    let request =
        TokenRequest::new(CredentialKind::ApiToken).scopes(scopes.iter().map(|s| (*s).to_owned()));
    let token = mock.create_token(&request).expect("a token");
    Credential::basic(mock.api_token().email, Secret::from(token.expose()))
}

/// The requests of a method to paths with this end.
pub(crate) fn sent(
    bitbucket: &Bitbucket,
    method: &str,
    path_end: &str,
) -> Vec<Arc<RecordedExchange>> {
    bitbucket
        .mock
        .requests()
        .into_iter()
        .filter(|exchange| exchange.method == method && exchange.path.ends_with(path_end))
        .collect()
}

/// The text under a key of the further facts.
pub(crate) fn fact<'a>(extra: &'a [(String, String)], key: &str) -> Option<&'a str> {
    extra
        .iter()
        .find(|(name, _)| name == key)
        .map(|(_, value)| value.as_str())
}

/// A place that nobody may ask: says whether somebody tried.
pub(crate) struct Elsewhere(TcpListener);

impl Elsewhere {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a listener");
        Self(listener)
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.0.local_addr().expect("an address"))
    }

    /// Whether somebody connected.
    pub(crate) fn was_asked(&self) -> bool {
        self.0.accept().is_ok()
    }
}

/// A hook of the repository whose deliveries are read from the mock's log. They
/// go to a port where nobody listens.
pub(crate) fn add_hook(bitbucket: &Bitbucket, events: &[&str]) {
    let request = HookRequest {
        repo: repo(),
        name: "test".to_owned(),
        url: "http://127.0.0.1:9/hook".to_owned(),
        events: events.iter().map(|event| (*event).to_owned()).collect(),
        secret: Some(Secret::from(HOOK_SECRET)),
        ..HookRequest::default()
    };
    bitbucket
        .client()
        .create_hook(&context(), request)
        .expect("a hook");
}

/// The deliveries so far of one event, as they were sent.
pub(crate) fn deliveries(bitbucket: &Bitbucket, event: &str) -> Vec<Sent> {
    assert!(bitbucket.mock.wait_until_delivered(LONG));
    bitbucket
        .mock
        .deliveries()
        .into_iter()
        .filter(|delivery| delivery.event == event)
        .collect()
}

/// What the provider reads from a delivery.
pub(crate) fn parse(bitbucket: &Bitbucket, sent: &Sent) -> Result<Delivery> {
    parse_body(bitbucket, &sent.event, &sent.headers, sent.body.clone())
}

/// What the provider reads from a body that came with these headers.
pub(crate) fn parse_body(
    bitbucket: &Bitbucket,
    event: &str,
    headers: &[(String, String)],
    body: Vec<u8>,
) -> Result<Delivery> {
    let request = WebhookRequest {
        headers: headers.to_vec(),
        body: body.into(),
        secret: Some(Secret::from(HOOK_SECRET)),
        ..Default::default()
    };
    let delivery = bitbucket.server.parse_webhook(&context(), request)?;
    assert_eq!(delivery.event_key, event);
    Ok(delivery)
}

/// What the provider reads from a delivery without a signature.
pub(crate) fn parse_unsigned(bitbucket: &Bitbucket, event: &str, body: &Value) -> Result<Delivery> {
    let request = WebhookRequest {
        headers: vec![("X-Event-Key".to_owned(), event.to_owned())],
        body: body.to_string().into_bytes().into(),
        secret: None,
        ..Default::default()
    };
    bitbucket.server.parse_webhook(&context(), request)
}

/// The body of a delivery as JSON.
pub(crate) fn body_of(sent: &Sent) -> Value {
    serde_json::from_slice(&sent.body).expect("a JSON body")
}

/// A clone from which commits are pushed through the service, so that it notices.
pub(crate) struct Clone {
    _folder: TempDir,
    work: PathBuf,
}

impl Clone {
    /// A clone of a repository of the mock with push access.
    pub(crate) fn of(mock: &MockBitbucket, full_name: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let token = mock.api_token();
        let credential = format!(
            "http://x-bitbucket-api-token-auth:{}@",
            token.token.expose().replace('=', "%3D")
        );
        let url = mock
            .clone_url(full_name)
            .replacen("http://", &credential, 1);
        let mut command = git_command();
        command
            .current_dir(folder.path())
            .args(["clone", "--quiet", &url, "work"]);
        run_git(command, "");
        let work = folder.path().join("work");
        Self {
            _folder: folder,
            work,
        }
    }

    /// Runs git in the clone.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let mut command = git_command();
        command.current_dir(&self.work).args(arguments);
        run_git(command, "")
    }

    /// Commits a file and returns the hash.
    pub(crate) fn commit(&self, path: &str, text: &str, message: &str) -> String {
        let file = self.work.join(path);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(file, text).expect("a file");
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Pushes refs.
    pub(crate) fn push(&self, arguments: &[&str]) {
        let mut all = vec!["push", "--quiet", "origin"];
        all.extend(arguments);
        self.git(&all);
    }
}
