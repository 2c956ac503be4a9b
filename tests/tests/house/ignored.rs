//! A test that cannot run everywhere is skipped with its reason, and never passes
//! without having looked.

use super::pages::files;
use super::top;
use std::fs;

/// What is wrong with one file: tests that are ignored outside of a module named after
/// their need or without a reason, and words of a test that gives up.
fn wrong_in(path: &str, text: &str, needs: &str) -> Vec<String> {
    let mut inside = path
        .split(['/', '.'])
        .find(|part| part.starts_with("needs_"))
        .map(str::to_owned);
    let mut wrong = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let module = line.strip_prefix("mod ");
        if let Some(name) = module.and_then(|module| module.strip_suffix(" {")) {
            inside = name.starts_with("needs_").then(|| name.to_owned());
        }
        let line = line.trim_start();
        let place = format!("{path}:{}", number + 1);
        if line.starts_with("#[ignore]") {
            wrong.push(format!("{place}: ignored without a reason"));
        } else if line.starts_with("#[ignore") {
            match &inside {
                None => wrong.push(format!("{place}: ignored outside of a module needs_…")),
                Some(module) if !needs.contains(&format!("\"{module}\"")) => {
                    wrong.push(format!("{place}: xtask does not know {module}"));
                }
                Some(_) => {}
            }
        }
        if line.contains("println!(\"skipped") {
            wrong.push(format!("{place}: passes without having looked"));
        }
    }
    wrong
}

#[test]
fn every_ignored_test_says_what_it_needs_and_the_suite_knows_when_it_is_there() {
    let needs: String = ["prerequisites.rs", "clients.rs"]
        .map(|file| fs::read_to_string(top().join("xtask/src").join(file)).expect("a source"))
        .concat();
    let mut looked_at = 0;
    let mut wrong = Vec::new();
    for directory in ["interface", "plugin", "host-harness", "tests"] {
        for file in files(&top().join(directory), ".rs") {
            let text = fs::read_to_string(&file).expect("a source");
            looked_at += 1;
            wrong.extend(wrong_in(&file.to_string_lossy(), &text, &needs));
        }
    }
    assert!(looked_at > 300, "only {looked_at} files");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_test_that_gives_up_or_hides_is_found() {
    let needs = "module: \"needs_sea\"";
    let found = |path: &str, text: &str| wrong_in(path, text, needs).len();
    let ignored = "#[ignore = \"x\"]\nfn a() {}\n";
    assert_eq!(found("a/needs_sea.rs", ignored), 0);
    assert_eq!(found("a/needs_sea/b.rs", ignored), 0);
    assert_eq!(found("a/needs_sun.rs", ignored), 1);
    assert_eq!(found("a/b.rs", ignored), 1);
    assert_eq!(
        found("a/b.rs", &format!("mod needs_sea {{\n{ignored}}}")),
        0
    );
    assert_eq!(found("a/needs_sea.rs", "#[ignore]\nfn a() {}"), 1);
    let gives_up = ["    e", "println!(\"skipped: no sea\");"].concat();
    assert_eq!(found("a/b.rs", &gives_up), 1);
}
