//! Archives by way of Git: the same authorities and the same proxy as for
//! everything else.

use crate::certificates::{Authority, Validity};
use crate::proxy_server::{Manner, ProxyServer, WANTS_PASSWORD, is_git};
use crate::support::{Secured, assert_hidden, repo};
use integration_tests::bitbucket::context;
use mock_bitbucket::{ArchiveBearer, Behaviour};
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect_bytes;

/// An archive with a credential that the website does not take.
fn archive(secured: &Secured) -> Result<(StreamedContent, Vec<u8>)> {
    let bitbucket = &secured.bitbucket;
    bitbucket.mock.set_behaviour(Behaviour {
        archive_bearer: ArchiveBearer::Forbidden,
        ..Behaviour::default()
    });
    let token = Secret::from(bitbucket.mock.access_token().expose());
    let client = bitbucket.client_with(Credential::access_token(token));
    let request = GetArchiveRequest {
        repo: repo(),
        reference: Some("main".to_owned()),
        format: ArchiveFormat::TAR_GZ,
        prefix: None,
        ..Default::default()
    };
    collect_bytes(|sink| client.get_archive(&context(), request, sink))
}

fn assert_comes_by_git(secured: &Secured) {
    let (answer, bytes) = archive(secured).expect("an archive");
    assert!(
        answer.extra.contains(&("source".into(), "git".into())),
        "{answer:?}"
    );
    assert!(bytes.starts_with(&[0x1f, 0x8b]));
    assert_eq!(answer.commit, secured.bitbucket.git.hash("main"));
}

/// The error of an archive, which shows no secret.
fn refusal(secured: &Secured) -> VcsError {
    let error = archive(secured).map(|_| ()).expect_err("no archive");
    let token = secured.bitbucket.mock.access_token();
    let secrets = [token.expose(), "gateway-user", "gateway-password"];
    let texts = [&format!("{error:?}"), &secured.bitbucket.host.log_text()];
    assert_hidden(&secrets.map(str::to_owned), &texts.map(String::as_str));
    error
}

fn git_requests(secured: &Secured) -> usize {
    let requests = secured.bitbucket.mock.requests();
    requests.iter().filter(|one| one.route == "git").count()
}

#[test]
fn git_trusts_the_authority_of_ca_file() {
    let secured = Secured::small("");
    assert_comes_by_git(&secured);
    assert!(git_requests(&secured) > 0);
}

#[test]
fn git_refuses_what_the_provider_refuses_and_sends_no_token() {
    for (authority, host, validity) in [
        (Some("Another authority"), "localhost", Validity::Now),
        (None, "bitbucket.example", Validity::Now),
        (None, "localhost", Validity::Expired),
    ] {
        let secured = Secured::small("");
        // The provider's own connections stay, Git makes new ones.
        assert_comes_by_git(&secured);
        secured.bitbucket.mock.clear_requests();
        let identity = match authority {
            Some(name) => Authority::new(name).server(host, validity),
            None => secured.authority.server(host, validity),
        };
        secured.front.present(identity);
        let error = refusal(&secured);
        assert_eq!(error.kind, ErrorKind::UNAVAILABLE, "{error}");
        assert!(error.message.contains("`caFile`"), "{error}");
        assert_eq!(git_requests(&secured), 0, "{error}");
    }
}

#[test]
fn git_goes_through_the_proxy_with_its_user_and_password() {
    let proxy = ProxyServer::start(Manner::TunnelFor("gateway-user", "gateway-password"));
    let secured = Secured::small(&proxy.config_with("gateway-user", "gateway-password"));
    assert_comes_by_git(&secured);
    assert!(proxy.heads().iter().any(|head| is_git(head)));
    assert_eq!(proxy_tunnels(&proxy), secured.front.connections());
}

/// The tunnels that were made: a first request of Git shows no password yet.
fn proxy_tunnels(proxy: &ProxyServer) -> usize {
    let shown = |head: &&String| head.contains("Proxy-Authorization");
    proxy.heads().iter().filter(shown).count()
}

#[test]
fn a_proxy_that_refuses_git_is_named_and_its_password_is_not() {
    for words in [
        WANTS_PASSWORD,
        "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
    ] {
        let proxy = ProxyServer::start(Manner::SayToGit(words));
        let secured = Secured::small(&proxy.config_with("gateway-user", "gateway-password"));
        let error = refusal(&secured);
        assert_eq!(error.kind, ErrorKind::UNAVAILABLE, "{error}");
        assert!(error.message.contains("`proxy`"), "{error}");
        assert_eq!(git_requests(&secured), 0, "{error}");
    }
}

#[test]
fn a_proxy_with_a_user_and_no_password_shows_the_user_to_nobody() {
    let proxy = ProxyServer::start(Manner::SayToGit(WANTS_PASSWORD));
    let secured = Secured::small(&proxy.config_with("gateway-user", "").replace(":@", "@"));
    let error = refusal(&secured);
    assert_eq!(error.kind, ErrorKind::UNAVAILABLE, "{error}");
    assert!(error.message.contains("`proxy`"), "{error}");
}
