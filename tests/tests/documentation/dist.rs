//! The tarball of `cargo xtask dist`.

use crate::support::{bin, dist, dist_name};
use integration_tests::engine::run;
use std::collections::BTreeSet;
use std::process::Command;

fn listed() -> BTreeSet<String> {
    let tarball = dist().join(format!("{}.tar.gz", dist_name()));
    let listed = run(Command::new("tar").arg("--list").arg("--file").arg(tarball));
    assert_eq!(listed.code, Some(0), "{listed:?}");
    let start = format!("{}/", dist_name());
    let lines = listed.stdout.lines();
    lines
        .filter_map(|line| line.strip_prefix(&start).map(str::to_owned))
        .collect()
}

#[test]
fn the_tarball_has_everything_that_an_administrator_installs_and_its_sum_is_right() {
    let names = listed();
    for name in [
        "README.md",
        "SHA256SUMS",
        "bin/engine",
        "docs/installing.md",
        "lib/engine/plugins/libvcs_bitbucketcloud.so",
        "lib/engine/plugins/libvcs_bitbucketcloud.manifest.toml",
        "share/bash-completion/completions/engine",
        "share/engine/config.toml",
        "share/engine/engine.service",
        "share/fish/vendor_completions.d/engine.fish",
        "share/man/man1/engine.1",
        "share/man/man1/engine-vcs-branches.1",
        "share/zsh/site-functions/_engine",
    ] {
        assert!(names.contains(name), "{name} is missing in {names:?}");
    }
    let checked = run(Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(dist()));
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(checked.stdout.contains(".tar.gz: OK"), "{checked:?}");
}

/// As bash asks for them: the operations, and the servers of the configuration.
#[test]
fn operations_and_servers_are_completed() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    std::fs::write(&config, "[vcs.servers.first.x]\n[vcs.servers.second.x]\n").unwrap();
    let config = config.display().to_string();
    let completed = |words: &[&str]| {
        let last = words.len() - 1;
        let ran = run(Command::new(bin().join("engine"))
            .env("COMPLETE", "bash")
            .env("_CLAP_COMPLETE_INDEX", last.to_string())
            .env("_CLAP_COMPLETE_COMP_TYPE", "9")
            .env("_CLAP_COMPLETE_SPACE", "false")
            .env("_CLAP_IFS", "\n")
            .arg("--")
            .args(words));
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let operations = completed(&["engine", "vcs", "bra"]);
    assert_eq!(operations, ["branches", "branch"], "{operations:?}");
    let servers = completed(&[
        "engine", "--config", &config, "vcs", "branches", "--server", "",
    ]);
    let known: Vec<_> = servers
        .iter()
        .filter(|name| ["first", "second"].contains(&name.as_str()))
        .collect();
    assert_eq!(known.len(), 2, "{servers:?}");
}
