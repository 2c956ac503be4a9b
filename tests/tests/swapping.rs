//! Swapping: no call is lost, each answer comes from one generation, each old
//! instance goes once, after its last call.

use integration_tests::host::RecordingHost;
use integration_tests::place::{Place, client_of, drops, second_build, server_settings, until};
use integration_tests::{built_example, built_library};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use vcs_plugin_host::registry::{GenerationState, Health, Outcome, Registry, ServerHealth};
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::prelude::*;

/// The longest that a test waits for something that is bound to happen.
const PATIENCE: Duration = Duration::from_secs(30);

fn server_of(health: &Health) -> &ServerHealth {
    &health.servers[0]
}

fn context() -> HostCallContext {
    HostCallContext::new("swapping").with_time_limit(PATIENCE)
}

fn branch_request(name: &str) -> BranchRequest {
    BranchRequest {
        repo: "one/two".to_owned(),
        name: Some(name.to_owned()),
        ..Default::default()
    }
}

fn misbehaving(config: &str) -> (Place, Registry, Arc<RecordingHost>) {
    let place = Place::new();
    let plugin = place.install_pinned(&built_library("vcs-misbehaving"), "libmisbehaving.so");
    let (registry, host) = place.registry_serving(&plugin, config);
    (place, registry, host)
}

fn reconfigure(registry: &Registry, config: &str, host: &Arc<RecordingHost>) {
    registry
        .configure(server_settings("main", "misbehaving", config, host))
        .unwrap();
}

#[test]
fn a_client_from_before_a_swap_goes_on_with_the_new_generation() {
    let (_place, registry, host) = misbehaving("good");
    let client = client_of(&registry, Credential::anonymous());
    client.branch(&context(), branch_request("a")).unwrap();
    reconfigure(&registry, "good", &host);
    client.branch(&context(), branch_request("b")).unwrap();
    let health = registry.health();
    let generation = server_of(&health).generation.clone().unwrap();
    assert_eq!((generation.number, generation.calls), (2, 1));
    // The handle is still there, and the old generation went all the same.
    until("the drop of the old generation", || drops(&host) == 1);
    assert_eq!(registry.health().counts.instances_dropped, 1);
}

#[test]
fn a_constructor_that_fails_panics_or_hangs_leaves_the_old_generation_serving() {
    let (_place, registry, host) = misbehaving("good");
    let client = client_of(&registry, Credential::anonymous());
    for (config, code) in [
        ("error in constructor", "constructor_failed"),
        ("panic in constructor", "constructor_failed"),
        ("slow constructor", "constructor_timed_out"),
        ("error in probe", "probe_failed"),
        ("panic in probe", "probe_failed"),
        ("endless probe", "probe_timed_out"),
    ] {
        let settings = server_settings("main", "misbehaving", config, &host);
        let error = registry.configure(settings).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
        let health = registry.health();
        let rejection = server_of(&health).last_rejection.clone().unwrap();
        assert_eq!(rejection.code, code);
        assert_eq!(server_of(&health).generation.as_ref().unwrap().number, 1);
        client.branch(&context(), branch_request("a")).unwrap();
    }
    assert_eq!(registry.health().counts.rejected, 6);
}

#[test]
fn a_slow_constructor_holds_up_no_call() {
    let (_place, registry, host) = misbehaving("good");
    let client = client_of(&registry, Credential::anonymous());
    let (begun, is_running) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            begun.send(()).unwrap();
            let settings = server_settings("main", "misbehaving", "slow constructor", &host);
            registry.configure(settings).unwrap_err();
        });
        is_running.recv().unwrap();
        let started = Instant::now();
        for _ in 0..100 {
            client.branch(&context(), branch_request("a")).unwrap();
            let _ = registry.health();
        }
        assert!(started.elapsed() < Duration::from_secs(2));
    });
}

#[test]
fn a_panic_in_a_call_is_an_error_and_the_next_instance_serves() {
    let (_place, registry, host) = misbehaving("panic on demand");
    let client = client_of(&registry, Credential::anonymous());
    let error = client
        .branch(&context(), branch_request("panic"))
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::INTERNAL);
    until("the replacement", || {
        client.branch(&context(), branch_request("a")).is_ok()
    });
    let health = registry.health();
    assert_eq!(health.counts.replaced, 1);
    let generation = server_of(&health).generation.clone().unwrap();
    assert_eq!(
        (generation.number, generation.state),
        (2, GenerationState::Serving)
    );
    until("the drop of the poisoned instance", || drops(&host) == 1);
}

#[test]
fn a_provider_that_always_panics_is_replaced_a_bounded_number_of_times() {
    let (_place, registry, _host) = misbehaving("panic in method");
    let client = client_of(&registry, Credential::anonymous());
    let limit = 5;
    until("the last replacement", || {
        let error = client.branch(&context(), branch_request("a")).unwrap_err();
        assert_eq!(error.kind, ErrorKind::INTERNAL);
        registry.health().counts.replaced == limit
    });
    // Beyond that it is reported, and calls fail at once instead of hanging.
    until("the report", || {
        client.branch(&context(), branch_request("a")).unwrap_err();
        let health = registry.health();
        server_of(&health).generation.as_ref().unwrap().state == GenerationState::Poisoned
    });
    for _ in 0..50 {
        client.branch(&context(), branch_request("a")).unwrap_err();
    }
    assert_eq!(registry.health().counts.replaced, limit);
}

#[test]
fn a_panic_in_a_drop_hurts_nobody() {
    for config in ["panic in drop", "panic in drop of client"] {
        let (_place, registry, host) = misbehaving(config);
        let client = client_of(&registry, Credential::anonymous());
        client.branch(&context(), branch_request("a")).unwrap();
        reconfigure(&registry, "good", &host);
        client.branch(&context(), branch_request("a")).unwrap();
        until("the drop", || {
            registry.health().counts.instances_dropped == 1
        });
        assert_eq!(drops(&host), 1, "{config}");
    }
}

#[test]
fn an_endless_call_drop_or_thread_holds_up_nobody_else() {
    for config in ["endless call", "endless drop", "thread left behind"] {
        let (_place, registry, host) = misbehaving(config);
        let endless = client_of(&registry, Credential::anonymous());
        let (entered, is_inside) = mpsc::channel();
        // The thread stays behind: nothing can end it.
        std::thread::spawn(move || {
            entered.send(()).unwrap();
            let _ = endless.branch(&context(), branch_request("a"));
        });
        is_inside.recv().unwrap();
        until("the call", || {
            let health = registry.health();
            server_of(&health).generation.as_ref().unwrap().calls >= 2
        });
        reconfigure(&registry, "good", &host);
        let client = client_of(&registry, Credential::anonymous());
        client.branch(&context(), branch_request("a")).unwrap();
        let health = registry.health();
        if config == "endless call" {
            let draining = &server_of(&health).draining;
            assert_eq!(draining.len(), 1);
            assert_eq!(
                (draining[0].state, draining[0].in_flight),
                (GenerationState::Draining, 1)
            );
        }
    }
}

#[test]
fn generations_that_never_drain_end_with_a_clear_message() {
    let (_place, registry, host) = misbehaving("endless call");
    for number in 1..=8 {
        let endless = client_of(&registry, Credential::anonymous());
        std::thread::spawn(move || {
            let _ = endless.branch(&context(), branch_request("a"));
        });
        until("the call", || {
            let health = registry.health();
            let generation = server_of(&health).generation.clone().unwrap();
            generation.number == number && generation.in_flight == 1
        });
        reconfigure(&registry, "endless call", &host);
    }
    let settings = server_settings("main", "misbehaving", "good", &host);
    let error = registry.configure(settings).unwrap_err();
    assert_eq!(error.code(), "too_many_draining");
    assert!(error.to_string().contains("restart the engine"), "{error}");
}

#[test]
fn a_rollback_returns_to_the_plugin_before() {
    let place = Place::new();
    let first = built_library("vcs-misbehaving");
    let plugin = place.install_pinned(&first, "libmisbehaving.so");
    let (registry, _host) = place.registry_serving(&plugin, "good");
    let before = registry.health().plugins[0].sha256;
    let error = registry.rollback("misbehaving").unwrap_err();
    assert_eq!(error.code(), "no_previous");

    place.install_pinned(&second_build(&first, &place), "libmisbehaving.so");
    let report = registry.reload(&place.plugins());
    assert!(
        matches!(report.plugins[0].outcome, Outcome::Loaded { .. }),
        "{report:?}"
    );
    assert_eq!(registry.health().plugins[0].previous, Some(before));

    registry.rollback("misbehaving").unwrap();
    let health = registry.health();
    assert_eq!(health.plugins[0].sha256, before);
    assert_eq!(
        server_of(&health).generation.as_ref().unwrap().sha256,
        before
    );
    // The directory still holds what was left; it is not taken again.
    let report = registry.reload(&place.plugins());
    assert!(
        matches!(report.plugins[0].outcome, Outcome::RolledBack { .. }),
        "{report:?}"
    );
    assert_eq!(registry.health().plugins[0].sha256, before);
}

#[test]
fn a_reload_takes_what_is_new_and_reports_the_rest() {
    let place = Place::new();
    let first = built_library("vcs-misbehaving");
    let plugin = place.install_pinned(&first, "libmisbehaving.so");
    let (registry, _host) = place.registry_serving(&plugin, "good");
    place.install(&built_library("vcs-local-git"), "liblocal.so");
    place.install_bytes(b"\x7fELF and no more", "libwrong.so");
    fs::write(place.plugins().join("notes.txt"), "").unwrap();
    let report = registry.reload(&place.plugins());
    let codes: Vec<String> = report
        .plugins
        .iter()
        .map(|plugin| match &plugin.outcome {
            Outcome::Rejected(rejection) => rejection.code.clone(),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(codes[0], "manifest_missing");
    assert!(codes[1].starts_with("Unchanged"), "{codes:?}");
    assert_eq!(codes[2], "elf_truncated");
    assert_eq!(report.odd_files.len(), 1);
    assert!(!report.is_clean());

    // Two files of one type: nobody may guess which one is meant.
    place.install_pinned(&second_build(&first, &place), "libother.so");
    let report = registry.reload(&place.plugins());
    let outcome = report
        .plugins
        .iter()
        .find(|plugin| plugin.path.ends_with("libother.so"))
        .map(|plugin| &plugin.outcome);
    assert!(
        matches!(outcome, Some(Outcome::Rejected(rejection)) if rejection.code == "duplicate_type"),
        "{report:?}"
    );
    client_of(&registry, Credential::anonymous())
        .branch(&context(), branch_request("a"))
        .unwrap();
}

#[test]
fn a_watched_directory_is_reloaded_when_a_plugin_is_complete() {
    let place = Place::new();
    let first = built_library("vcs-misbehaving");
    let plugin = place.install_pinned(&first, "libmisbehaving.so");
    let (registry, _host) = place.registry_serving(&plugin, "good");
    let before = registry.health().plugins[0].sha256;
    let (send, reports) = mpsc::channel();
    let watch = registry
        .watch(&place.plugins(), move |report| {
            let _ = send.send(report.clone());
        })
        .unwrap();
    // Half a file, as while it is copied: rejected, and what served goes on.
    let second = second_build(&first, &place);
    let whole = fs::read(&second).unwrap();
    fs::write(&plugin, &whole[..whole.len() / 2]).unwrap();
    let report = reports.recv_timeout(PATIENCE).unwrap();
    assert!(!report.is_clean(), "{report:?}");
    assert_eq!(registry.health().plugins[0].sha256, before);
    // The other half, and the manifest.
    place.install_pinned(&second, "libmisbehaving.so");
    until("the reload", || {
        registry.health().plugins[0].sha256 != before
    });
    drop(watch);
    client_of(&registry, Credential::anonymous())
        .branch(&context(), branch_request("a"))
        .unwrap();
}

#[test]
fn a_plugin_that_ends_its_process_when_linked_does_not_end_the_registry() {
    let (place, registry, _host) = misbehaving("good");
    let bytes = fs::read(built_example("kills_when_linked")).unwrap();
    place.install_bytes(&bytes, "libkills.so");
    let report = registry.reload(&place.plugins());
    assert!(
        report.plugins.iter().any(|plugin| matches!(
            &plugin.outcome,
            Outcome::Rejected(rejection) if rejection.code == "preflight_killed"
        )),
        "{report:?}"
    );
    client_of(&registry, Credential::anonymous())
        .branch(&context(), branch_request("a"))
        .unwrap();
}

#[test]
fn every_server_of_a_type_is_swapped_or_none() {
    let place = Place::new();
    let first = built_library("vcs-misbehaving");
    let plugin = place.install_pinned(&first, "libmisbehaving.so");
    let (registry, host) = place.registry_serving(&plugin, "good");
    registry
        .configure(server_settings("other", "misbehaving", "good", &host))
        .unwrap();
    let numbers = |registry: &Registry| -> BTreeSet<u64> {
        registry
            .health()
            .servers
            .iter()
            .map(|server| server.generation.as_ref().unwrap().number)
            .collect()
    };
    assert_eq!(numbers(&registry), BTreeSet::from([1, 2]));
    registry.load(&plugin).unwrap();
    assert_eq!(numbers(&registry), BTreeSet::from([3, 4]));
}

#[test]
fn a_server_in_service_does_not_change_to_a_type_without_a_plugin() {
    let (_place, registry, host) = misbehaving("good");
    let settings = server_settings("main", "nobody-has-it", "", &host);
    let error = registry.configure(settings).unwrap_err();
    assert_eq!(error.code(), "unknown_type");
    client_of(&registry, Credential::anonymous())
        .branch(&context(), branch_request("a"))
        .unwrap();
}

#[test]
fn a_server_without_a_plugin_says_so() {
    let place = Place::new();
    let registry = Registry::new(place.loader(), Default::default());
    let host = RecordingHost::new();
    registry
        .configure(server_settings("main", "misbehaving", "good", &host))
        .unwrap();
    let server = registry.server("main").unwrap();
    let error = server
        .authorized_client(Credential::anonymous())
        .err()
        .unwrap();
    assert_eq!(error.kind, ErrorKind::UNAVAILABLE);
    assert!(error.message.contains("misbehaving"), "{error}");
    assert!(registry.server("nobody").is_none());
}

#[test]
fn a_reload_and_the_health_can_be_written_whatever_the_files_are_called() {
    let place = Place::new();
    let name = |ending: &[u8]| {
        let bytes = [b"lib\xff\n".as_slice(), ending].concat();
        place.plugins().join(std::ffi::OsString::from_vec(bytes))
    };
    fs::copy(built_library("vcs-misbehaving"), name(b".so")).unwrap();
    place.loader().write_manifest(&name(b".so")).unwrap();
    fs::write(name(b".txt"), "odd").unwrap();
    let registry = Registry::new(place.loader(), Default::default());
    let report = registry.reload(&place.plugins());
    let report = serde_json::to_value(&report).unwrap();
    assert_eq!(report["plugins"][0]["outcome"], "loaded", "{report}");
    assert_eq!(report["odd_files"].as_array().unwrap().len(), 1, "{report}");
    let health = serde_json::to_value(registry.health()).unwrap();
    assert_eq!(health["plugins"][0]["provider_type"], "misbehaving");
}

#[test]
fn the_example_of_the_host_loads_and_swaps_with_no_other_dependency() {
    let place = Place::new();
    let first = place.install_pinned(&built_library("vcs-misbehaving"), "liba.so");
    let second = second_build(&built_library("vcs-misbehaving"), &place);
    let second = place.install_pinned(&second, "libb.so");
    let config = place.scratch().join("config");
    fs::write(&config, "good").unwrap();
    let ran = std::process::Command::new(integration_tests::built_program("load_and_swap"))
        .args([first, second, config])
        .env("TMPDIR", place.scratch())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{ran:?}");
    let digests: BTreeSet<&str> = said
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .collect();
    assert_eq!((said.lines().count(), digests.len()), (2, 2), "{said}");
}

/// A watched directory and how often it was reloaded.
fn watched(
    directory: &Path,
) -> (
    Registry,
    vcs_plugin_host::registry::Watch,
    Arc<RecordingHost>,
    Place,
) {
    let place = Place::new();
    let registry = Registry::new(place.loader(), Default::default());
    let host = RecordingHost::new();
    registry
        .configure(server_settings("main", "misbehaving", "good", &host))
        .unwrap();
    let watch = registry.watch(directory, |_| {}).unwrap();
    (registry, watch, host, place)
}

fn serves(registry: &Registry) -> bool {
    registry.server("main").unwrap().provider_info().is_some()
}

#[test]
fn a_watched_directory_may_be_made_later_and_be_replaced() {
    let place = Place::new();
    let directory = place.scratch().join("later");
    let (registry, _watch, _host, _copies) = watched(&directory);
    // It is not there yet; then a whole one is moved into its place.
    let plugin = place.install_pinned(&built_library("vcs-misbehaving"), "libmisbehaving.so");
    fs::rename(place.plugins(), &directory).unwrap();
    until("the first reload", || serves(&registry));
    let before = registry.health().plugins[0].sha256;
    fs::remove_dir_all(&directory).unwrap();
    fs::create_dir(place.plugins()).unwrap();
    let second = second_build(&built_library("vcs-misbehaving"), &place);
    place.install_pinned(&second, plugin.file_name().unwrap().to_str().unwrap());
    fs::rename(place.plugins(), &directory).unwrap();
    until("the second reload", || {
        registry.health().plugins[0].sha256 != before
    });
}

#[test]
fn a_link_to_a_watched_directory_may_be_switched() {
    let (first, second) = (Place::new(), Place::new());
    let library = built_library("vcs-misbehaving");
    first.install_pinned(&library, "libmisbehaving.so");
    second.install_pinned(&second_build(&library, &second), "libmisbehaving.so");
    let link = first.scratch().join("current");
    std::os::unix::fs::symlink(first.plugins(), &link).unwrap();
    let (registry, _watch, _host, _copies) = watched(&link);
    registry.reload(&link);
    let before = registry.health().plugins[0].sha256;
    let switched = first.scratch().join("next");
    std::os::unix::fs::symlink(second.plugins(), &switched).unwrap();
    fs::rename(&switched, &link).unwrap();
    until("the reload", || {
        registry.health().plugins[0].sha256 != before
    });
}
