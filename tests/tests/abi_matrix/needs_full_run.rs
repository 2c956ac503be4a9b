//! The combinations that one compiler builds.

use super::build::{Build, host, plugin};
use super::versions::{METHOD_IN_THE_MIDDLE, RETYPED, V1_0, V1_1, V1_2};
use super::{assert_works, run};
use std::fs;

#[test]
#[ignore = "compiles whole projects: cargo xtask test --full"]
fn every_pair_of_the_same_major_version_works_together() {
    let versions = [V1_0, V1_1, V1_2];
    let plugins = versions.map(|version| plugin(version, &Build::default()));
    // A host of 1.2 would only be newer than its plugins once more.
    for (host_index, host_version) in [V1_0, V1_1].into_iter().enumerate() {
        let host = host(host_version);
        for (plugin_index, plugin) in plugins.iter().enumerate() {
            let what = format!(
                "host {}, plugin {}",
                host_version.name, versions[plugin_index].name
            );
            let cell = run(&host, plugin);
            assert_works(&cell, &what);
            let compatibility = if plugin_index < host_index {
                "PluginOlder"
            } else {
                "PluginSameOrNewer"
            };
            assert_eq!(cell.says("loaded"), compatibility, "{what}");
            let added = |since: usize, method: &str, response: &str| {
                let expected = if host_index < since {
                    String::new()
                } else if plugin_index < since {
                    format!("Unsupported: this provider does not support {method}")
                } else {
                    response.to_owned()
                };
                assert_eq!(cell.says(method), expected, "{what}");
            };
            added(1, "ping", "pong r");
            added(1, "labels", "r:bug r:wish");
            // A method of the host that the plugin knows and the host has not.
            let host_name = match (plugin_index, host_index) {
                (0, _) => "not asked, log true",
                (_, 0) => "",
                _ => "the host of 1.1",
            };
            assert_eq!(cell.says("host name"), host_name, "{what}");
            // Codes of one version in the other, both ways.
            let asked = match (host_index, plugin_index) {
                (0, _) => "ref_deleted",
                (_, 0) => "Unknown(50)",
                _ => "branch_locked(50)",
            };
            assert_eq!(cell.says("asked for"), asked, "{what}");
            let (event, number) = match (plugin_index, host_index) {
                (0, _) => ("ref_created", "1"),
                (_, 0) => ("Unknown(50)", "50"),
                _ => ("branch_locked(50)", "50"),
            };
            assert_eq!(
                cell.says("event"),
                format!("{event} Some(\"kept\")"),
                "{what}"
            );
            assert_eq!(cell.says("event by number"), number, "{what}");
            assert_eq!(cell.says("event after JSON"), "true", "{what}");
        }
    }
}

#[test]
#[ignore = "compiles whole projects: cargo xtask test --full"]
fn what_breaks_the_rules_is_refused_by_every_host() {
    // Another major version, another package and a library that is none are
    // libraries of the loading tests.
    let wrong = [
        (RETYPED, "latest_commit: RString"),
        (METHOD_IN_THE_MIDDLE, "ping"),
    ];
    let plugins: Vec<_> = wrong
        .iter()
        .map(|(version, _)| plugin(*version, &Build::default()))
        .collect();
    for host_version in [V1_0, V1_1] {
        let host = host(host_version);
        for ((version, word), plugin) in wrong.iter().zip(&plugins) {
            let what = format!("host {}, plugin {}", host_version.name, version.name);
            let cell = run(&host, plugin);
            assert_eq!(cell.says("refused"), "layout_mismatch", "{what}");
            assert!(
                cell.says("message").contains(word),
                "{what}: {}",
                cell.says("message")
            );
        }
    }
}

#[test]
#[ignore = "compiles whole projects: cargo xtask test --full"]
fn the_interface_of_this_repository_works_with_every_plugin_of_its_major_version() {
    for version in [V1_0, V1_1, V1_2] {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("libmatrix.so");
        fs::copy(plugin(version, &Build::default()), &copy).unwrap();
        let loader = vcs_plugin_host::loader::Loader::default();
        loader.write_manifest(&copy).unwrap();
        let loaded = loader.load(&copy).unwrap();
        assert_eq!(loaded.info.provider_type, "matrix");
        assert_eq!(loaded.info.interface_version, version.name);
    }
}

/// What crosses the boundary is optimised; the libraries below are as they were.
const OPTIMISED: &[&str] = &[
    "--config=profile.dev.opt-level=3",
    "--config=profile.dev.package.vcs-provider-interface.opt-level=3",
    "--config=profile.dev.package.'*'.opt-level=0",
];

#[test]
#[ignore = "compiles whole projects: cargo xtask test --full"]
fn the_profile_does_not_matter_but_the_panic_strategy_does() {
    let host = host(V1_0);
    let optimised = Build {
        suffix: "-optimised",
        arguments: OPTIMISED,
        compiler: None,
    };
    assert_works(
        &run(&host, &plugin(V1_0, &optimised)),
        "an optimised plugin",
    );
    let aborting = Build {
        suffix: "-aborting",
        arguments: &["--config", "profile.dev.panic=\"abort\""],
        compiler: None,
    };
    let cell = run(&host, &plugin(V1_0, &aborting));
    assert_eq!(cell.says("refused"), "panic_aborts");
    assert!(
        cell.says("message")
            .contains("expected panic strategy unwind, found abort")
    );
}
