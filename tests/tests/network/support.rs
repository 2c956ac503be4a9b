//! Short words for what these tests do again and again.

use crate::certificates::{Authority, Validity, file_of};
use crate::raw_server::RawServer;
use crate::tls_front::{Port, TlsFront};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use integration_tests::bitbucket::{Bitbucket, REPO, config_for, context, server_of};
use integration_tests::host::RecordingHost;
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::MockBitbucket;
use std::sync::Arc;
use tempfile::NamedTempFile;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect;

/// Configuration lines that keep the pauses between tries short.
pub(crate) const QUICK: &str = "backoffMilliseconds = 1\nconnectTimeoutSeconds = 2\n";

/// The name of the repository.
pub(crate) fn repo() -> String {
    REPO.to_owned()
}

/// All branches.
pub(crate) fn branches(client: &dyn AuthorizedClient) -> Result<Vec<Branch>> {
    let request = BranchesRequest {
        repo: repo(),
        ..BranchesRequest::default()
    };
    collect(|sink| client.branches(&context(), request, sink))
}

/// The error of asking for all branches.
pub(crate) fn refusal(client: &dyn AuthorizedClient) -> VcsError {
    match branches(client) {
        Ok(branches) => panic!("{} branches instead of an error", branches.len()),
        Err(error) => error,
    }
}

/// Publishes a build status of a commit.
pub(crate) fn set_status(client: &dyn AuthorizedClient, commit: &str) -> Result<Status> {
    let request = StatusRequest {
        repo: repo(),
        commit: commit.to_owned(),
        key: "build".to_owned(),
        state: BuildState::SUCCESS,
        url: "https://ci.example.com/builds/1".to_owned(),
        ..StatusRequest::default()
    };
    client.set_status(&context(), request)
}

/// The mocked service behind TLS, with a certificate of an authority of its own.
pub(crate) struct Secured {
    pub(crate) bitbucket: Bitbucket,
    pub(crate) front: TlsFront,
    pub(crate) port: u16,
    pub(crate) authority: Authority,
    _ca_file: NamedTempFile,
}

impl Secured {
    /// This repository, with `caFile` and further lines of configuration.
    pub(crate) fn start(git: GitSandbox, config: &str) -> Self {
        let authority = Authority::new("Authority of the tests");
        let ca_file = file_of(&[authority.pem()]);
        let port = Port::take();
        let number = port.number();
        let builder = MockBitbucket::builder().origin(port.https());
        let config = format!("{QUICK}caFile = {:?}\n{config}", ca_file.path());
        let bitbucket = Bitbucket::with(git, builder, &config);
        let identity = authority.server("localhost", Validity::Now);
        let front = TlsFront::start(port, identity, bitbucket.mock.address());
        Self {
            bitbucket,
            front,
            port: number,
            authority,
            _ca_file: ca_file,
        }
    }

    /// The small repository.
    pub(crate) fn small(config: &str) -> Self {
        Self::start(GitSandbox::small(), config)
    }

    /// A client of a server with these lines instead of `caFile`, and its host.
    pub(crate) fn client_with(
        &self,
        lines: &str,
    ) -> (Box<dyn AuthorizedClient>, Arc<RecordingHost>) {
        let host = RecordingHost::new();
        let config = format!("{}{QUICK}{lines}", config_for(&self.bitbucket.mock));
        let client = server_of(&config, &host)
            .authorized_client(Credential::configured())
            .expect("a client");
        (client, host)
    }

    /// The forms in which the API token would be seen on a wire or in a text.
    pub(crate) fn token_forms(&self) -> Vec<String> {
        let token = self.bitbucket.mock.api_token();
        let pair = format!("{}:{}", token.email, token.token.expose());
        vec![token.token.expose().to_owned(), STANDARD.encode(pair)]
    }
}

/// Checks that none of the secrets stands in any of the texts.
pub(crate) fn assert_hidden(secrets: &[String], texts: &[&str]) {
    for secret in secrets {
        for text in texts {
            assert!(!text.contains(secret.as_str()), "{secret:?} is in {text}");
        }
    }
}

/// A client of a server behind TLS, whose certificate is trusted, and the TLS
/// server.
pub(crate) fn client_behind_tls(server: &RawServer) -> (Box<dyn AuthorizedClient>, TlsFront) {
    let authority = Authority::new("Authority of the tests");
    let ca_file = file_of(&[authority.pem()]);
    let port = Port::take();
    let config = format!(
        "{QUICK}apiUrl = \"{}/2.0\"\ncaFile = {:?}\nauth = {{ accessToken = \"ATCT-of-a-test\" }}",
        port.https(),
        ca_file.path()
    );
    let identity = authority.server("localhost", Validity::Now);
    let front = TlsFront::start(port, identity, ([127, 0, 0, 1], server.port()).into());
    let client = server_of(&config, &RecordingHost::new())
        .authorized_client(Credential::configured())
        .expect("a client");
    (client, front)
}
