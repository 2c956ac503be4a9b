//! SOCKS proxies.

use crate::certificates::file_of;
use crate::socks_server::{Manner, SocksServer};
use crate::support::{Secured, assert_hidden, branches, refusal};
use vcs_provider_interface::prelude::*;

#[test]
fn requests_go_through_a_socks_proxy() {
    for scheme in ["socks5", "socks5h"] {
        let proxy = SocksServer::start(Manner::Connect);
        let config = format!("proxy = '{scheme}://127.0.0.1:{}'\n", proxy.port());
        let secured = Secured::small(&config);
        let client = secured.bitbucket.client();
        assert_eq!(branches(&*client).expect("a list").len(), 2, "{scheme}");
        assert_eq!(proxy.targets().len(), secured.front.connections());
        assert!(!proxy.targets().is_empty(), "{scheme}");
    }
}

#[test]
fn a_socks_proxy_gets_its_user_and_password() {
    let proxy = SocksServer::start(Manner::ConnectFor("socks-user", "socks-password"));
    let config = format!(
        "proxy = 'socks5h://socks-user:socks-password@127.0.0.1:{}'\n",
        proxy.port()
    );
    let secured = Secured::small(&config);
    assert_eq!(
        branches(&*secured.bitbucket.client())
            .expect("a list")
            .len(),
        2
    );
    let target = format!("localhost:{}", secured.port);
    assert!(proxy.targets().iter().all(|one| *one == target));
}

#[test]
fn a_socks_proxy_that_refuses_or_is_none_is_named() {
    for manner in [
        Manner::Forbid,
        Manner::ConnectFor("somebody", "else-entirely"),
        Manner::SpeakHttp,
    ] {
        let proxy = SocksServer::start(manner);
        let secured = Secured::small("");
        let ca_file = file_of(&[secured.authority.pem()]);
        let (client, host) = secured.client_with(&format!(
            "caFile = {:?}\nproxy = 'socks5h://socks-user:socks-password@127.0.0.1:{}'\n",
            ca_file.path(),
            proxy.port()
        ));
        let error = refusal(&*client);
        assert_eq!(error.kind, ErrorKind::UNAVAILABLE, "{manner:?}: {error}");
        assert!(error.message.contains("`proxy`"), "{manner:?}: {error}");
        assert!(secured.bitbucket.mock.requests().is_empty());
        let mut secrets = secured.token_forms();
        secrets.extend(["socks-user".to_owned(), "socks-password".to_owned()]);
        let texts = [&format!("{error:?}"), &host.log_text()];
        assert_hidden(&secrets, &texts.map(String::as_str));
    }
}
