//! The engine's receiver: each delivery is worked on once.

use crate::support::{Clone, LONG, quick_small, repo};
use integration_tests::bitbucket::{Bitbucket, REPO, config_for, context, server_of};
use mock_bitbucket::Delivery as Sent;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use vcs_engine::clock::MovableClock;
use vcs_engine::engine::{Engine, Settings};
use vcs_engine::events::Rejection;
use vcs_engine::grants::{GrantStore, StoreKey};
use vcs_engine::linking::{LinkRequest, LinkedHook};
use vcs_engine::servers::Servers;
use vcs_engine::store::{Received, Store};
use vcs_provider_interface::prelude::*;

const SERVER: &str = "bitbucketcloud";

/// One configured server: that of the loaded library.
struct OneServer(Arc<dyn VcsServer>);

impl Servers for OneServer {
    fn names(&self) -> Vec<(String, String)> {
        vec![(SERVER.to_owned(), SERVER.to_owned())]
    }

    fn server(&self, _name: &str) -> Result<Arc<dyn VcsServer>> {
        Ok(Arc::clone(&self.0))
    }

    fn is_served(&self, _name: &str) -> bool {
        true
    }

    fn health(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    fn reload(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
}

/// An engine with its memory in this folder.
fn engine(bitbucket: &Bitbucket, folder: &Path) -> Arc<Engine> {
    let store = Arc::new(Store::open(&folder.join("engine.db")).expect("a store"));
    let key = StoreKey::from_text(&"5a".repeat(32), "the test").expect("a key");
    let clock = Arc::new(MovableClock::stopped_at(1_700_000_000_000));
    let grants = GrantStore::open(Arc::clone(&store), &key, clock.clone()).expect("grants");
    let server = server_of(&config_for(&bitbucket.mock), &bitbucket.host);
    let settings = Settings {
        api_url: "https://ci.example.com/api".to_owned(),
        ui_url: "https://ci.example.com".to_owned(),
        status_url: None,
        development: false,
        poll_interval: Duration::from_secs(600),
        call_limit: LONG,
        retention: Duration::from_secs(3600),
        max_delivery_bytes: 1 << 20,
    };
    Arc::new(Engine::new(
        Arc::new(grants),
        store,
        Arc::new(OneServer(Arc::new(server))),
        clock,
        settings,
    ))
}

/// Links the repository and pushes a branch; the hook's id in the engine and
/// the delivery that the service made.
fn linked_and_pushed(bitbucket: &Bitbucket, engine: &Engine) -> (String, Sent) {
    let request = LinkRequest {
        server: SERVER.to_owned(),
        repo: repo(),
        events: Vec::new(),
        options: None,
    };
    let linked = engine
        .link(&context(), "project", "application", request)
        .expect("a link");
    let LinkedHook::Active { url, .. } = linked.hook else {
        panic!("the hook is at the service");
    };
    let hook = url.rsplit('/').next().unwrap_or_default().to_owned();
    let clone = Clone::of(&bitbucket.mock, REPO);
    clone.git(&["branch", "new"]);
    clone.push(&["new"]);
    assert!(bitbucket.mock.wait_until_delivered(LONG));
    let sent = bitbucket.mock.deliveries().remove(0);
    (hook, sent)
}

fn receive(
    engine: &Arc<Engine>,
    hook: &str,
    sent: &Sent,
) -> std::result::Result<Received, Rejection> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(engine.receive(hook, sent.headers.clone(), sent.body.clone()))
}

/// Situation `repeated-deliveries`.
#[test]
fn the_same_delivery_counts_once_even_after_a_restart() {
    let bitbucket = quick_small();
    let folder = TempDir::new().expect("a folder");
    let engine_before = engine(&bitbucket, folder.path());
    let (hook, sent) = linked_and_pushed(&bitbucket, &engine_before);
    let first = receive(&engine_before, &hook, &sent).expect("kept");
    assert_eq!(first, Received::New);
    let second = receive(&engine_before, &hook, &sent).expect("kept");
    assert_eq!(second, Received::Seen);
    drop(engine_before);

    let restarted = engine(&bitbucket, folder.path());
    let third = receive(&restarted, &hook, &sent).expect("kept");
    assert_eq!(third, Received::Seen);
    let events = restarted
        .store
        .open_events(restarted.clock.now_ms(), 10)
        .expect("events");
    assert_eq!(events.len(), 1, "one event of three deliveries");
}

/// Situation `repeated-deliveries`.
#[test]
fn another_delivery_of_the_same_body_is_another_event() {
    let bitbucket = quick_small();
    let folder = TempDir::new().expect("a folder");
    let engine = engine(&bitbucket, folder.path());
    let (hook, sent) = linked_and_pushed(&bitbucket, &engine);
    let mut other = sent.clone();
    for (name, value) in &mut other.headers {
        if name.eq_ignore_ascii_case("x-request-uuid") {
            *value = "another".to_owned();
        }
    }
    assert_eq!(receive(&engine, &hook, &sent).ok(), Some(Received::New));
    assert_eq!(receive(&engine, &hook, &other).ok(), Some(Received::New));
}

/// Situation `signature`.
#[test]
fn the_receiver_refuses_a_delivery_without_the_right_signature() {
    let bitbucket = quick_small();
    let folder = TempDir::new().expect("a folder");
    let engine = engine(&bitbucket, folder.path());
    let (hook, sent) = linked_and_pushed(&bitbucket, &engine);
    let mut unsigned = sent.clone();
    unsigned
        .headers
        .retain(|(name, _)| !name.eq_ignore_ascii_case("x-hub-signature"));
    let mut changed = sent.clone();
    changed.body.push(b'\n');
    for spoiled in [unsigned, changed] {
        let refusal = receive(&engine, &hook, &spoiled);
        assert!(matches!(refusal, Err(Rejection::Unsigned)), "{refusal:?}");
    }
    assert_eq!(receive(&engine, &hook, &sent).ok(), Some(Received::New));
}
