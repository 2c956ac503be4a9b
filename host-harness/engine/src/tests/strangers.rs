//! Strangers: connections that stall, bodies that nobody asked for, many requests.

use super::services::{Host, PATIENCE};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

fn connect(host: &Host) -> TcpStream {
    let address = host.api("").replace("http://", "");
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn response(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 1024];
    while !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn an_unknown_hook_is_told_so_before_its_body_has_arrived() {
    let host = Host::start();
    let mut stream = connect(&host);
    let head = "POST /webhook/unknown HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nx";
    stream.write_all(head.as_bytes()).unwrap();
    let begun = Instant::now();
    let told = response(&mut stream);
    assert!(told.starts_with("HTTP/1.1 404"), "{told}");
    // Bodies of known hooks have ten seconds.
    assert!(begun.elapsed().as_secs() < 8);
}

#[test]
fn a_delivery_larger_than_the_service_sends_is_rejected_by_its_head() {
    let host = Host::start();
    host.link();
    let engine = host.running().engine();
    let app = engine.store.application("KEY", "app").unwrap();
    let hook = engine.store.hook_of_application(app.id).unwrap().unwrap();
    let limit = engine.settings.max_delivery_bytes;
    let mut stream = connect(&host);
    let head = format!(
        "POST /webhook/{} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n",
        hook.id,
        limit + 1
    );
    stream.write_all(head.as_bytes()).unwrap();
    let told = response(&mut stream);
    assert!(told.starts_with("HTTP/1.1 413"), "{told}");
}

#[test]
fn many_requests_without_a_token_are_put_off_and_those_with_one_are_not() {
    let host = Host::start();
    let status = host.api("/mon/status");
    let anonymous = || host.agent.get(&status).call().unwrap().status().as_u16();
    let codes: Vec<u16> = (0..400).map(|_| anonymous()).collect();
    assert!(codes.contains(&200) && codes.contains(&429), "{codes:?}");
    let put_off = host.agent.get(host.api("/applications")).call().unwrap();
    assert_eq!(put_off.status(), 429);
    assert!(put_off.headers().contains_key("retry-after"));
    for _ in 0..20 {
        assert_eq!(host.get(&status).0, 200);
        assert_eq!(host.get(&host.api("/applications")).0, 200);
    }
}

#[test]
fn a_stopped_engine_leaves_everything_in_one_file() {
    let mut host = Host::start();
    host.link();
    let path = host.running().ready().store.clone();
    let engine = std::sync::Arc::clone(host.running().engine());
    host.running.take().unwrap().stop();
    let wal = path.with_extension("sqlite-wal");
    let left = std::fs::metadata(&wal).map_or(0, |found| found.len());
    assert_eq!(left, 0, "the write-ahead log was left behind");
    assert!(engine.store.applications().is_err(), "the store is shut");
    let copy = tempfile::tempdir().unwrap();
    let copied = copy.path().join("engine.sqlite");
    std::fs::copy(&path, &copied).unwrap();
    let store = crate::store::Store::open(&copied).unwrap();
    assert!(!store.was_empty());
    assert_eq!(store.applications().unwrap().len(), 1);
}
