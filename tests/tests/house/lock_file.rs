//! `Cargo.lock` against the advisories that once concerned it, without a network.

use super::top;
use serde::Deserialize;
use std::fs;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advisory {
    id: String,
    package: String,
    /// This version and newer ones are good.
    fixed: Option<String>,
    /// Why a version with the advisory does no harm here.
    tolerated: Option<String>,
}

#[derive(Deserialize)]
struct Advisories {
    advisory: Vec<Advisory>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
}

fn numbers(version: &str) -> Vec<u64> {
    let release = version.split(['-', '+']).next().unwrap_or_default();
    release
        .split('.')
        .map(|part| part.parse().expect("a number"))
        .collect()
}

fn lock() -> Lock {
    let text = fs::read_to_string(top().join("Cargo.lock")).expect("the lock file");
    toml::from_str(&text).expect("a lock file")
}

fn advisories() -> Vec<Advisory> {
    let text = fs::read_to_string(top().join("tests/contract/advisories.toml"));
    let table: Advisories = toml::from_str(&text.expect("the advisories")).expect("advisories");
    table.advisory
}

#[test]
fn no_package_is_behind_an_advisory_with_a_fix() {
    let lock = lock();
    let mut behind = Vec::new();
    for advisory in advisories() {
        let Some(fixed) = &advisory.fixed else {
            continue;
        };
        // Several major versions may be present; each has fixes of its own, so only
        // those of the fixed one and older ones are compared.
        let packages = lock
            .package
            .iter()
            .filter(|one| one.name == advisory.package);
        behind.extend(
            packages
                .filter(|one| numbers(&one.version) < numbers(fixed))
                .map(|one| format!("{} {}: {}", one.name, one.version, advisory.id)),
        );
    }
    assert!(behind.is_empty(), "{}", behind.join("\n"));
}

#[test]
fn what_is_tolerated_is_present_and_has_a_reason_in_both_tables() {
    let lock = lock();
    let deny = fs::read_to_string(top().join("deny.toml")).expect("deny.toml");
    let mut tolerated = 0;
    for advisory in advisories() {
        let Some(reason) = &advisory.tolerated else {
            assert!(
                !deny.contains(&advisory.id),
                "{} is ignored and fixed",
                advisory.id
            );
            continue;
        };
        tolerated += 1;
        assert!(reason.len() > 20, "{}: {reason}", advisory.id);
        assert!(
            deny.contains(&advisory.id),
            "{} is not in deny.toml",
            advisory.id
        );
        let is_present = lock.package.iter().any(|one| one.name == advisory.package);
        assert!(
            is_present,
            "{} is gone: take its advisory off",
            advisory.package
        );
    }
    assert_eq!(deny.matches("id = \"RUSTSEC").count(), tolerated);
}

#[test]
fn every_package_is_from_the_registry_or_the_workspace() {
    let lock = lock();
    let elsewhere: Vec<_> = lock
        .package
        .iter()
        .filter_map(|package| package.source.as_ref())
        .filter(|source| *source != "registry+https://github.com/rust-lang/crates.io-index")
        .collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
}
