//! What is linked, and libraries that are no good provider.

use super::{Serving, good_library};
use integration_tests::built_library;
use integration_tests::place::Place;
use integration_tests::place::manifest_of;
use integration_tests::place::write_manifest;
use serde_json::Value;
use std::fs;
use vcs_plugin_host::loader::Step;

#[test]
fn a_pinned_plugin_loads_and_says_what_it_is() {
    let place = Place::new();
    let plugin = place.install(
        &built_library("vcs-bitbucketcloud"),
        "libvcs_bitbucketcloud.so",
    );
    let path = plugin.to_str().unwrap();
    let pinned = place.engine(&["plugins", "pin", path]);
    assert!(pinned.status.success(), "{pinned:?}");
    let checked = place.engine(&["plugins", "check", "--json", path]);
    assert!(checked.status.success(), "{checked:?}");
    let report: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(report["provider_type"], "bitbucketcloud");
    assert_eq!(report["compatibility"], "plugin_same_or_newer");

    let loader = place.loader();
    let loaded = loader.load(&plugin).unwrap();
    assert_eq!(report["sha256"], loaded.digest.to_string());
    assert_eq!(loaded.build.panic_strategy.as_str(), "unwind");
    let counts = loader.counts();
    assert_eq!((counts.loaded, counts.rejected.len()), (1, 0));
    assert_eq!(counts.passed["layout"], 1);
}

#[test]
fn two_plugins_of_different_types_keep_their_own_code() {
    let place = Place::new();
    let loader = place.loader();
    let types: Vec<String> = ["vcs-bitbucketcloud", "vcs-local-git", "vcs-misbehaving"]
        .iter()
        .map(|package| {
            let name = format!("{package}.so");
            let plugin = place.install_pinned(&built_library(package), &name);
            let loaded = loader.load(&plugin).unwrap();
            // Asked again once all are loaded would be the same; asked of the
            // provider itself, not of what the loader remembers.
            loaded.provider.info().unwrap().provider_type
        })
        .collect();
    assert_eq!(types, ["bitbucketcloud", "local-git", "misbehaving"]);
}

#[test]
fn libraries_that_are_no_providers_of_this_interface_are_rejected() {
    let serving = Serving::new();
    let rejected = |name, step, code, words: &[&str]| {
        serving.assert_library_rejected(name, step, code, words);
    };
    rejected(
        "no_symbol",
        Step::Elf,
        "not_a_provider",
        &["root_bmodule_bloader"],
    );
    rejected(
        "other_abi_library",
        Step::Header,
        "header_invalid",
        &["0.11"],
    );
    rejected(
        "other_major",
        Step::Version,
        "version_mismatch",
        &["interface 1.x", "2.0.0"],
    );
    rejected("no_layout", Step::Layout, "layout_missing", &["layout"]);
    rejected(
        "other_package",
        Step::Layout,
        "layout_mismatch",
        &["vcs-provider-interface", "vcs-misbehaving"],
    );
}

#[test]
fn libraries_that_fail_before_they_make_a_server_are_rejected() {
    let serving = Serving::new();
    let rejected = |name, step, code, words: &[&str]| {
        serving.assert_library_rejected(name, step, code, words);
    };
    rejected("module_panics", Step::Build, "module_failed", &[]);
    rejected(
        "info_panics",
        Step::Info,
        "info_failed",
        &["panicked in info"],
    );
    rejected("info_hangs", Step::Info, "info_timed_out", &["within"]);
    rejected(
        "info_wrong_type",
        Step::Info,
        "info_invalid",
        &["Not a type"],
    );
}

#[test]
fn a_library_that_ends_or_holds_up_its_process_is_found_out_in_another_process() {
    let serving = Serving::new();
    serving.assert_library_rejected(
        "kills_when_linked",
        Step::Preflight,
        "preflight_killed",
        &["signal 6"],
    );
    serving.assert_library_rejected(
        "hangs_when_linked",
        Step::Preflight,
        "preflight_timed_out",
        &["within"],
    );
}

#[test]
fn a_process_takes_only_so_many_libraries() {
    let place = Place::new();
    let mut options = place.loader_options();
    options.library_limit = 1;
    options.preflight = None;
    let loader = vcs_plugin_host::loader::Loader::new(options);
    let first = place.install_pinned(&good_library(), "libgood.so");
    let second = place.install_pinned(&built_library("vcs-local-git"), "libgit.so");
    loader.load(&first).unwrap();
    let error = loader.load(&second).unwrap_err();
    assert_eq!(error.code(), "restart_needed");
    assert!(error.to_string().contains("restart the engine"), "{error}");
    // What is mapped already costs nothing.
    loader.load(&first).unwrap();
}

#[test]
fn a_library_that_is_linked_already_is_asked_but_not_copied_tried_or_linked_again() {
    let place = Place::new();
    let loader = place.loader();
    let plugin = place.install_pinned(&good_library(), "libgood.so");
    let first = loader.load(&plugin).unwrap();
    let again = loader.load(&plugin).unwrap();
    assert_eq!(first.staged, again.staged);
    let counts = loader.counts();
    assert_eq!(counts.loaded, 2);
    for step in ["stage", "preflight", "link", "layout"] {
        assert_eq!(counts.passed[step], 1, "{step}");
    }
    for step in ["open", "manifest", "elf", "build", "info"] {
        assert_eq!(counts.passed[step], 2, "{step}");
    }
    // Another manifest for the same file is compared all the same.
    let bytes = fs::read(&plugin).unwrap();
    write_manifest(&plugin, &manifest_of("libgood.so", &bytes));
    let error = loader.load(&plugin).unwrap_err();
    assert_eq!(error.code(), "type_mismatch", "{error}");
}
