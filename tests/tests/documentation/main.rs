//! The documentation as a person follows it: the commands of the pages are run, in
//! their order, against the mocked service; what is not run says why.

mod blocks;
mod configuration;
mod consumer;
mod dist;
mod needs_curl;
mod needs_dpkg;
mod needs_full_run;
mod needs_nginx;
mod needs_systemd;
mod pages;
mod shell;
mod support;

use blocks::blocks;
use std::path::{Path, PathBuf};

/// Pages whose commands a test of this binary runs.
const FOLLOWED: [&str; 5] = [
    "README.md",
    "docs/installing.md",
    "docs/publishing.md",
    "docs/setup.md",
    "docs/webhooks.md",
];

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// All pages, by their paths from the top.
fn all_pages(below: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with('.') || name == "target" {
            continue;
        }
        if path.is_dir() {
            all_pages(&path, found);
        } else if name.ends_with(".md") {
            let page = path.strip_prefix(top()).unwrap();
            found.push(page.to_string_lossy().into_owned());
        }
    }
}

#[test]
fn every_command_of_every_page_is_run_or_says_why_not() {
    let mut pages = Vec::new();
    all_pages(&top(), &mut pages);
    assert!(pages.len() > 20, "{pages:?}");
    let mut faults = Vec::new();
    for page in pages {
        let text = std::fs::read_to_string(top().join(&page)).unwrap();
        match blocks(&text) {
            Err((line, fault)) => faults.push(format!("{page}:{line}: {fault}")),
            Ok(blocks) => {
                let is_followed = FOLLOWED.contains(&page.as_str());
                let mut unsaid = blocks.iter().filter(|block| block.reason.is_none());
                if let (Some(block), false) = (unsaid.next(), is_followed) {
                    let line = block.line;
                    faults.push(format!("{page}:{line}: neither run nor `not-run: REASON`"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
