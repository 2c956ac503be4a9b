//! The pages: every link leads somewhere, the README stays short, every situation has
//! a test.

use super::top;
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Files below a directory that end in this, without what was built.
pub(super) fn files(below: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(below).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name == "target" || name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    found
}

/// The address that a heading gets where pages are shown.
fn anchor_of(heading: &str) -> String {
    heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        })
        .collect()
}

#[test]
fn every_link_between_pages_resolves() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").expect("an expression");
    let mut broken = Vec::new();
    let pages = files(&top(), ".md");
    assert!(pages.len() > 20, "only {} pages were found", pages.len());
    for page in pages {
        let text = fs::read_to_string(&page).expect("a page");
        for target in link.captures_iter(&text).map(|found| found[1].to_owned()) {
            if target.contains("://") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let file = match path {
                "" => page.clone(),
                path => page.parent().unwrap_or(&page).join(path),
            };
            let leads_somewhere = file.exists()
                && (anchor.is_empty()
                    || fs::read_to_string(&file).is_ok_and(|text| {
                        let mut headings = text.lines().filter(|line| line.starts_with('#'));
                        headings.any(|heading| anchor_of(heading) == anchor)
                    }));
            if !leads_somewhere {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_readme_is_short_and_its_setup_is_two_commands() {
    let readme = fs::read_to_string(top().join("README.md")).expect("the README");
    let lines = readme.lines().count();
    assert!(lines <= 150, "{lines} lines");
    let (_, commands) = readme.split_once("```console").expect("commands");
    let (_, commands) = commands.split_once('\n').expect("the fence's end");
    let (commands, _) = commands.split_once("```").expect("their end");
    let commands: Vec<&str> = commands.lines().collect();
    assert_eq!(commands, ["$ cargo xtask demo", "$ cargo xtask test"]);
}

#[test]
fn the_table_of_contents_names_every_page() {
    let contents = fs::read_to_string(top().join("docs/README.md")).expect("the contents");
    for page in fs::read_dir(top().join("docs")).expect("the pages") {
        let name = page
            .expect("a page")
            .file_name()
            .to_string_lossy()
            .into_owned();
        if name != "README.md" {
            assert!(contents.contains(&format!("({name}")), "{name} is missing");
        }
    }
    let decisions = top().join("docs/decisions");
    let contents = fs::read_to_string(decisions.join("README.md")).expect("the decisions");
    for page in fs::read_dir(decisions).expect("the decisions") {
        let name = page
            .expect("a page")
            .file_name()
            .to_string_lossy()
            .into_owned();
        if name != "README.md" {
            assert!(contents.contains(&format!("({name})")), "{name} is missing");
        }
    }
}

#[test]
fn every_situation_has_a_test_and_every_test_a_situation() {
    let page = fs::read_to_string(top().join("docs/situations.md")).expect("the situations");
    let row = Regex::new(r"(?m)^\| \d\d \| `([a-z-]+)` \|").expect("an expression");
    let known: BTreeSet<String> = row
        .captures_iter(&page)
        .map(|row| row[1].to_owned())
        .collect();
    assert_eq!(known.len(), 75, "names are told apart");
    let said = Regex::new(r"/// Situations? ([^\n]*)\.\n").expect("an expression");
    let name = Regex::new("`([a-z-]+)`").expect("an expression");
    let mut tested: BTreeMap<String, PathBuf> = BTreeMap::new();
    for directory in ["tests/tests", "plugin/src", "host-harness"] {
        for file in files(&top().join(directory), ".rs") {
            let text = fs::read_to_string(&file).expect("a source");
            for line in said.captures_iter(&text) {
                for name in name.captures_iter(&line[1]) {
                    tested.insert(name[1].to_owned(), file.clone());
                }
            }
        }
    }
    let unknown: Vec<_> = tested
        .iter()
        .filter(|(name, _)| !known.contains(*name))
        .collect();
    assert!(unknown.is_empty(), "not in docs/situations.md: {unknown:?}");
    let missing: Vec<&String> = known
        .iter()
        .filter(|name| !tested.contains_key(*name))
        .collect();
    assert!(missing.is_empty(), "without a test: {missing:?}");
}
