//! Servers in processes of their own: the same answers, and a plugin that
//! misbehaves ends nothing but its own process.

use integration_tests::host::RecordingHost;
use integration_tests::place::{Place, client_of, server_settings, until};
use integration_tests::{built_library, built_program};
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vcs_plugin_host::isolation::Isolation;
use vcs_plugin_host::loader::Confinement;
use vcs_plugin_host::registry::{GenerationHealth, Registry, RegistryOptions, ServerSettings};
use vcs_provider_interface::context::{Cancellation, HostCallContext};
use vcs_provider_interface::prelude::*;

/// How soon a server must answer again whose process has ended: two seconds, and
/// some more on a machine that does much else.
const RECOVERY: Duration = Duration::from_secs(6);

struct Isolated {
    place: Place,
    registry: Registry,
    host: Arc<RecordingHost>,
}

fn settings(name: &str, config: &str, host: &Arc<RecordingHost>) -> ServerSettings {
    ServerSettings {
        isolated: true,
        ..server_settings(name, "misbehaving", config, host)
    }
}

impl Isolated {
    /// The server `main` in a process of its own.
    fn new(config: &str) -> Self {
        let place = Place::new();
        let options = RegistryOptions {
            isolation: Some(Isolation {
                program: built_program("engine"),
                confinement: Some(Confinement {
                    memory: 256 * 1024 * 1024,
                    ..Confinement::default()
                }),
            }),
            ..Default::default()
        };
        let registry = Registry::new(place.loader(), options);
        let plugin = place.install_pinned(&built_library("vcs-misbehaving"), "libmisbehaving.so");
        registry.load(&plugin).unwrap();
        let host = RecordingHost::new();
        registry.configure(settings("main", config, &host)).unwrap();
        Self {
            place,
            registry,
            host,
        }
    }

    fn generation(&self) -> GenerationHealth {
        let health = self.registry.health();
        let server = health
            .servers
            .into_iter()
            .find(|server| server.name == "main");
        server.unwrap().generation.unwrap()
    }

    /// Lets the plugin do what the name says.
    fn order(&self, what: &str) -> Result<String> {
        let server = self.registry.server("main").unwrap();
        let client = server.authorized_client(Credential::anonymous())?;
        branch(client.as_ref(), what)
    }

    fn assert_recovers(&self) {
        let begun = Instant::now();
        until("the next response", || {
            self.order("hello").is_ok_and(|name| name == "hello")
        });
        assert!(begun.elapsed() < RECOVERY, "{:?}", begun.elapsed());
    }
}

fn branch(client: &dyn AuthorizedClient, name: &str) -> Result<String> {
    let request = BranchRequest {
        name: Some(name.to_owned()),
        ..Default::default()
    };
    let context = HostCallContext::new("isolation").with_time_limit(Duration::from_secs(1));
    let branch = client.branch(&context, request)?;
    Ok(branch.display_id)
}

#[test]
fn an_isolated_server_answers_from_another_process_that_is_confined() {
    let isolated = Isolated::new("good");
    assert_eq!(isolated.order("main").unwrap(), "main");
    let process = isolated.generation().process.unwrap();
    assert_ne!(process.pid, std::process::id());
    let confined = process.confined.join(", ");
    println!("confined: {confined}");
    assert!(confined.contains("memory 256 MiB"), "{confined}");
    assert!(confined.contains("seccomp"), "{confined}");
    // Nothing of the plugin is mapped here.
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let staging = isolated.place.loader_options().staging_directory.unwrap();
    assert!(!maps.contains(staging.to_str().unwrap()));
    // A panic is what it is inside the process: an error, then a fresh instance.
    let panics = Isolated::new("panic on demand");
    assert_eq!(panics.order("panic").unwrap_err().kind, ErrorKind::INTERNAL);
    panics.assert_recovers();
}

#[test]
fn a_plugin_that_ends_its_process_hangs_or_eats_memory_hurts_nobody_else() {
    let isolated = Isolated::new("orders");
    let Isolated { registry, host, .. } = &isolated;
    registry
        .configure(settings("other", "orders", host))
        .unwrap();
    let other = registry.server("other").unwrap();
    let other = other.authorized_client(Credential::anonymous()).unwrap();
    for (what, kind) in [
        ("abort", ErrorKind::INTERNAL),
        ("exit", ErrorKind::INTERNAL),
        ("overflow the stack", ErrorKind::INTERNAL),
        ("eat memory", ErrorKind::INTERNAL),
        ("loop", ErrorKind::TIMEOUT),
    ] {
        let begun = Instant::now();
        let error = isolated.order(what).unwrap_err();
        println!("{what}: {error}");
        assert_eq!(error.kind, kind, "{what}: {error}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{what}");
        assert_eq!(branch(other.as_ref(), "here").unwrap(), "here", "{what}");
        isolated.assert_recovers();
    }
    let health = isolated.registry.health();
    assert!(health.counts.replaced >= 5, "{health:?}");
    let server = health.servers.iter().find(|server| server.name == "other");
    assert_eq!(server.unwrap().generation.as_ref().unwrap().errors, 0);
}

#[test]
fn a_confined_plugin_reads_no_secret_and_starts_no_program() {
    let isolated = Isolated::new("orders");
    let confined = isolated.generation().process.unwrap().confined.join(", ");
    let secret = isolated.place.scratch().join("store.key");
    fs::write(&secret, "planted").unwrap();
    let start = isolated.order("start a program").unwrap_err();
    assert!(start.message.contains("not permitted"), "{start}");
    if confined.contains("not landlock") {
        println!("SKIPPED: {confined}");
        return;
    }
    for path in [
        secret.to_str().unwrap(),
        "/proc/self/environ",
        "/etc/passwd",
    ] {
        let error = isolated.order(&format!("read {path}")).unwrap_err();
        assert!(
            error.message.contains("ermission denied"),
            "{path}: {error}"
        );
    }
    let written = isolated.place.scratch().join("written");
    let order = format!("write {}", written.display());
    isolated.order(&order).unwrap_err();
    assert!(!written.exists());
}

#[test]
fn a_call_is_cancelled_in_the_other_process() {
    let isolated = Isolated::new("orders");
    let client = client_of(&isolated.registry, Credential::anonymous());
    let stop = Cancellation::new();
    let context = HostCallContext::new("cancelled").with_cancellation(stop.clone());
    let request = BranchRequest {
        name: Some("wait for the cancellation".to_owned()),
        ..Default::default()
    };
    std::thread::scope(|scope| {
        let call = scope.spawn(|| client.branch(&context, request));
        until("the call", || isolated.generation().in_flight > 0);
        stop.cancel();
        let begun = Instant::now();
        let error = call.join().unwrap().unwrap_err();
        assert_eq!(error.kind, ErrorKind::CANCELLED, "{error}");
        assert!(begun.elapsed() < RECOVERY);
    });
    // The process is the same.
    assert_eq!(isolated.generation().number, 1);
    isolated.assert_recovers();
    assert_eq!(isolated.generation().number, 1);
}

/// Open files, threads and mappings of this process.
fn footprint() -> [usize; 3] {
    let count = |path: &str| fs::read_dir(path).unwrap().count();
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    [
        count("/proc/self/fd"),
        count("/proc/self/task"),
        maps.lines().count(),
    ]
}

#[test]
fn swaps_of_isolated_servers_lose_no_call_and_leave_nothing_behind() {
    let swaps: usize = std::env::var("SWAPS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(40);
    let isolated = Isolated::new("good");
    let swap = || {
        let settings = settings("main", "good", &isolated.host);
        isolated.registry.configure(settings).unwrap();
    };
    let dropped = |count: u64| {
        until("the last drop", || {
            let counts = isolated.registry.health().counts;
            counts.instances_dropped == counts.instances_made - 1 && counts.instances_made >= count
        });
    };
    swap();
    dropped(2);
    let before = footprint();
    let done = std::sync::atomic::AtomicBool::new(false);
    let calls = std::thread::scope(|scope| {
        let caller = scope.spawn(|| {
            let client = client_of(&isolated.registry, Credential::anonymous());
            let mut calls = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                branch(client.as_ref(), "x").unwrap();
                calls += 1;
            }
            calls
        });
        for _ in 0..swaps {
            swap();
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        caller.join().unwrap()
    });
    dropped(swaps as u64 + 2);
    println!(
        "{swaps} swaps, {calls} calls, before {before:?}, after {:?}",
        footprint()
    );
    until("open files and threads as before", || {
        let now = footprint();
        // Some mappings are stacks and heaps of threads that the C library keeps for
        // the next ones; what each swap left behind would be as many as the swaps.
        now[0] <= before[0] && now[1] <= before[1] && now[2] < before[2] + swaps.max(16) / 2
    });
}

mod needs_full_run {
    use super::*;

    /// What a call costs; run it with `--release --ignored --nocapture`.
    #[test]
    #[ignore = "a measurement: cargo xtask test --full"]
    fn what_a_call_costs() {
        let isolated = Isolated::new("good");
        let place = Place::new();
        let plugin = place.install_pinned(&built_library("vcs-misbehaving"), "libmisbehaving.so");
        let (inside, _) = place.registry_serving(&plugin, "good");
        for (name, registry) in [("in-process", &inside), ("isolated", &isolated.registry)] {
            let client = client_of(registry, Credential::anonymous());
            let mut times: Vec<Duration> = (0..5000)
                .map(|_| {
                    let begun = Instant::now();
                    branch(client.as_ref(), "x").unwrap();
                    begun.elapsed()
                })
                .collect();
            times.sort();
            println!("{name}: median {:?}, p99 {:?}", times[2500], times[4950]);
        }
    }
}
