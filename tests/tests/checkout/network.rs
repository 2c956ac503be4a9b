//! The way to the service: with a proxy and an authority of one's own nothing
//! goes around them.

use crate::certificates::{Authority, Validity, file_of};
use crate::git_server::Manner;
use crate::proxy_server::{Manner as ProxyManner, ProxyServer};
use crate::support::{World, add_submodule, head};
use crate::tls_front::{Port, TlsFront};
use integration_tests::engine::run;
use serde_json::{Value, json};

/// A host that only the proxy of the tests knows.
const HOST: &str = "code.test";

/// A git server behind TLS.
struct Secured {
    url: String,
    front: TlsFront,
    ca_file: tempfile::NamedTempFile,
    server: crate::git_server::GitServer,
}

/// The server by a name that only the proxy knows where there is one: programs
/// never use a proxy for `localhost`.
fn secured(world: &World, host: &str) -> Secured {
    let server = world.serve_with(Manner {
        behind_tls: true,
        ..Manner::default()
    });
    let authority = Authority::new("Authority of the tests");
    let port = Port::take();
    let url = format!("https://{host}:{}/app", port.number());
    let identity = authority.server(host, Validity::Now);
    let front = TlsFront::start(port, identity, ([127, 0, 0, 1], server.port).into());
    Secured {
        url,
        front,
        ca_file: file_of(&[authority.pem()]),
        server,
    }
}

/// The requests for tunnels that were let through.
fn tunnels(proxy: &ProxyServer, shown: &str) -> usize {
    proxy
        .heads()
        .iter()
        .filter(|head| head.contains(shown))
        .count()
}

/// Clones through a proxy from a server whose authority only the configuration knows.
/// What the environment says does not count beside a configured proxy.
pub(crate) fn clone_through_the_proxy(world: &World, more: &[&str]) -> Value {
    let secured = secured(world, HOST);
    let proxy = ProxyServer::start(ProxyManner::Tunnel);
    let ca_file = secured.ca_file.path().to_str().expect("a path").to_owned();
    let address = proxy.config();
    let address = address.split('\'').nth(1).expect("an address");
    let target = world.work();
    let words = [
        "git-clone",
        &secured.url,
        target.to_str().expect("a path"),
        "--json",
        "--ca-file",
        &ca_file,
        "--proxy",
        address,
    ];
    let mut command = world.action(&[&words[..], more].concat());
    command
        .env("no_proxy", "*")
        .env("https_proxy", "http://127.0.0.1:1");
    let checkout = run(&mut command).success();
    assert!(proxy.heads().len() > 2, "{:?}", proxy.heads());
    assert_eq!(
        tunnels(&proxy, "CONNECT code.test:"),
        secured.front.connections()
    );
    assert_eq!(secured.front.handshakes(), secured.front.connections());
    checkout
}

/// Situation `proxy-for-every-program`.
#[test]
fn git_and_submodules_go_through_the_proxy_and_trust_the_authority() {
    let world = World::new();
    let lib = world.repository("lib", &[]);
    add_submodule(&world.app(), "lib", "../lib", &head(&lib));
    let checkout = clone_through_the_proxy(&world, &[]);
    assert_eq!(checkout["warnings"], json!([]));
    assert!(world.work().join("lib").read_dir().expect("it").count() > 1);
}

#[test]
fn the_proxy_s_password_reaches_it_and_nobody_else() {
    let world = World::new();
    let secured = secured(&world, HOST);
    let proxy = ProxyServer::start(ProxyManner::TunnelFor("gateway", "pr0xy-s3cret"));
    let ca_file = secured.ca_file.path().to_str().expect("a path").to_owned();
    let address = proxy.config_with("gateway", "pr0xy-s3cret");
    let address = world.write(
        "kept/proxy",
        address.split('\'').nth(1).expect("an address"),
    );
    let reference = format!("file:{}", address.display());
    let more = [
        "--ca-file",
        &ca_file,
        "--proxy",
        &reference,
        "--log-level",
        "trace",
    ];
    let ran = world.clone(&secured.url, &more);
    let _ = ran.success();
    assert!(!format!("{ran:?}").contains("pr0xy-s3cret"), "{ran:?}");
    assert_eq!(
        tunnels(&proxy, "Proxy-Authorization"),
        secured.front.connections()
    );

    let wrong = ProxyServer::start(ProxyManner::TunnelFor("gateway", "another"));
    let address = wrong.config_with("gateway", "pr0xy-s3cret");
    world.write(
        "kept/proxy",
        address.split('\'').nth(1).expect("an address"),
    );
    let before = secured.front.connections();
    let ran = world.clone_to("wrong", &secured.url, &more);
    assert_eq!(ran.code, Some(49), "{ran:?}");
    assert!(ran.stdout.contains("proxy"), "{ran:?}");
    assert!(!format!("{ran:?}").contains("pr0xy-s3cret"), "{ran:?}");
    assert_eq!(secured.front.connections(), before);
}

#[test]
fn the_proxy_of_the_environment_counts_where_none_is_configured() {
    let world = World::new();
    let secured = secured(&world, HOST);
    let proxy = ProxyServer::start(ProxyManner::TunnelFor("gateway", "pr0xy-s3cret"));
    let address = proxy.config_with("gateway", "pr0xy-s3cret");
    let address = address.split('\'').nth(1).expect("an address");
    let ca_file = secured.ca_file.path().to_str().expect("a path").to_owned();
    let target = world.work();
    let words = [
        "git-clone",
        &secured.url,
        target.to_str().expect("a path"),
        "--ca-file",
        &ca_file,
        "--json",
    ];
    let _ = run(world.action(&words).env("https_proxy", address)).success();
    assert_eq!(
        tunnels(&proxy, "Proxy-Authorization"),
        secured.front.connections()
    );
}

#[test]
fn an_unknown_authority_is_named_with_the_way_out() {
    let world = World::new();
    let secured = secured(&world, "localhost");
    let ran = world.clone(&secured.url, &[]);
    assert_eq!(ran.code, Some(49), "{ran:?}");
    assert!(ran.stdout.contains("caFile"), "{ran:?}");
    assert_eq!(secured.server.requests().len(), 0);
}
