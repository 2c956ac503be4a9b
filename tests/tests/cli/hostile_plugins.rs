//! A plugin that ends or holds up the process that links it: every command that
//! loads one says so in one line, and neither ends with it nor waits for it.

use integration_tests::built_example;
use integration_tests::engine::{Engine, REPO, run};
use integration_tests::place::{Place, manifest_of, write_manifest};
use integration_tests::sandbox::GitSandbox;
use std::path::PathBuf;
use std::process::Command;

/// A plugin directory with nothing but this library, pinned as the Bitbucket
/// Cloud provider.
fn pinned_as_bitbucket_cloud(place: &Place, example: &str) -> PathBuf {
    let name = "libvcs_bitbucketcloud.so";
    let bytes = std::fs::read(built_example(example)).unwrap();
    let file = place.install_bytes(&bytes, name);
    let mut manifest = manifest_of(name, &bytes);
    manifest.provider_type = "bitbucketcloud".to_owned();
    write_manifest(&file, &manifest);
    file
}

fn assert_rejected(command: &mut Command, words: &[&str]) {
    let ran = run(command);
    assert_eq!(ran.code, Some(24), "{command:?} {ran:?}");
    let errors: Vec<&str> = ran
        .stderr
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect();
    assert_eq!(errors.len(), 1, "{command:?} {ran:?}");
    for word in words.iter().chain(&["libvcs_bitbucketcloud.so"]) {
        assert!(errors[0].contains(word), "{word:?}: {command:?} {ran:?}");
    }
}

#[test]
fn every_command_survives_a_plugin_that_ends_its_process() {
    let engine = Engine::serving(GitSandbox::small());
    let place = Place::new();
    let plugin = pinned_as_bitbucket_cloud(&place, "kills_when_linked");
    let plugin = plugin.to_str().unwrap();
    let delivery = engine.path("delivery.json");
    std::fs::write(&delivery, "{}").unwrap();
    let delivery = delivery.to_str().unwrap();
    let target = engine.path("checkout");
    let target = target.to_str().unwrap();
    let parse = ["webhook", "parse", "--type", "bitbucketcloud", "--event"];
    let checkout = ["action", "checkout-application", REPO];
    let commands: &[&[&str]] = &[
        &["vcs", "webhooks-info"],
        &["vcs", "branches", REPO],
        &[&parse[..], &["repo:push", delivery]].concat(),
        &[&checkout[..], &[target]].concat(),
        &["demo", "--plugin", plugin],
        &["conformance", "--repo", REPO, "--plugin", plugin],
        &["conformance", "--repo", REPO],
        &["plugins", "check", plugin],
        &["plugins", "pin", plugin],
    ];
    for arguments in commands {
        let mut command = engine.command(arguments);
        command.env("ENGINE_PLUGIN_DIR", place.plugins());
        assert_rejected(&mut command, &["preflight_killed", "signal 6"]);
    }
    // Conformance runs without a configuration take other ways.
    for way in [&["--mock"][..], &["--repo", REPO]] {
        let mut command = engine.command(&["conformance", "--plugin", plugin]);
        command.args(way).env_remove("ENGINE_CONFIG");
        assert_rejected(&mut command, &["preflight_killed", "signal 6"]);
    }
}

#[test]
fn a_call_does_not_wait_for_a_plugin_that_holds_up_its_process() {
    let engine = Engine::serving(GitSandbox::small());
    let place = Place::new();
    pinned_as_bitbucket_cloud(&place, "hangs_when_linked");
    let mut command = engine.command(&["vcs", "webhooks-info"]);
    command.env("ENGINE_PLUGIN_DIR", place.plugins());
    assert_rejected(&mut command, &["preflight_timed_out", "within 20s"]);
}
