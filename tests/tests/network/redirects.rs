//! Redirects: a repository that has moved, and places elsewhere.

use crate::raw_server::RawServer;
use crate::support::{QUICK, branches, client_behind_tls, refusal, repo, set_status};
use integration_tests::bitbucket::{Bitbucket, context, server_of};
use integration_tests::host::RecordingHost;
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::MockBitbucket;
use vcs_provider_interface::prelude::*;

const TOKEN: &str = "ATCT-of-a-test-3f9c";
const OLD: &str = "/2.0/repositories/acme/widget/";
const NEW: &str = "/2.0/repositories/acme/gadget/";

/// A client of a server that answers like this.
fn client_of(server: &RawServer) -> Box<dyn AuthorizedClient> {
    let config = format!(
        "{QUICK}apiUrl = \"{}/2.0\"\nauth = {{ accessToken = \"{TOKEN}\" }}",
        server.origin()
    );
    server_of(&config, &RecordingHost::new())
        .authorized_client(Credential::configured())
        .expect("a client")
}

fn redirect(status: u16, location: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
        .into_bytes()
}

fn json(status: u16, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status} Done\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A server that redirects everything of the old repository to the new one.
fn moved_with(status: u16, answer: &'static str) -> RawServer {
    RawServer::start(move |request| {
        let path = request.split(' ').nth(1).unwrap_or_default();
        match path.strip_prefix(OLD) {
            Some(rest) => redirect(status, &format!("{NEW}{rest}")),
            None => json(if request.starts_with("GET") { 200 } else { 201 }, answer),
        }
    })
}

const STATUS: &str = r#"{"key":"build","state":"SUCCESSFUL","url":"https://ci.example.com/1"}"#;

/// Situation `renamed-repository`.
#[test]
fn reading_follows_a_moved_repository_with_the_credential() {
    for status in [301, 302, 303, 307, 308] {
        let server = moved_with(status, r#"{"values":[]}"#);
        assert_eq!(branches(&*client_of(&server)).expect("a list"), []);
        let received = server.received();
        assert!(received.iter().any(|one| one.contains(NEW)), "{status}");
        for request in received {
            assert!(request.contains(TOKEN), "{request}");
        }
    }
}

/// Situation `other-hosts`.
#[test]
fn reading_goes_elsewhere_without_the_credential() {
    for status in [301, 302, 303, 307, 308] {
        let other = RawServer::start(|_| json(200, r#"{"values":[]}"#));
        let target = format!("{}/branches", other.origin());
        let server = RawServer::start(move |_| redirect(status, &target));
        assert_eq!(branches(&*client_of(&server)).expect("a list"), []);
        assert!(!other.received().is_empty());
        for request in other.received() {
            assert!(!request.contains(TOKEN), "{request}");
            assert!(!request.to_ascii_lowercase().contains("authorization"));
        }
    }
}

/// Situation `renamed-repository`.
#[test]
fn a_change_is_sent_on_where_the_redirect_asks_for_the_same_again() {
    for status in [307, 308] {
        let server = moved_with(status, STATUS);
        let done = set_status(&*client_of(&server), &"a1".repeat(20)).expect("a status");
        assert_eq!(done.service_state, "SUCCESSFUL");
        let [first, second] = <[String; 2]>::try_from(server.received()).expect("two requests");
        assert!(first.starts_with(&format!("POST {OLD}")), "{first}");
        assert!(second.starts_with(&format!("POST {NEW}")), "{second}");
        let body = |request: &str| request.split("\r\n\r\n").nth(1).map(str::to_owned);
        assert_eq!(body(&first), body(&second));
        assert!(body(&second).is_some_and(|body| body.contains("SUCCESSFUL")));
        assert!(second.contains(TOKEN), "{second}");
    }
}

/// Situation `renamed-repository`.
#[test]
fn a_change_is_not_sent_again_after_any_other_redirect_and_says_the_new_name() {
    for status in [301, 302, 303] {
        let server = moved_with(status, STATUS);
        let error = set_status(&*client_of(&server), &"a1".repeat(20)).expect_err("redirected");
        assert_moved(&error, status);
        assert_eq!(server.received().len(), 1);
    }
}

fn assert_moved(error: &VcsError, status: u16) {
    assert_eq!(error.kind, ErrorKind::CONFLICT, "{error}");
    assert!(!error.retryable, "{error}");
    assert_eq!(error.http_status, Some(status), "{error}");
    assert!(error.message.contains("acme/gadget"), "{error}");
    let moved_to = ("moved_to".to_owned(), "acme/gadget".to_owned());
    assert!(error.extra.contains(&moved_to), "{error:?}");
}

/// Situation `other-hosts`.
#[test]
fn a_change_goes_nowhere_else() {
    for status in [301, 302, 303, 307, 308] {
        let other = RawServer::start(|_| json(201, STATUS));
        let target = format!("{}{NEW}statuses?token=hidden", other.origin());
        let place = other.origin();
        let server = RawServer::start(move |_| redirect(status, &target));
        let error = set_status(&*client_of(&server), &"a1".repeat(20)).expect_err("redirected");
        assert_eq!(error.kind, ErrorKind::INVALID_RESPONSE, "{error}");
        assert!(error.message.contains(&place), "{error}");
        assert!(!error.message.contains("hidden"), "{error}");
        assert_eq!(server.received().len(), 1);
        assert_eq!(other.received().len(), 0);
    }
}

#[test]
fn a_change_that_is_redirected_without_end_is_an_error() {
    let server = RawServer::start(|_| redirect(307, &format!("{NEW}again")));
    let error = set_status(&*client_of(&server), &"a1".repeat(20)).expect_err("no end");
    assert_eq!(error.kind, ErrorKind::INVALID_RESPONSE, "{error}");
    assert_eq!(server.received().len(), 6);
}

/// Situation `other-hosts`.
#[test]
fn a_redirect_from_https_to_unencrypted_http_is_refused() {
    let other = RawServer::start(|_| json(200, r#"{"values":[]}"#));
    let target = format!("{}/branches", other.origin());
    let server = RawServer::start(move |_| redirect(302, &target));
    let (client, _front) = client_behind_tls(&server);
    let error = refusal(&*client);
    assert_eq!(error.kind, ErrorKind::INVALID_RESPONSE, "{error}");
    assert!(error.message.contains("unencrypted"), "{error}");
    assert_eq!(other.received().len(), 0);
}

/// The mocked service, after its repository was renamed.
fn renamed() -> Bitbucket {
    let bitbucket = Bitbucket::with(GitSandbox::small(), MockBitbucket::builder(), QUICK);
    let renamed = bitbucket.mock.rename_repository(&repo(), "acme/gadget");
    renamed.expect("a new name");
    bitbucket
}

/// Situation `renamed-repository`.
#[test]
fn creating_replacing_and_deleting_under_an_old_name_say_the_new_one() {
    let bitbucket = renamed();
    let client = bitbucket.client();
    let hash = bitbucket.git.hash("main");
    let create = CreateBranchRequest {
        repo: repo(),
        name: "topic".to_owned(),
        target: hash.clone(),
        ..Default::default()
    };
    let delete = DeleteBranchRequest {
        repo: repo(),
        name: "feature/one".to_owned(),
        ..Default::default()
    };
    for error in [
        client.create_branch(&context(), create).map(|_| ()),
        client.delete_branch(&context(), delete).map(|_| ()),
        set_status(&*client, &hash).map(|_| ()),
    ] {
        assert_moved(&error.expect_err("the old name"), 301);
    }
    let changes = |method: &str| {
        let requests = bitbucket.api_requests();
        requests
            .iter()
            .filter(|one| one.starts_with(method))
            .count()
    };
    assert_eq!((changes("POST"), changes("DELETE")), (2, 1));
    assert_eq!(bitbucket.git.git(&["branch", "--list", "topic"]), "");
    let kept = bitbucket.git.git(&["branch", "--list", "feature/one"]);
    assert!(kept.contains("feature/one"));
    let request = StatusRequest {
        repo: "acme/gadget".to_owned(),
        commit: hash,
        key: "build".to_owned(),
        state: BuildState::SUCCESS,
        url: "https://ci.example.com/1".to_owned(),
        ..StatusRequest::default()
    };
    client
        .set_status(&context(), request)
        .expect("a status under the new name");
}
