//! Files of Git LFS: contents where git-lfs is there, a warning that counts where
//! it is not.

use crate::secrets::private;
use crate::support::{PASSWORD, USER, World, add_submodule, commit, git, head};
use integration_tests::engine::run;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::process::Command;

/// Whether git-lfs is installed; says so where it is not.
pub(crate) fn has_lfs() -> bool {
    let there = Command::new("git")
        .args(["lfs", "version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("skipped: git-lfs is not installed");
    }
    there
}

/// Commits pointers to LFS objects that the server has. Gives their content.
pub(crate) fn commit_pointers(world: &World, repository: &Path, count: usize) -> String {
    let content = "large ".repeat(400);
    let oid = hex::encode(Sha256::digest(content.as_bytes()));
    std::fs::write(world.served().join("lfs-objects").join(&oid), &content).expect("an object");
    let pointer = format!(
        "version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {}\n",
        content.len()
    );
    let attributes = "*.bin filter=lfs diff=lfs merge=lfs -text\n";
    std::fs::write(repository.join(".gitattributes"), attributes).expect("a file");
    for number in 0..count {
        commit(repository, &format!("data/{number}.bin"), &pointer);
    }
    content
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a file")
}

#[test]
fn the_contents_are_fetched_with_the_credential_and_the_files_are_unchanged() {
    if !has_lfs() {
        return;
    }
    let world = World::new();
    let lib = world.repository("lib", &[]);
    let content = commit_pointers(&world, &lib, 1);
    commit_pointers(&world, &world.app(), 2);
    add_submodule(&world.app(), "lib", "../lib", &head(&lib));
    let server = world.serve_with(private(0));
    let file = world.write("kept/password", PASSWORD);
    let reference = format!("file:{}", file.display());
    let more = ["--user", USER, "--password", &reference];
    let checkout = world.clone(&server.url("app"), &more).success();
    assert_eq!(checkout["warnings"], json!([]));
    for file in ["data/0.bin", "data/1.bin", "lib/data/0.bin"] {
        assert_eq!(read(&world.work().join(file)), content, "{file}");
    }
    assert_eq!(git(&world.work(), &["status", "--porcelain"]), "");
    let sparse = [&more[..], &["--sparse", "other"]].concat();
    let ran = world.clone_to("sparse", &server.url("app"), &sparse);
    assert_eq!(ran.success()["warnings"], json!([]));
}

#[test]
fn pointers_are_counted_where_they_stay() {
    let world = World::new();
    commit_pointers(&world, &world.app(), 3);
    let server = world.serve();
    let url = server.url("app");
    let checkout = world.clone(&url, &["--lfs=false"]).success();
    let warning = checkout["warnings"][0]
        .as_str()
        .expect("a warning")
        .to_owned();
    assert!(
        warning.starts_with("3 files are Git LFS pointers"),
        "{warning}"
    );
    // A machine with git and without git-lfs.
    let bin = world.path("bin");
    std::fs::create_dir(&bin).expect("a directory");
    for program in ["git", "sh"] {
        let found = Command::new("sh")
            .args(["-c", &format!("command -v {program}")])
            .output();
        let found = String::from_utf8(found.expect("sh").stdout).expect("a path");
        std::os::unix::fs::symlink(found.trim(), bin.join(program)).expect("a link");
    }
    let target = world.path("without");
    let words = [
        "git-clone",
        &url,
        target.to_str().expect("a path"),
        "--json",
    ];
    let checkout = run(world.action(&words).env("PATH", &bin)).success();
    let warning = checkout["warnings"][0]
        .as_str()
        .expect("a warning")
        .to_owned();
    assert!(
        warning.contains("3 files") && warning.contains("not installed"),
        "{warning}"
    );
    assert!(read(&target.join("data/0.bin")).starts_with("version https://git-lfs"));
}

#[test]
fn an_object_that_is_missing_fails_the_checkout() {
    if !has_lfs() {
        return;
    }
    let world = World::new();
    commit_pointers(&world, &world.app(), 1);
    let objects = world.served().join("lfs-objects");
    std::fs::remove_dir_all(&objects).expect("a directory");
    let server = world.serve();
    let ran = world.clone(&server.url("app"), &[]);
    assert_ne!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("--lfs=false"), "{ran:?}");
    assert!(!world.work().exists());
}
