//! What can be checked out: branches, tags, commits.

use crate::support::{World, commit, git, head, sentence};
use serde_json::json;

#[test]
fn the_main_branch_is_found_and_can_be_pulled_afterwards() {
    let world = World::new();
    let server = world.serve();
    let checkout = world.clone(&server.url("app"), &[]).success();
    assert_eq!(checkout["branch"], "main");
    assert_eq!(checkout["commit"], head(&world.app()));
    let new = commit(&world.app(), "later", "later\n");
    git(&world.work(), &["pull", "--quiet", "--ff-only"]);
    assert_eq!(head(&world.work()), new);
    assert_eq!(git(&world.work(), &["status", "--porcelain"]), "");
}

#[test]
fn branches_and_tags_of_odd_names_are_checked_out() {
    let world = World::new();
    let app = world.app();
    let older = git(&app, &["rev-parse", "HEAD~1"]);
    let names = [
        "feature/x#1",
        "a.b",
        "ümläut",
        "日本",
        "UPPER",
        "-dash",
        "a@b",
        "semi;colon",
        "$(touch_x)",
        "quote'd",
        "dou\"ble",
        "amp&er",
        "pipe|d",
        "per%cent",
        "a,b",
        "p+q",
        "e=f",
        "(paren)",
        "{brace}",
        "!bang",
        "HEAD",
        "refs/heads/main",
        "v1.0",
        "a/b/c/d",
        "0123456789012345678901234567890123456789",
        "<tag>",
        "`tick`",
        "q!",
        "_",
    ];
    for name in names {
        git(&app, &["update-ref", &format!("refs/heads/{name}"), &older]);
    }
    git(&app, &["tag", "light", &older]);
    git(&app, &["tag", "-a", "v1", "-m", "one", &older]);
    git(&app, &["tag", "-a", "nested", "-m", "nested", "v1"]);
    let server = world.serve();
    for (number, name) in names.iter().enumerate() {
        let target = format!("branch-{number}");
        let argument = format!("--branch={name}");
        let ran = world.clone_to(&target, &server.url("app"), &[&argument]);
        assert_eq!(ran.code, Some(0), "{name}: {ran:?}");
        let reference = git(&world.path(&target), &["symbolic-ref", "HEAD"]);
        assert_eq!(reference, format!("refs/heads/{name}"));
        assert!(world.path(&target).join("file2").exists(), "{name}");
    }
    for tag in ["light", "v1", "nested"] {
        let checkout = world
            .clone_to(tag, &server.url("app"), &["--tag", tag])
            .success();
        assert_eq!(checkout["commit"], older, "{tag}");
        assert_eq!(checkout["branch"], json!(null));
    }
    let blob = git(&app, &["rev-parse", "HEAD:file1"]);
    git(&app, &["tag", "of-a-blob", &blob]);
    let ran = world.clone_to("blob", &server.url("app"), &["--tag", "of-a-blob"]);
    assert_ne!(ran.code, Some(0), "{ran:?}");
    assert!(!world.path("blob").exists());
}

#[test]
fn a_missing_branch_is_not_found_in_one_sentence() {
    let world = World::new();
    let server = world.serve();
    let ran = world.clone(&server.url("app"), &["--branch", "none"]);
    assert_eq!(ran.code, Some(45), "{ran:?}");
    assert!(sentence(&ran).contains("refs/heads/none"), "{ran:?}");
}

#[test]
fn a_commit_is_found_though_its_branch_is_gone_or_was_forced_elsewhere() {
    let world = World::new();
    let app = world.app();
    let hash = git(&app, &["rev-parse", "main~1"]);
    git(&app, &["branch", "other", "main~2"]);
    let server = world.serve();
    for (target, branch, warning) in [
        ("on", "main", None),
        ("gone", "deleted", Some("there is no branch \"deleted\"")),
        ("off", "other", Some("is not on the branch \"other\" now")),
    ] {
        let more = ["--commit", &hash, "--branch", branch, "--depth", "false"];
        let checkout = world.clone_to(target, &server.url("app"), &more).success();
        assert_eq!(checkout["commit"], hash);
        let warnings = checkout["warnings"].as_array().expect("a list");
        assert_eq!(warnings.len(), usize::from(warning.is_some()), "{checkout}");
        if let Some(words) = warning {
            assert!(
                warnings[0].as_str().unwrap_or_default().contains(words),
                "{checkout}"
            );
        }
    }
}

#[test]
fn a_sparse_and_shallow_checkout_holds_no_more_than_asked() {
    let world = World::new();
    commit(&world.app(), "a/one", "1\n");
    commit(&world.app(), "b/two", "2\n");
    let server = world.serve();
    let more = ["--depth", "1", "--sparse", "b"];
    let _ = world.clone(&server.url("app"), &more).success();
    assert!(world.work().join("b/two").exists());
    assert!(!world.work().join("a/one").exists());
    assert_eq!(git(&world.work(), &["rev-list", "--count", "HEAD"]), "1");
}

/// Situation `object-format`.
#[test]
fn a_repository_of_sha256_is_checked_out_in_its_format() {
    let world = World::new();
    let hashed = world.repository("hashed", &["--object-format=sha256"]);
    let older = git(&hashed, &["rev-parse", "HEAD~1"]);
    git(&hashed, &["tag", "-a", "v1", "-m", "one", &older]);
    let server = world.serve();
    let url = server.url("hashed");
    for (target, more, hash) in [
        ("whole", vec!["--depth", "false"], head(&hashed)),
        ("branch", vec!["--branch", "main"], head(&hashed)),
        ("tag", vec!["--tag", "v1"], older.clone()),
        ("commit", vec!["--commit", &older], older.clone()),
        (
            "shallow",
            vec!["--branch", "main", "--commit", &older, "--depth", "1"],
            older.clone(),
        ),
    ] {
        let checkout = world.clone_to(target, &url, &more).success();
        assert_eq!(checkout["commit"], hash, "{target}");
    }
}
