//! Files of Git LFS, with their contents.

use crate::lfs::{commit_pointers, read};
use crate::network::clone_through_the_proxy;
use crate::secrets::private;
use crate::support::{PASSWORD, USER, World, add_submodule, git, head};
use serde_json::json;

/// Situation `lfs`.
#[test]
#[ignore = "needs git-lfs"]
fn the_contents_are_fetched_with_the_credential_and_the_files_are_unchanged() {
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

/// Situation `lfs`.
#[test]
#[ignore = "needs git-lfs"]
fn an_object_that_is_missing_fails_the_checkout() {
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

/// Situations `lfs` and `proxy-for-every-program`.
#[test]
#[ignore = "needs git-lfs"]
fn lfs_goes_through_the_proxy_and_trusts_the_authority() {
    let world = World::new();
    let lib = world.repository("lib", &[]);
    let content = commit_pointers(&world, &lib, 1);
    add_submodule(&world.app(), "lib", "../lib", &head(&lib));
    let checkout = clone_through_the_proxy(&world, &[]);
    assert_eq!(checkout["warnings"], json!([]));
    assert_eq!(read(&world.work().join("lib/data/0.bin")), content);
}
