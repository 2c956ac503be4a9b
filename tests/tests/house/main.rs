//! The shape of the repository: no files that use one another in a circle, a mock that
//! fits on one page, dependencies as they should be, and pages whose links resolve.

mod graph;
mod ignored;
mod lock_file;
mod packages;
mod pages;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use graph::Graph;

/// Circles that are known and still to be opened, by package: one file of each.
/// The list may only get shorter: an entry without its circle fails the test.
const KNOWN: &[(&str, &str)] = &[("interface", "src/error.rs")];

/// The rooms of the mock, from the ground up: none looks up.
const FLOORS: [&str; 8] = [
    "sync", "git", "model", "view", "events", "api", "http", "control",
];

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
        .to_path_buf()
}

/// The directory and the root file of every package of the workspace.
fn packages() -> Vec<(String, PathBuf)> {
    let manifest = std::fs::read_to_string(top().join("Cargo.toml")).expect("a manifest");
    let manifest: toml::Table = manifest.parse().expect("TOML");
    manifest["workspace"]["members"]
        .as_array()
        .expect("members")
        .iter()
        .filter_map(|member| member.as_str())
        .map(|member| {
            let source = top().join(member).join("src");
            let library = source.join("lib.rs");
            let root = if library.exists() {
                library
            } else {
                source.join("main.rs")
            };
            (member.to_owned(), root)
        })
        .collect()
}

/// The files of a circle and whom each of them uses in it.
fn show(graph: &Graph, circle: &BTreeSet<PathBuf>) -> String {
    let top = top();
    let name = |file: &PathBuf| {
        file.strip_prefix(&top)
            .unwrap_or(file)
            .display()
            .to_string()
    };
    let lines: Vec<String> = circle
        .iter()
        .map(|file| {
            let used: Vec<String> = graph.edges[file].intersection(circle).map(name).collect();
            format!("{} -> {}", name(file), used.join(", "))
        })
        .collect();
    lines.join("\n    ")
}

#[test]
fn no_files_use_one_another_in_a_circle() {
    let mut found = Vec::new();
    let mut opened: Vec<&(&str, &str)> = KNOWN.iter().collect();
    let packages = packages();
    assert!(packages.len() > 5, "packages found: {packages:?}");
    for (member, root) in packages {
        let graph = Graph::read(&root);
        for circle in graph.circles() {
            let before = opened.len();
            opened.retain(|(package, file)| {
                *package != member || !circle.contains(&top().join(package).join(file))
            });
            if before == opened.len() {
                found.push(format!("{member}:\n    {}", show(&graph, &circle)));
            }
        }
    }
    assert!(found.is_empty(), "circles:\n{}", found.join("\n"));
    assert!(
        opened.is_empty(),
        "these are open now, take them off the list: {opened:?}"
    );
}

#[test]
fn the_mock_has_floors_and_none_looks_up() {
    let source = top().join("host-harness/mock-bitbucket/src");
    let graph = Graph::read(&source.join("lib.rs"));
    let room = |file: &PathBuf| graph.modules[file].first().cloned();
    let rooms: BTreeSet<String> = graph.edges.keys().filter_map(room).collect();
    assert_eq!(rooms, FLOORS.map(str::to_owned).into(), "rooms at the top");
    let floor = |file: &PathBuf| {
        let room = room(file)?;
        FLOORS.iter().position(|name| *name == room)
    };
    let mut edges = 0;
    for (file, used) in &graph.edges {
        for other in used {
            edges += 1;
            assert!(
                floor(other) <= floor(file) || floor(file).is_none(),
                "{} looks up to {}",
                file.display(),
                other.display()
            );
        }
    }
    assert!(edges > 100, "only {edges} edges were found");
}

#[test]
fn a_circle_and_a_family_are_told_apart() {
    let folder = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().expect("a parent")).expect("directories");
        std::fs::write(file, text).expect("a file");
    };
    write("lib.rs", "mod one; mod two; mod family; pub use one::One;");
    write(
        "one.rs",
        "pub struct One; fn f() { json!({ \"a\": crate::two::Two::new() }); }",
    );
    write(
        "two.rs",
        "pub struct Two; impl Two { fn new(_: crate::One) {} }",
    );
    write(
        "family/mod.rs",
        "mod child; pub struct Parent; fn f() { child::g() }",
    );
    write("family/child.rs", "use super::Parent; pub fn g() {}");
    let circles = Graph::read(&folder.path().join("lib.rs")).circles();
    let expected: BTreeSet<PathBuf> = ["one.rs", "two.rs"]
        .map(|name| folder.path().join(name))
        .into();
    assert_eq!(circles, [expected]);
}
