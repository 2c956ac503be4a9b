//! TLS: who is trusted, and what is said of those who are not.

use crate::certificates::{Authority, Validity, file_of};
use crate::raw_server::RawServer;
use crate::support::{
    QUICK, Secured, assert_hidden, branches, client_behind_tls, refusal, repo, set_status,
};
use integration_tests::bitbucket::{Bitbucket, context, loaded_provider, server_of};
use integration_tests::host::RecordingHost;
use integration_tests::sandbox::GitSandbox;
use std::sync::Arc;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect_bytes;

/// Checks that an untrusted server is told as such, at once, and that nothing
/// was sent to it.
fn assert_untrusted(secured: &Secured, lines: &str, reason: &str) {
    let (client, host) = secured.client_with(lines);
    let connections = secured.front.connections();
    let error = refusal(&*client);
    assert_eq!(error.kind, ErrorKind::UNAVAILABLE, "{error}");
    assert!(!error.retryable, "{error}");
    for words in ["localhost", "caFile", reason] {
        assert!(error.message.contains(words), "no {words:?} in {error}");
    }
    assert_eq!(secured.front.handshakes(), 0, "{error}");
    assert!(secured.bitbucket.mock.requests().is_empty());
    assert!(
        secured.front.connections() - connections <= 2,
        "another try cannot help"
    );
    let texts = [&format!("{error:?}"), &host.log_text()];
    assert_hidden(&secured.token_forms(), &texts.map(String::as_str));
}

#[test]
fn with_the_authority_in_ca_file_lists_files_and_changes_go_over_tls() {
    let git = GitSandbox::small();
    git.many_branches("topic/", 250, "main");
    let secured = Secured::start(git, "");
    let client = secured.bitbucket.client();
    assert_eq!(branches(&*client).expect("a list").len(), 252);
    set_status(&*client, &secured.bitbucket.git.hash("main")).expect("a status");
    assert!(secured.front.handshakes() > 0);
    let requests = secured.bitbucket.mock.requests();
    assert!(requests.len() > 3, "the list has several pages");
    for request in requests {
        assert!(request.header("authorization").is_some());
    }
}

#[test]
fn later_connections_resume_the_session_of_the_first_ones() {
    let git = GitSandbox::small();
    git.many_branches("topic/", 750, "main");
    let secured = Secured::start(git, "maxParallelRequests = 4\n");
    assert_eq!(
        branches(&*secured.bitbucket.client())
            .expect("a list")
            .len(),
        752
    );
    let (all, resumed) = (secured.front.handshakes(), secured.front.resumed());
    assert!(all >= 4, "{all} connections");
    // The first page and the main branch are asked for at the same time, with no
    // session yet to resume.
    assert!(all - resumed <= 2, "{resumed} of {all} resumed");
}

#[test]
fn without_ca_file_an_authority_of_ones_own_is_not_trusted() {
    assert_untrusted(&Secured::small(""), "", "UnknownIssuer");
}

#[test]
fn a_ca_file_stands_in_place_of_every_other_authority() {
    let secured = Secured::small("");
    let other = Authority::new("Another authority");
    let ca_file = file_of(&[other.pem()]);
    let lines = format!("caFile = {:?}", ca_file.path());
    // The reason is either, as the authority's name fits or not.
    assert_untrusted(&secured, &lines, "invalid peer certificate");
}

#[test]
fn an_authority_of_the_same_name_is_another_one() {
    let secured = Secured::small("");
    let other = Authority::new("Authority of the tests");
    let ca_file = file_of(&[other.pem()]);
    let lines = format!("caFile = {:?}", ca_file.path());
    assert_untrusted(&secured, &lines, "invalid peer certificate");
}

#[test]
fn every_authority_of_a_ca_file_is_trusted() {
    let secured = Secured::small("");
    let other = Authority::new("Another authority");
    let ca_file = file_of(&[
        "# Authorities of this company\n",
        other.pem(),
        "\n# And of the gateway\n",
        secured.authority.pem(),
    ]);
    let (client, _) = secured.client_with(&format!("caFile = {:?}", ca_file.path()));
    assert_eq!(branches(&*client).expect("a list").len(), 2);
}

#[test]
fn a_certificate_for_another_host_is_refused() {
    let secured = Secured::small("");
    let identity = secured.authority.server("bitbucket.example", Validity::Now);
    secured.front.present(identity);
    let ca_file = file_of(&[secured.authority.pem()]);
    let lines = format!("caFile = {:?}", ca_file.path());
    assert_untrusted(&secured, &lines, "not valid for name");
}

#[test]
fn an_expired_certificate_is_refused() {
    let secured = Secured::small("");
    let identity = secured.authority.server("localhost", Validity::Expired);
    secured.front.present(identity);
    let ca_file = file_of(&[secured.authority.pem()]);
    let lines = format!("caFile = {:?}", ca_file.path());
    assert_untrusted(&secured, &lines, "expired");
}

#[test]
fn no_key_of_the_configuration_turns_the_verification_off() {
    for key in [
        "insecure",
        "insecureSkipVerify",
        "skipTlsVerify",
        "sslVerify",
        "tlsVerify",
        "verify",
        "disableVerification",
    ] {
        let services = RecordingHost::new() as Arc<dyn HostServices>;
        let error = loaded_provider()
            .new_server(&format!("{key} = true"), services)
            .map(|_| ())
            .expect_err(key);
        assert_eq!(error.kind, ErrorKind::CONFIG, "{error}");
        assert!(error.message.contains(key), "{error}");
    }
}

#[test]
fn a_server_that_does_not_speak_tls_sees_no_credential() {
    let server = RawServer::start(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".to_vec());
    let token = "ATCT-of-a-test-3f9c";
    let config = format!(
        "{QUICK}apiUrl = \"https://127.0.0.1:{}/2.0\"\nauth = {{ accessToken = \"{token}\" }}",
        server.port()
    );
    let client = server_of(&config, &RecordingHost::new())
        .authorized_client(Credential::configured())
        .expect("a client");
    let error = refusal(&*client);
    assert_eq!(error.kind, ErrorKind::UNAVAILABLE, "{error}");
    assert!(error.message.contains("127.0.0.1"), "{error}");
    for received in server.received() {
        assert!(!received.contains(token), "{received}");
    }
}

#[test]
fn an_answer_of_unknown_length_that_is_cut_off_is_an_error() {
    let server = RawServer::start(|request| {
        if request.contains("format=meta") {
            let meta = r#"{"type":"commit_file"}"#;
            format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{meta}",
                meta.len()
            )
        } else {
            "HTTP/1.1 200 OK\r\n\r\nthe first half".to_owned()
        }
        .into_bytes()
    });
    let (client, front) = client_behind_tls(&server);
    let read = || {
        let request = GetContentRequest {
            repo: repo(),
            reference: Some("a1".repeat(20)),
            path: "file.txt".to_owned(),
            ..Default::default()
        };
        collect_bytes(|sink| client.get_content(&context(), request, sink))
    };
    let (_, whole) = read().expect("an end that TLS confirms");
    assert_eq!(whole, b"the first half");
    front.break_off();
    let error = read().map(|_| ()).expect_err("cut off");
    assert_eq!(error.kind, ErrorKind::UNAVAILABLE, "{error}");
}

#[test]
fn the_mock_itself_serves_plain_http_to_this_machine_only() {
    let bitbucket = Bitbucket::small();
    assert_eq!(branches(&*bitbucket.client()).expect("a list").len(), 2);
    let services = RecordingHost::new() as Arc<dyn HostServices>;
    let error = loaded_provider()
        .new_server("apiUrl = 'http://bitbucket.example/2.0'", services)
        .map(|_| ())
        .expect_err("no TLS");
    assert!(error.message.contains("https://"), "{error}");
}
