//! Swapping: no call is lost, each answer comes from one generation, each old
//! instance goes once, after its last call.

mod misbehaving;
mod watching;

use integration_tests::host::RecordingHost;
use integration_tests::place::{Hosting, Place, client_of, second_build, server_settings, until};
use integration_tests::{built_example, built_library};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::sync::Arc;
use std::time::Duration;
use vcs_plugin_host::registry::{Health, Outcome, Registry, ServerHealth, ServerSettings};
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

/// A registry whose server is served by a provider with this defect.
struct Swapped {
    registry: Registry,
    host: Arc<RecordingHost>,
    hosting: Hosting,
    place: Place,
}

fn misbehaving(hosting: Hosting, config: &str) -> Swapped {
    let place = Place::new();
    let plugin = place.install_pinned(&built_library("vcs-misbehaving"), "libmisbehaving.so");
    let (registry, host) = place.registry_hosting(hosting, &plugin, config);
    Swapped {
        registry,
        host,
        hosting,
        place,
    }
}

impl Swapped {
    fn settings(&self, provider_type: &str, config: &str) -> ServerSettings {
        ServerSettings {
            isolated: self.hosting == Hosting::Isolated,
            ..server_settings("main", provider_type, config, &self.host)
        }
    }

    fn reconfigure(&self, config: &str) {
        let settings = self.settings("misbehaving", config);
        self.registry.configure(settings).unwrap();
    }

    fn client(&self) -> Box<dyn AuthorizedClient> {
        client_of(&self.registry, Credential::anonymous())
    }
}

#[test]
fn generations_that_never_drain_end_with_a_clear_message() {
    let swapped = misbehaving(Hosting::InProcess, "endless call");
    for number in 1..=8 {
        let endless = swapped.client();
        std::thread::spawn(move || {
            let _ = endless.branch(&context(), branch_request("a"));
        });
        until("the call", || {
            let health = swapped.registry.health();
            let generation = server_of(&health).generation.clone().unwrap();
            generation.number == number && generation.in_flight == 1
        });
        swapped.reconfigure("endless call");
    }
    let settings = swapped.settings("misbehaving", "good");
    let error = swapped.registry.configure(settings).unwrap_err();
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

fn a_plugin_that_ends_its_process_when_linked_does_not_end_the_registry() {
    let swapped = misbehaving(Hosting::InProcess, "good");
    let bytes = fs::read(built_example("kills_when_linked")).unwrap();
    swapped.place.install_bytes(&bytes, "libkills.so");
    let report = swapped.registry.reload(&swapped.place.plugins());
    assert!(
        report.plugins.iter().any(|plugin| matches!(
            &plugin.outcome,
            Outcome::Rejected(rejection) if rejection.code == "preflight_killed"
        )),
        "{report:?}"
    );
    swapped
        .client()
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
    let swapped = misbehaving(Hosting::InProcess, "good");
    let settings = swapped.settings("nobody-has-it", "");
    let error = swapped.registry.configure(settings).unwrap_err();
    assert_eq!(error.code(), "unknown_type");
    swapped
        .client()
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
