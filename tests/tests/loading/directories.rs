//! Which file of a plugin directory serves which type: every command and the
//! registry give the same answer.

use super::good_library;
use integration_tests::place::{Place, second_build, server_settings};
use integration_tests::{built_library, host::RecordingHost};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};
use vcs_plugin_host::plugin_directory::{FindError, find};
use vcs_plugin_host::registry::{Outcome, Registry, ReloadReport};

fn list(place: &Place) -> Value {
    let directory = place.plugins();
    let arguments = ["plugins", "list", "--json", "--plugin-dir"];
    let ran = place.engine(&[&arguments[..], &[directory.to_str().unwrap()]].concat());
    serde_json::from_slice(&ran.stdout).unwrap()
}

/// Asks the `engine` for a branch of a server of the type `misbehaving`.
fn vcs_branch(place: &Place) -> Output {
    let config = place.scratch().join("config.toml");
    let directory = place.plugins();
    let text = format!("[plugins]\ndirectory = {directory:?}\n[vcs.servers.main.misbehaving]\n");
    fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap();
    place.engine(&[
        "vcs",
        "branch",
        "a/b",
        "--anonymous",
        "--json",
        "--config",
        config,
    ])
}

fn reload(place: &Place) -> (Registry, ReloadReport) {
    let registry = Registry::new(place.loader(), Default::default());
    let settings = server_settings("main", "misbehaving", "", &RecordingHost::new());
    registry.configure(settings).unwrap();
    let report = registry.reload(&place.plugins());
    (registry, report)
}

fn serves(registry: &Registry) -> bool {
    registry.server("main").unwrap().provider_info().is_some()
}

#[test]
fn two_different_plugins_of_one_type_are_rejected_by_everybody() {
    let place = Place::new();
    place.install_pinned(&good_library(), "liba.so");
    place.install_pinned(&second_build(&good_library(), &place), "libb.so");
    place.install_pinned(&built_library("vcs-local-git"), "liblocal.so");
    let listed = list(&place);
    for index in [0, 1] {
        assert_eq!(listed[index]["state"], "rejected", "{listed}");
        assert_eq!(listed[index]["code"], "duplicate_type", "{listed}");
        assert_eq!(listed[index]["exit_code"], 21, "{listed}");
    }
    assert_eq!(listed[2]["state"], "accepted", "{listed}");
    let ran = vcs_branch(&place);
    let said = String::from_utf8_lossy(&ran.stdout);
    assert_eq!(ran.status.code(), Some(21), "{said}");
    assert!(said.contains("liba.so and libb.so"), "{said}");
    let (registry, report) = reload(&place);
    assert!(!serves(&registry), "{report:?}");
    let loader = place.loader();
    find(&loader, &place.plugins(), "local-git").unwrap();
}

#[test]
fn the_same_plugin_under_a_second_name_serves_under_the_first() {
    let place = Place::new();
    place.install_pinned(&good_library(), "liba.so");
    place.install_pinned(&good_library(), "libb.so");
    let listed = list(&place);
    assert_eq!(listed[0]["state"], "accepted", "{listed}");
    assert_eq!(listed[1]["state"], "ignored", "{listed}");
    assert!(
        listed[1]["message"].as_str().unwrap().contains("liba.so"),
        "{listed}"
    );
    let ran = vcs_branch(&place);
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    let (registry, report) = reload(&place);
    assert!(serves(&registry), "{report:?}");
    assert!(report.is_clean(), "{report:?}");
    let outcome = &report.plugins[1].outcome;
    // It is in service already by then, whichever file it came from.
    assert!(matches!(outcome, Outcome::Unchanged { .. }), "{report:?}");
}

#[test]
fn a_broken_file_of_the_type_hinders_no_whole_one() {
    let place = Place::new();
    let half = place.install_pinned(&good_library(), "liba.so");
    let whole = fs::read(&half).unwrap();
    fs::write(&half, &whole[..whole.len() / 2]).unwrap();
    place.install_pinned(&good_library(), "libb.so");
    let listed = list(&place);
    assert_eq!(listed[0]["code"], "size_mismatch", "{listed}");
    assert_eq!(listed[1]["state"], "accepted", "{listed}");
    assert_eq!(vcs_branch(&place).status.code(), Some(0));
    assert!(serves(&reload(&place).0));
}

/// Puts something in the place of a manifest that must not be read to its end.
fn with_manifest(make: impl FnOnce(&Path)) -> Place {
    let place = Place::new();
    place.install_pinned(&good_library(), "liba.so");
    let odd = place.install(&built_library("vcs-local-git"), "libodd.so");
    make(&odd.with_extension("manifest.toml"));
    place
}

#[test]
fn a_manifest_that_never_ends_holds_up_nobody() {
    let pipe = with_manifest(|path| {
        let made = std::process::Command::new("mkfifo").arg(path).status();
        assert!(made.unwrap().success());
    });
    let giant = with_manifest(|path| {
        let file = fs::File::create(path).unwrap();
        file.set_len(64 << 30).unwrap();
    });
    for place in [pipe, giant] {
        let begun = Instant::now();
        let ran = vcs_branch(&place);
        assert_eq!(ran.status.code(), Some(0), "{ran:?}");
        let listed = list(&place);
        assert_eq!(listed[1]["code"], "manifest_unreadable", "{listed}");
        assert!(serves(&reload(&place).0));
        assert!(begun.elapsed() < Duration::from_secs(20));
        // Asked for by name, the reason is said.
        match find(&place.loader(), &place.plugins(), "local-git") {
            Err(FindError::Rejected(error)) => assert_eq!(error.code(), "manifest_unreadable"),
            other => panic!("{other:?}"),
        }
    }
}
