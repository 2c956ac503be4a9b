//! HTTP proxies: what goes through them, and how their failures are told.

use crate::certificates::file_of;
use crate::proxy_server::{Manner, ProxyServer};
use crate::support::{Secured, assert_hidden, branches, refusal, set_status};
use crate::tls_front::Port;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use integration_tests::bitbucket::loaded_provider;
use integration_tests::host::RecordingHost;
use mock_bitbucket::{Fault, FaultRule};
use std::sync::Arc;
use std::time::{Duration, Instant};
use vcs_provider_interface::prelude::*;

const USER: &str = "gateway-user";
const PASSWORD: &str = "gateway-password";

/// The secrets of the proxy as they could be seen.
fn proxy_secrets() -> Vec<String> {
    vec![
        USER.to_owned(),
        PASSWORD.to_owned(),
        STANDARD.encode(format!("{USER}:{PASSWORD}")),
    ]
}

/// The error of a call by way of a proxy that makes no connection.
fn unavailable_by(secured: &Secured, proxy: &str) -> VcsError {
    let error = refusal_by(secured, proxy);
    assert_eq!(error.kind, ErrorKind::UNAVAILABLE, "{error}");
    error
}

/// The error of a call by way of a proxy: it names the proxy and shows no secret.
fn refusal_by(secured: &Secured, proxy: &str) -> VcsError {
    let ca_file = file_of(&[secured.authority.pem()]);
    let (client, host) = secured.client_with(&format!("caFile = {:?}\n{proxy}", ca_file.path()));
    let error = refusal(&*client);
    let mut secrets = secured.token_forms();
    secrets.extend(proxy_secrets());
    let texts = [&format!("{error:?}"), &host.log_text()];
    assert_hidden(&secrets, &texts.map(String::as_str));
    assert!(error.message.contains("`proxy`"), "{error}");
    assert!(secured.bitbucket.mock.requests().is_empty());
    error
}

#[test]
fn every_request_goes_through_the_proxy_which_sees_no_credential() {
    let proxy = ProxyServer::start(Manner::Tunnel);
    let secured = Secured::small(&proxy.config());
    let client = secured.bitbucket.client();
    assert_eq!(branches(&*client).expect("a list").len(), 2);
    set_status(&*client, &secured.bitbucket.git.hash("main")).expect("a status");
    let target = format!("CONNECT localhost:{} HTTP/1.1\r\n", secured.port);
    let heads = proxy.heads();
    assert_eq!(heads.len(), secured.front.connections());
    for head in &heads {
        assert!(head.starts_with(&target), "{head}");
        assert!(
            !head.to_ascii_lowercase().contains("authorization"),
            "{head}"
        );
    }
    let tunnelled = proxy.tunnelled();
    assert!(!tunnelled.is_empty());
    let mut hidden = secured.token_forms();
    assert_hidden(&hidden, &[&tunnelled, &heads.concat()]);
    hidden.extend(["HTTP/1.1".to_owned(), "/2.0/".to_owned()]);
    assert_hidden(&hidden, &[&tunnelled]);
}

#[test]
fn the_proxy_gets_its_user_and_password_and_nobody_else_does() {
    let proxy = ProxyServer::start(Manner::TunnelFor(USER, PASSWORD));
    let secured = Secured::small(&proxy.config_with(USER, PASSWORD));
    let client = secured.bitbucket.client();
    assert_eq!(branches(&*client).expect("a list").len(), 2);
    assert_hidden(&proxy_secrets(), &[&secured.bitbucket.host.log_text()]);
    for request in secured.bitbucket.mock.requests() {
        assert_eq!(request.header("proxy-authorization"), None);
    }
}

#[test]
fn tokens_are_fetched_the_same_way() {
    let proxy = ProxyServer::start(Manner::TunnelFor(USER, PASSWORD));
    let secured = Secured::small(&proxy.config_with(USER, PASSWORD));
    let client = secured
        .bitbucket
        .client_with(Credential::client_credentials());
    assert_eq!(branches(&*client).expect("a list").len(), 2);
    let counts = secured.bitbucket.mock.oauth_counts();
    assert_eq!(counts.client_credentials, 1);
    assert_eq!(proxy.heads().len(), secured.front.connections());
    let secret = secured.bitbucket.mock.oauth_consumer().secret;
    assert_hidden(&[secret.expose().to_owned()], &[&proxy.tunnelled()]);
}

#[test]
fn a_user_and_password_are_encoded_in_the_address() {
    let proxy = ProxyServer::start(Manner::TunnelFor("me@work", "p:w/1 %"));
    let secured = Secured::small(&proxy.config_with("me%40work", "p%3Aw%2F1%20%25"));
    assert_eq!(
        branches(&*secured.bitbucket.client())
            .expect("a list")
            .len(),
        2
    );
}

#[test]
fn a_proxy_that_wants_another_password_is_asked_once() {
    let proxy = ProxyServer::start(Manner::TunnelFor("somebody", "else-entirely"));
    let secured = Secured::small("");
    let error = unavailable_by(&secured, &proxy.config_with(USER, PASSWORD));
    assert!(error.message.contains("407"), "{error}");
    assert!(!error.retryable, "{error}");
    assert!(proxy.heads().len() <= 2, "another try cannot help");
    let without = unavailable_by(&secured, &proxy.config());
    assert!(without.message.contains("407"), "{without}");
}

#[test]
fn a_proxy_that_forbids_the_host_is_asked_once() {
    let proxy = ProxyServer::start(Manner::Say(
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
    ));
    let error = unavailable_by(&Secured::small(""), &proxy.config());
    assert!(error.message.contains("403"), "{error}");
    assert!(!error.retryable, "{error}");
    assert!(proxy.heads().len() <= 2, "another try cannot help");
}

#[test]
fn a_proxy_that_does_not_reach_the_service_is_asked_again() {
    let proxy = ProxyServer::start(Manner::Say(
        "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
    ));
    let error = unavailable_by(&Secured::small(""), &proxy.config());
    assert!(error.message.contains("502"), "{error}");
    assert!(error.retryable, "{error}");
    assert!(proxy.heads().len() > 2, "{} tries", proxy.heads().len());
}

#[test]
fn a_proxy_that_closes_the_connection_is_named() {
    let proxy = ProxyServer::start(Manner::Close);
    let error = unavailable_by(&Secured::small(""), &proxy.config_with(USER, PASSWORD));
    assert!(error.retryable, "{error}");
}

#[test]
fn a_proxy_that_speaks_another_protocol_is_named() {
    let proxy = ProxyServer::start(Manner::Say("220 mail.example ready\r\n\r\n"));
    let error = refusal_by(&Secured::small(""), &proxy.config());
    assert_eq!(error.kind, ErrorKind::INVALID_RESPONSE, "{error}");
}

#[test]
fn a_proxy_that_is_not_there_is_named() {
    let port = Port::take().number();
    let proxy = format!("proxy = 'http://{USER}:{PASSWORD}@127.0.0.1:{port}'\n");
    let error = unavailable_by(&Secured::small(""), &proxy);
    assert!(error.retryable, "{error}");
}

#[test]
fn a_proxy_whose_name_is_unknown_is_named() {
    let proxy = format!("proxy = 'http://{USER}:{PASSWORD}@no-such-proxy.invalid:3128'\n");
    unavailable_by(&Secured::small(""), &proxy);
}

#[test]
fn a_silent_proxy_is_waited_for_no_longer_than_for_a_connection() {
    let proxy = ProxyServer::start(Manner::Silence);
    let secured = Secured::small("");
    let begun = Instant::now();
    let error = unavailable_by(&secured, &proxy.config());
    assert!(begun.elapsed() < Duration::from_secs(60), "{error}");
    assert!(error.message.contains("connectTimeoutSeconds"), "{error}");
}

#[test]
fn a_service_that_is_not_trusted_is_so_behind_a_proxy_too() {
    let proxy = ProxyServer::start(Manner::Tunnel);
    let secured = Secured::small("");
    let (client, _) = secured.client_with(&proxy.config());
    let error = refusal(&*client);
    assert_eq!(error.kind, ErrorKind::UNAVAILABLE, "{error}");
    for words in ["UnknownIssuer", "caFile", "`proxy`"] {
        assert!(error.message.contains(words), "{error}");
    }
    assert!(secured.bitbucket.mock.requests().is_empty());
    assert_hidden(&secured.token_forms(), &[&proxy.tunnelled()]);
}

#[test]
fn a_proxy_that_is_met_behind_the_tunnel_is_not_taken_for_the_service() {
    let secured = Secured::small("");
    secured.bitbucket.mock.add_fault(FaultRule {
        then: Fault {
            status: Some(407),
            ..Fault::default()
        },
        ..FaultRule::default()
    });
    let error = refusal(&*secured.bitbucket.client());
    assert_eq!(error.kind, ErrorKind::UNAVAILABLE, "{error}");
    assert!(error.message.contains("`proxy`"), "{error}");
}

#[test]
fn an_address_that_is_no_proxys_is_refused_without_showing_it() {
    for address in [
        "http://gateway-user:gateway-password@",
        "gateway-user:gateway-password@/x y",
        "ftp://gateway-user:gateway-password@proxy.example:21",
    ] {
        let services = RecordingHost::new() as Arc<dyn HostServices>;
        let error = loaded_provider()
            .new_server(&format!("proxy = '{address}'"), services)
            .map(|_| ())
            .expect_err(address);
        assert_eq!(error.kind, ErrorKind::CONFIG, "{error}");
        assert!(error.message.contains("proxy"), "{error}");
        assert_hidden(&proxy_secrets(), &[&format!("{error:?}")]);
    }
}
