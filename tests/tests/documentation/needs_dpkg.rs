//! The Debian package of `cargo xtask dist`.

use crate::support::dist;
use integration_tests::engine::run;
use std::process::Command;

#[test]
#[ignore = "needs dpkg-deb; cargo xtask test runs it where it is there"]
fn the_debian_package_has_program_plugin_unit_and_a_private_configuration() {
    let names = std::fs::read_dir(dist()).unwrap();
    let package = names
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|ending| ending == "deb"))
        .expect("a package");
    let listed = run(Command::new("dpkg-deb").arg("--contents").arg(&package));
    assert_eq!(listed.code, Some(0), "{listed:?}");
    for (mode, name) in [
        ("-rw-------", "./etc/engine/config.toml"),
        ("-rw-r--r--", "./lib/systemd/system/engine.service"),
        ("-rwxr-xr-x", "./usr/bin/engine"),
        (
            "-rw-r--r--",
            "./usr/lib/engine/plugins/libvcs_bitbucketcloud.manifest.toml",
        ),
        (
            "-rw-r--r--",
            "./usr/share/bash-completion/completions/engine",
        ),
        ("-rw-r--r--", "./usr/share/man/man1/engine.1"),
    ] {
        let line = listed.stdout.lines().find(|line| line.ends_with(name));
        let line = line.unwrap_or_else(|| panic!("{name} is missing in {}", listed.stdout));
        assert!(
            line.starts_with(mode) && line.contains(" root/root "),
            "{line}"
        );
    }
    let facts = run(Command::new("dpkg-deb").arg("--info").arg(&package));
    for words in [
        "Package: engine",
        "conffiles",
        "postinst",
        "prerm",
        "Depends: libc6",
    ] {
        assert!(facts.stdout.contains(words), "{words}: {facts:?}");
    }
}
