//! Files of Git LFS where they stay pointers: a warning that counts.

use crate::support::{World, commit};
use integration_tests::engine::run;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::process::Command;

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

pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a file")
}

/// Situation `lfs`.
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
