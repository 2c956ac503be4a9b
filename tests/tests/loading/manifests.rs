//! Plugins whose manifest is absent or says something else.

use super::{Serving, good_library};
use integration_tests::place::Place;
use integration_tests::place::manifest_of;
use integration_tests::place::write_manifest;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use vcs_plugin_host::loader::Digest;
use vcs_plugin_host::loader::Manifest;
use vcs_plugin_host::loader::Step;

#[test]
fn a_plugin_without_a_manifest_is_rejected_with_the_command_that_makes_it() {
    let serving = Serving::new();
    let plugin = serving.place.install(&good_library(), "libbad.so");
    let command = format!("engine plugins pin {}", plugin.display());
    serving.assert_rejected(&plugin, Step::Manifest, "manifest_missing", &[&command]);
}

#[test]
fn a_manifest_with_a_wrong_value_is_rejected_naming_both_values() {
    let serving = Serving::new();
    let bytes = fs::read(good_library()).unwrap();
    let plugin = serving.place.install_bytes(&bytes, "libbad.so");
    let right = Manifest {
        provider_type: "misbehaving".to_owned(),
        ..manifest_of("libbad.so", &bytes)
    };
    type Change = fn(&mut Manifest);
    let cases: [(Change, Step, &str, &[&str]); 9] = [
        (
            |m| m.name = "libx.so".into(),
            Step::Manifest,
            "name_mismatch",
            &["libbad.so", "libx.so"],
        ),
        (
            |m| m.target = "pdp11-dec".into(),
            Step::Manifest,
            "target_mismatch",
            &["pdp11-dec"],
        ),
        (
            |m| m.interface_version = "2.0.0".into(),
            Step::Manifest,
            "interface_mismatch",
            &["2.0.0"],
        ),
        (|m| m.size += 1, Step::Manifest, "size_mismatch", &["bytes"]),
        (
            |m| m.sha256 = Digest::of(b""),
            Step::Manifest,
            "digest_mismatch",
            &["e3b0c44298fc"],
        ),
        (
            |m| m.interface_version = "1.99.0".into(),
            Step::Build,
            "build_mismatch",
            &["1.99.0"],
        ),
        (
            |m| m.provider_type = "other".into(),
            Step::Info,
            "type_mismatch",
            &["other", "misbehaving"],
        ),
        (
            |m| m.version = "9.9.9".into(),
            Step::Info,
            "plugin_version_mismatch",
            &["9.9.9", "1.0.0"],
        ),
        (
            |m| m.provider_type = String::new(),
            Step::Info,
            "type_mismatch",
            &["misbehaving"],
        ),
    ];
    for (change, step, code, words) in cases {
        let mut wrong = right.clone();
        change(&mut wrong);
        write_manifest(&plugin, &wrong);
        serving.assert_rejected(&plugin, step, code, words);
    }
    let manifest = Manifest::path_of(&plugin);
    fs::write(&manifest, "name = 7").unwrap();
    serving.assert_rejected(&plugin, Step::Manifest, "manifest_invalid", &["sha256"]);
    let later = Manifest {
        format: Manifest::FORMAT + 1,
        ..right.clone()
    };
    write_manifest(&plugin, &later);
    serving.assert_rejected(
        &plugin,
        Step::Manifest,
        "manifest_invalid",
        &["format 2", "format 1", "later engine"],
    );
    write_manifest(&plugin, &right);
    fs::set_permissions(&manifest, fs::Permissions::from_mode(0o666)).unwrap();
    serving.assert_rejected(&plugin, Step::Manifest, "manifest_unreadable", &["0666"]);
}

#[test]
fn keys_that_are_not_known_are_passed_over_with_a_notice_and_the_format_may_be_left_out() {
    let place = Place::new();
    let plugin = place.install_pinned(&good_library(), "libnew.so");
    let path = Manifest::path_of(&plugin);
    let written = fs::read_to_string(&path).unwrap();
    assert!(written.starts_with("format = 1\n"), "{written}");
    let first = written.replace("format = 1\n", "");
    fs::write(&path, format!("{first}colour = 1\nsbom = \"a.json\"\n")).unwrap();
    let loaded = place.loader().load(&plugin).unwrap();
    let notice = "its manifest has keys that this engine does not know: colour, sbom";
    assert_eq!(loaded.notices, [notice]);
    // The administrator sees it, and nothing else changes.
    let checked = place.engine(&[
        "plugins",
        "list",
        "--plugin-dir",
        place.plugins().to_str().unwrap(),
    ]);
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(said.contains("accepted") && said.contains(notice), "{said}");
}
