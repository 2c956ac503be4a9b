//! A depth is a wish: where the commit is further back it is given up, and
//! nothing false is said. A commit that is not visible yet is asked for again.

use crate::git_server::Manner;
use crate::support::{World, add_submodule, commit, git, head, sentence};
use rustix::fs::{CWD, RenameFlags};
use serde_json::json;
use std::time::{Duration, Instant};

fn only_tips() -> Manner {
    Manner {
        only_tips: true,
        ..Manner::default()
    }
}

/// Situation `shallow-older-commit`.
#[test]
fn a_commit_behind_the_tip_is_reached_whatever_the_server_gives_out() {
    let world = World::new();
    let older = git(&world.app(), &["rev-parse", "main~2"]);
    for (name, manner) in [("by-hash", Manner::default()), ("tips", only_tips())] {
        let server = world.serve_with(manner);
        for (branch, more) in [
            ("with", vec!["--branch", "main"]),
            ("without", vec![]),
            ("gone", vec!["--branch", "gone"]),
        ] {
            let words = [vec!["--commit", &older, "--depth", "1"], more].concat();
            let target = format!("{name}-{branch}");
            let checkout = world
                .clone_to(&target, &server.url("app"), &words)
                .success();
            assert_eq!(checkout["commit"], older, "{target}");
            let warned = checkout["warnings"] != json!([]);
            assert_eq!(warned, branch == "gone", "{target}: {checkout}");
        }
    }
}

#[test]
fn a_submodule_that_is_at_no_tip_is_reached_whatever_the_server_gives_out() {
    let world = World::new();
    let lib = world.repository("lib", &[]);
    let inner = world.repository("inner", &[]);
    add_submodule(
        &lib,
        "deep",
        "../inner",
        &git(&inner, &["rev-parse", "HEAD~1"]),
    );
    let pinned = head(&lib);
    commit(&lib, "later", "later\n");
    add_submodule(&world.app(), "sub", "../lib", &pinned);
    for (name, manner) in [("by-hash", Manner::default()), ("tips", only_tips())] {
        let server = world.serve_with(manner);
        let _ = world
            .clone_to(name, &server.url("app"), &["--depth", "1"])
            .success();
        assert_eq!(head(&world.path(name).join("sub")), pinned, "{name}");
        assert!(world.path(name).join("sub/deep/file2").exists(), "{name}");
    }
}

/// Situation `commit-comes-late`.
#[test]
fn a_commit_that_becomes_visible_later_is_found() {
    let world = World::new();
    let app = world.app();
    let new = commit(&app, "new", "new\n");
    // The repository as it was before, put in place of the new one and back in one step.
    let before = world.path("before");
    let copy = [app.as_os_str(), before.as_os_str()];
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .args(copy)
        .status();
    assert!(copied.expect("cp").success());
    git(&before, &["update-ref", "refs/heads/main", "HEAD~1"]);
    let object = before.join(".git/objects").join(&new[..2]).join(&new[2..]);
    std::fs::remove_file(object).expect("the object is loose");
    let exchange = || {
        rustix::fs::renameat_with(CWD, &app, CWD, &before, RenameFlags::EXCHANGE)
            .expect("an exchange of directories");
    };
    for (name, manner) in [("by-hash", Manner::default()), ("tips", only_tips())] {
        exchange();
        let server = world.serve_with(manner);
        // It appears at the first request that is not the first look.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let begin = Instant::now();
                let looked = if name == "tips" { 6 } else { 4 };
                while server.requests().len() < looked && begin.elapsed() < Duration::from_secs(20)
                {
                    std::thread::yield_now();
                }
                exchange();
            });
            let more = ["--branch", "main", "--commit", &new];
            let checkout = world.clone_to(name, &server.url("app"), &more).success();
            assert_eq!(checkout["commit"], new, "{name}");
            assert_eq!(checkout["warnings"], json!([]), "{name}");
        });
    }
}

#[test]
fn what_is_said_of_a_commit_that_never_comes_is_known() {
    let world = World::new();
    let server = world.serve();
    let hash = "0123456789".repeat(4);
    // Half of the time limit is for looking.
    let more = ["--branch", "main", "--commit", &hash, "--timeout", "6"];
    let begin = Instant::now();
    let ran = world.clone(&server.url("app"), &more);
    assert_eq!(ran.code, Some(45), "{ran:?}");
    assert_eq!(ran.json()["error"]["retryable"], true, "{ran:?}");
    let sentence = sentence(&ran);
    assert!(sentence.contains("not be visible yet"), "{sentence}");
    assert!(begin.elapsed() > Duration::from_secs(1));
    assert!(!world.work().exists());
}
