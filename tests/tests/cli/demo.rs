//! `engine demo`: the whole story, on repositories of different kinds.

use integration_tests::engine::{Ran, engine, plugin_directory, run};
use integration_tests::sandbox::GitSandbox;
use serde_json::Value;
use std::path::Path;

fn demo(arguments: &[&str]) -> Ran {
    let plugin = plugin_directory().join("libvcs_bitbucketcloud.so");
    run(engine()
        .arg("demo")
        .args(arguments)
        .arg("--plugin")
        .arg(plugin))
}

fn facts_of<'r>(report: &'r Value, step: &str) -> &'r Value {
    let steps = report["steps"].as_array().expect("steps");
    let found = steps.iter().find(|candidate| candidate["name"] == step);
    &found.unwrap_or_else(|| panic!("no step {step} in {report}"))["facts"]
}

#[test]
fn the_story_succeeds_on_a_repository_of_its_own() {
    let report = demo(&["--json"]).success();
    assert_eq!(report["ok"], true, "{report}");
    let pushed = &facts_of(&report, "push")["commit"];
    assert_eq!(&facts_of(&report, "delivery")["commit"], pushed);
    assert_eq!(facts_of(&report, "delivery")["verified"], true);
    assert_eq!(&facts_of(&report, "checkout")["commit"], pushed);
    assert_eq!(facts_of(&report, "status")["Success"], "SUCCESSFUL");
    let steps = report["steps"].as_array().unwrap();
    let requests: usize = steps
        .iter()
        .map(|step| step["requests"].as_array().map_or(0, Vec::len))
        .sum();
    assert!(requests > 10, "{report}");
}

#[test]
fn the_story_is_readable_and_names_each_step() {
    let ran = demo(&[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for words in [
        "loads the plugin",
        "git over HTTP",
        "verified: true",
        "steps succeeded",
    ] {
        assert!(
            ran.stdout.contains(words),
            "{words:?} is missing in {ran:?}"
        );
    }
    assert!(!ran.stdout.contains('\u{1b}'), "colours in {ran:?}");
}

/// Everything in a folder with its contents.
fn fingerprint(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                all.push((path.clone(), std::fs::read(&path).unwrap()));
            }
        }
    }
    all.sort();
    all
}

#[test]
fn a_given_repository_is_used_and_not_altered() {
    let git = GitSandbox::small();
    git.many_branches("odd/#%&", 120, "main");
    git.many_commits(300);
    git.git(&["checkout", "--quiet", "--detach"]);
    let before = fingerprint(git.path());
    let path = git.path().to_str().unwrap();
    let report = demo(&["--repo", path, "--json"]).success();
    assert_eq!(facts_of(&report, "commits")["commits"], 302, "{report}");
    assert_eq!(facts_of(&report, "branches")["branches"], 122, "{report}");
    assert!(
        fingerprint(git.path()) == before,
        "the repository was altered"
    );
}

#[test]
fn a_failing_step_is_named_and_gives_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = folder.path().join("libnone.so");
    std::fs::write(&plugin, "text").unwrap();
    let ran = run(engine().args(["demo", "--json", "--plugin"]).arg(&plugin));
    assert_eq!(ran.code, Some(22), "{ran:?}");
    assert_eq!(ran.json()["error"]["demo_step"], "stage");
    assert!(ran.stderr.contains("the step stage failed"), "{ran:?}");

    let git = GitSandbox::empty();
    let ran = demo(&["--repo", git.path().to_str().unwrap()]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.stderr.contains("no branch"), "{ran:?}");
}
