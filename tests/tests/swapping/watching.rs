//! A watched plugin directory.

use super::{PATIENCE, branch_request, context};
use integration_tests::built_library;
use integration_tests::host::RecordingHost;
use integration_tests::place::{Place, client_of, second_build, server_settings, until};
use std::fs;
use std::path::Path;
use std::sync::{Arc, mpsc};
use vcs_plugin_host::registry::Registry;
use vcs_provider_interface::prelude::*;

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
