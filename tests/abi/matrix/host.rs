//! The host of the matrix: loads a plugin with the host crate of this repository,
//! built against one version of the interface, and prints what happened.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use vcs_plugin_host::loader::{LoadError, LoadedProvider, Loader, LoaderOptions};
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect;

struct Host;

impl HostServices for Host {
    fn log(&self, _record: LogRecord) {}

    fn is_log_enabled(&self, _level: LogLevel) -> bool {
        true
    }

    fn load_grant(&self, _grant_id: &str) -> Result<Option<Grant>> {
        Ok(None)
    }

    fn store_grant(&self, _grant_id: &str, _grant: Grant) -> Result<()> {
        Ok(())
    }

    fn lock_grant(&self, _grant_id: &str, _wait_ms: u64) -> Result<u64> {
        Ok(1)
    }

    fn unlock_grant(&self, _grant_id: &str, _lock: u64) {}

    #[cfg(feature = "since-1-1")]
    fn host_name(&self) -> String {
        "the host of 1.1".to_owned()
    }
}

fn load(path: &Path) -> std::result::Result<LoadedProvider, LoadError> {
    let staging = path.with_file_name("staging");
    let loader = Loader::new(LoaderOptions {
        staging_directory: Some(staging),
        ..Default::default()
    });
    loader.write_manifest(path)?;
    loader.load(path)
}

/// The name in an answer, or the kind and words of an error.
fn outcome(answer: Result<Repository>) -> String {
    match answer {
        Ok(repository) => repository.name,
        Err(error) => format!("{}: {}", error.kind, error.message),
    }
}

fn request(repo: &str) -> RepositoryRequest {
    RepositoryRequest {
        repo: repo.to_owned(),
        ..Default::default()
    }
}

/// Polls for one kind, and says what came, in words and after a way through JSON.
fn poll(client: &dyn AuthorizedClient, kind: EventKind) -> Result<()> {
    let request = PollEventsRequest {
        kinds: vec![kind],
        extra: Extra::from([("matrix.fact", "kept")]),
        ..Default::default()
    };
    let polled = client.poll_events(&HostCallContext::new("poll"), request)?;
    println!("asked for: {}", polled.cursor);
    for event in polled.events {
        let stored = serde_json::to_string(&event).unwrap_or_default();
        let read: std::result::Result<Event, _> = serde_json::from_str(&stored);
        println!("event: {} {:?}", event.kind, event.extra.get("matrix.fact"));
        println!("event by number: {}", event.kind.number());
        println!("event after JSON: {}", read.is_ok_and(|read| read == event));
    }
    Ok(())
}

/// The names in a list, or the kind and words of an error.
#[cfg(feature = "since-1-1")]
fn labels(client: &dyn AuthorizedClient) -> String {
    let context = HostCallContext::new("labels");
    match collect(|sink| client.labels(&context, request("r"), sink)) {
        Ok(labels) => labels.iter().map(|label| label.name.as_str()).collect::<Vec<_>>().join(" "),
        Err(error) => format!("{}: {}", error.kind, error.message),
    }
}

fn main() -> std::result::Result<(), VcsError> {
    let path: PathBuf = std::env::args_os().nth(1).unwrap_or_default().into();
    let loaded = match load(&path) {
        Ok(loaded) => loaded,
        Err(error) => {
            println!("refused: {}", error.code());
            println!("message: {error}");
            return Ok(());
        }
    };
    println!("loaded: {:?}", loaded.compatibility);
    println!("compiler: {}", loaded.build.compiler);
    let context = HostCallContext::new("the request");
    let server = loaded.provider.new_server("", Arc::new(Host))?;
    let client = server.authorized_client(Credential::anonymous())?;
    let branches = BranchesRequest {
        repo: "r".to_owned(),
        ..Default::default()
    };
    let branches = collect(|sink| client.branches(&context, branches, sink))?;
    let names: Vec<_> = branches.iter().map(|branch| branch.display_id.as_str()).collect();
    println!("branches: {}", names.join(" "));
    println!("error: {}", outcome(client.repo_by_fullname(&context, request("error"))));
    println!("host name: {}", outcome(client.repo_by_fullname(&context, request(""))));
    #[cfg(feature = "since-1-1")]
    println!("ping: {}", outcome(client.ping(&context, request("r"))));
    #[cfg(feature = "since-1-1")]
    println!("labels: {}", labels(&*client));
    #[cfg(feature = "since-1-1")]
    poll(&*client, EventKind::BRANCH_LOCKED)?;
    #[cfg(not(feature = "since-1-1"))]
    poll(&*client, EventKind::REF_DELETED)?;
    println!("panic: {}", outcome(client.repo_by_fullname(&context, request("panic"))));
    drop(client);
    drop(server);
    println!("end: reached");
    Ok(())
}
