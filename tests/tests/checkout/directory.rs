//! The directory is what it was after a failure, and a second try works.

use crate::git_server::Manner;
use crate::support::{World, git};
use integration_tests::engine::run;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Situation `occupied-workspace`.
#[test]
fn a_failure_leaves_the_directory_as_it_was_and_a_retry_works() {
    let world = World::new();
    let server = world.serve();
    std::fs::create_dir(world.path("empty")).expect("a directory");
    for target in ["absent", "empty", "deep/in/directories"] {
        let was_there = world.path(target).exists();
        let ran = world.clone_to(target, &server.url("app"), &["--branch", "late"]);
        assert_eq!(ran.code, Some(45), "{ran:?}");
        assert_eq!(world.path(target).exists(), was_there, "{target}");
        if was_there {
            let left = std::fs::read_dir(world.path(target)).expect("a directory");
            assert_eq!(left.count(), 0, "{target}");
        }
    }
    assert!(!world.path("deep").exists());
    git(&world.app(), &["branch", "late"]);
    for target in ["absent", "empty", "deep/in/directories"] {
        let _ = world
            .clone_to(target, &server.url("app"), &["--branch", "late"])
            .success();
        assert!(world.path(target).join("file3").exists(), "{target}");
    }
}

/// Situation `occupied-workspace`.
#[test]
fn a_directory_that_is_not_empty_is_left_alone() {
    let world = World::new();
    let server = world.serve();
    let mine = world.write("work/mine", "mine");
    let ran = world.clone(&server.url("app"), &[]);
    assert_eq!(ran.code, Some(41), "{ran:?}");
    assert_eq!(std::fs::read_to_string(mine).expect("a file"), "mine");
}

#[test]
fn without_a_directory_the_current_one_is_used() {
    let world = World::new();
    let server = world.serve();
    std::fs::create_dir(world.work()).expect("a directory");
    let url = server.url("app");
    let _ = run(world
        .action(&["git-clone", &url, "--json"])
        .current_dir(world.work()))
    .success();
    assert!(world.work().join("file3").exists());
}

/// The processes whose command line or environment names the directory.
fn processes_of(text: &str) -> usize {
    let listed = Command::new("ps")
        .args(["-eo", "args"])
        .output()
        .expect("ps");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    listed.lines().filter(|line| line.contains(text)).count()
}

#[test]
fn an_interrupted_checkout_leaves_nothing_behind() {
    for signal in ["INT", "TERM", "HUP"] {
        let world = World::new();
        let server = world.serve_with(Manner {
            delay: Duration::from_millis(400),
            ..Manner::default()
        });
        let target = world.work();
        let url = server.url("app");
        let words = ["git-clone", &url, target.to_str().expect("a path")];
        let mut child = world
            .action(&words)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the command");
        let begin = Instant::now();
        while server.requests().is_empty() && begin.elapsed() < Duration::from_secs(20) {
            std::thread::yield_now();
        }
        assert!(target.join(".git").exists());
        let pid = child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(sent.expect("kill").success());
        let status = child.wait().expect("its end");
        assert_eq!(status.code(), Some(51), "{signal}");
        assert!(!target.exists(), "{signal}");
        assert_eq!(processes_of(&url), 0, "{signal}");
    }
}
