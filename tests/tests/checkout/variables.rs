//! What a build learns of the commit, for scripts.

use crate::support::{World, commit, git};
use integration_tests::engine::run;
use serde_json::json;
use std::process::Command;

#[test]
fn the_variables_of_the_commit_are_json_and_lines_for_a_shell() {
    let world = World::new();
    let app = world.app();
    git(&app, &["tag", "-a", "v1.2.3", "-m", "release"]);
    let hash = commit(&app, "it's", "one\n");
    let server = world.serve();
    let url = server.url("app");
    let checkout = world
        .clone(&url, &["--branch", "main", "--build-number", "7"])
        .success();
    let short = &hash[..9];
    assert_eq!(
        checkout["variables"],
        json!({
            "git.hash": hash,
            "git.hash.short": &hash[..7],
            "git.branch": "main",
            "git.author": "Ada Example",
            "git.author.email": "ada@example.com",
            "git.message": "it's",
            "git.describe": format!("v1.2.3-1-g{short}"),
            "cds.semver": format!("v1.2.3-1+sha.g{short}.cds.7"),
        })
    );
    let target = world.path("again");
    let words = [
        "git-clone",
        &url,
        target.to_str().expect("a path"),
        "--tag",
        "v1.2.3",
        "--output",
        "env",
    ];
    let ran = run(&mut world.action(&words));
    let script = format!(
        "{}printf '%s|%s|%s' \"$GIT_TAG\" \"$CDS_SEMVER\" \"$GIT_MESSAGE\"",
        ran.stdout
    );
    let said = Command::new("sh")
        .args(["-c", &script])
        .output()
        .expect("sh");
    assert_eq!(String::from_utf8_lossy(&said.stdout), "v1.2.3|v1.2.3|file3");
}

#[test]
fn without_a_tag_there_is_a_version_and_with_an_odd_one_a_warning() {
    let world = World::new();
    let server = world.serve();
    let checkout = world.clone(&server.url("app"), &[]).success();
    assert_eq!(checkout["variables"]["cds.semver"], "0.0.1");
    git(&world.app(), &["tag", "-a", "nightly", "-m", "nightly"]);
    let checkout = world.clone_to("odd", &server.url("app"), &[]).success();
    assert_eq!(checkout["variables"]["cds.semver"], json!(null));
    let warning = checkout["warnings"][0]
        .as_str()
        .expect("a warning")
        .to_owned();
    assert!(warning.contains("nightly"), "{warning}");
}
