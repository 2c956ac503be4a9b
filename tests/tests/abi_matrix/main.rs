//! Plugins and hosts of different versions of the interface, built by different
//! compilers and profiles: what happens in every combination.
//!
//! The versions after 1.0 are made from the frozen source of 1.0 by the edits
//! that the rules of the ABI allow (and by some that they forbid). The hosts
//! use `vcs-plugin-host` of this repository, built against their version.

mod build;
mod needs_full_run;
mod needs_other_compiler;
mod versions;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What a host said of a plugin.
struct Cell(BTreeMap<String, String>);

impl Cell {
    fn says(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }
}

/// Lets a host load a copy of a plugin.
fn run(host: &Path, plugin: &Path) -> Cell {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("libmatrix.so");
    fs::copy(plugin, &copy).unwrap();
    let output = Command::new(host).arg(&copy).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{:?}\n{text}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = text.lines().filter_map(|line| line.split_once(": "));
    Cell(
        lines
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
    )
}

/// What every pair of the same major version must be able to do.
fn assert_works(cell: &Cell, what: &str) {
    assert_eq!(cell.says("branches"), "r/one r/two", "{what}");
    assert_eq!(cell.says("error"), "RateLimited: the request", "{what}");
    assert!(cell.says("panic").starts_with("Internal: "), "{what}");
    assert_eq!(cell.says("end"), "reached", "{what}");
}
