//! Which package depends on what: the rooms and arrows of `docs/architecture.md`,
//! and how little an engine author takes on with the host.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(arguments)
        .args(["--locked", "--offline"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaints}");
    String::from_utf8(output.stdout).unwrap()
}

/// The names of all packages that a package is built from, itself included.
fn packages_below(package: &str) -> BTreeSet<String> {
    let tree = ["tree", "-p", package, "-e", "normal", "--prefix", "none"];
    cargo(&tree)
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

/// The packages of this workspace that each of them uses.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let name_of = |value: &serde_json::Value| value["name"].as_str().unwrap().to_owned();
    let own: BTreeSet<String> = packages.iter().map(name_of).collect();
    packages
        .iter()
        .map(|package| {
            let used = package["dependencies"].as_array().unwrap().iter();
            let used = used
                .filter(|dependency| dependency["kind"].is_null())
                .map(name_of)
                .filter(|name| own.contains(name))
                .collect();
            (name_of(package), used)
        })
        .collect()
}

#[test]
fn the_host_brings_no_server_no_database_and_no_argument_parser() {
    let below = packages_below("vcs-plugin-host");
    let unwanted = [
        "axum",
        "clap",
        "hyper",
        "libsqlite3-sys",
        "mock-bitbucket",
        "reqwest",
        "rusqlite",
        "rustls",
        "tokio",
        "tracing-subscriber",
        "ureq",
        "vcs-conformance",
        "vcs-engine",
    ];
    let found: Vec<_> = unwanted
        .iter()
        .filter(|name| below.contains(**name))
        .collect();
    assert!(found.is_empty(), "{found:?} of {below:?}");
    assert!(below.len() <= 110, "{} packages: {below:?}", below.len());
}

#[test]
fn the_arrows_between_packages_are_those_of_the_architecture() {
    let arrows = arrows();
    let uses = |package: &str| -> Vec<&str> {
        let used = arrows.get(package).into_iter().flatten();
        used.map(String::as_str).collect()
    };
    let interface = "vcs-provider-interface";
    assert_eq!(uses(interface), [] as [&str; 0]);
    assert_eq!(uses("mock-bitbucket"), [] as [&str; 0]);
    assert_eq!(uses("vcs-bitbucketcloud"), [interface]);
    assert_eq!(uses("vcs-plugin-host"), [interface]);
    assert_eq!(uses("vcs-conformance"), [interface]);
    assert_eq!(uses("vcs-engine"), ["vcs-plugin-host", interface]);
    let everything = [
        "mock-bitbucket",
        "vcs-conformance",
        "vcs-engine",
        "vcs-plugin-host",
        interface,
    ];
    assert_eq!(uses("host-harness"), everything);
    // Only the command, and what tests it, stands above everything.
    for (package, used) in &arrows {
        let has_all = everything.iter().all(|wanted| used.contains(*wanted));
        let may = ["host-harness", "integration-tests"].contains(&package.as_str());
        assert!(!has_all || may, "{package} depends on everything");
    }
}
