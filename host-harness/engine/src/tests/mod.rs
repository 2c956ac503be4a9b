//! The engine against a service in memory, with a clock that stands still until
//! it is moved.

mod consent;
mod events;
pub(crate) mod fake;
mod linking;
mod looks;
mod openapi;
mod outbox;
mod pages;
mod polling;
mod retention;
mod runs;
mod services;
mod strangers;
mod tokens;

use super::clock::MovableClock;
use super::grants::tests::key;
use super::grants::{GrantStore, hook_place};
use super::linking::{LinkRequest, Linked};
use super::store::tests::open_at;
use super::store::{Application, ApplicationOptions, EventState, Received, Run, StoredHook};
use crate::engine::{Engine, Settings};
use fake::{FakeServers, FakeService, SERVER, delivery};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::error::Result;
use vcs_provider_interface::records::Event;

/// When the tests begin: some time in 2026.
const START: i64 = 1_790_000_000_000;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// A whole hash.
pub(crate) fn hash(digit: char) -> String {
    digit.to_string().repeat(40)
}

/// An engine in a directory of its own.
pub(crate) struct TestEngine {
    pub(crate) engine: Arc<Engine>,
    pub(crate) service: Arc<FakeService>,
    pub(crate) clock: Arc<MovableClock>,
    runtime: tokio::runtime::Runtime,
    directory: Arc<tempfile::TempDir>,
}

impl TestEngine {
    pub(crate) fn new() -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let clock = Arc::new(MovableClock::stopped_at(START));
        Self::over(directory, FakeService::new(), clock)
    }

    fn over(
        directory: Arc<tempfile::TempDir>,
        service: Arc<FakeService>,
        clock: Arc<MovableClock>,
    ) -> Self {
        let store = Arc::new(open_at(&directory.path().join("engine.sqlite")));
        let at = Arc::clone(&clock) as Arc<_>;
        let grants = GrantStore::open(Arc::clone(&store), &key("01"), at).unwrap();
        let settings = Settings {
            api_url: "https://ci.example/api".to_owned(),
            ui_url: "https://ci.example".to_owned(),
            status_url: None,
            development: false,
            poll_interval: 15 * Duration::from_secs(60),
            call_limit: Duration::from_secs(20),
            retention: 24 * HOUR,
            max_delivery_bytes: 1024 * 1024,
        };
        let engine = Engine::new(
            Arc::new(grants),
            store,
            Arc::new(FakeServers(Arc::clone(&service))),
            Arc::clone(&clock) as Arc<_>,
            settings,
        );
        Self {
            engine: Arc::new(engine),
            service,
            clock,
            runtime: tokio::runtime::Runtime::new().unwrap(),
            directory,
        }
    }

    /// The same store, service and clock in a new engine.
    pub(crate) fn restarted(self) -> Self {
        let (directory, service, clock) = (self.directory, self.service, self.clock);
        drop(self.engine);
        Self::over(directory, service, clock)
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn try_link(&self, name: &str) -> Result<Linked> {
        let request = LinkRequest {
            server: SERVER.to_owned(),
            repo: format!("ws/{name}"),
            events: Vec::new(),
            options: None,
        };
        let context = HostCallContext::new("test");
        self.engine.link(&context, "KEY", name, request)
    }

    pub(crate) fn linked(&self) -> Application {
        self.try_link("app").unwrap().application
    }

    pub(crate) fn hook(&self, application: &Application) -> (StoredHook, String) {
        let hook = self.engine.store.hook_of_application(application.id);
        let hook = hook.unwrap().unwrap();
        let secret = self
            .engine
            .grants
            .sealer()
            .open(&hook_place(&hook.id), &hook.sealed_secret)
            .unwrap();
        (hook, secret.expose().to_owned())
    }

    /// Delivers events for an application.
    pub(crate) fn deliver(
        &self,
        application: &Application,
        id: &str,
        events: &[Event],
    ) -> Received {
        let (hook, secret) = self.hook(application);
        let (headers, body) = delivery(&secret, id, events);
        self.runtime
            .block_on(self.engine.receive(&hook.id, headers, body))
            .unwrap()
    }

    pub(crate) fn work(&self) -> usize {
        self.runtime.block_on(self.engine.work_on_events()).unwrap()
    }

    /// Completes what is due to be completed.
    pub(crate) fn complete(&self) -> usize {
        self.runtime
            .block_on(self.engine.complete_due_events())
            .unwrap()
    }

    /// Links an application that asks for something.
    pub(crate) fn linked_with(&self, options: ApplicationOptions) -> Application {
        let request = LinkRequest {
            server: SERVER.to_owned(),
            repo: "ws/app".to_owned(),
            events: vec!["repo:push".to_owned(), "pullrequest:created".to_owned()],
            options: Some(options),
        };
        let context = HostCallContext::new("test");
        let linked = self.engine.link(&context, "KEY", "app", request);
        linked.unwrap().application
    }

    pub(crate) fn runs(&self, application: &Application) -> Vec<Run> {
        self.engine.store.runs(application.id, None).unwrap()
    }

    pub(crate) fn count(&self, state: EventState) -> u64 {
        self.engine.store.count_events(state).unwrap()
    }
}
