//! Loading: what a good plugin says, and that every bad file is a message.
//!
//! Each bad file is checked by the `engine` in a process of its own, which must
//! end with the documented code and never by a signal, and is given to a
//! registry that serves another plugin, which must go on serving.

mod damage;
mod odd_files;

use host_harness::cli::exit;
use host_harness::loader::{Digest, Manifest, Step};
use host_harness::registry::Registry;
use integration_tests::place::{Place, manifest_of, write_manifest};
use integration_tests::{built_example, built_library, elf_bytes};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::prelude::*;

fn good_library() -> PathBuf {
    built_library("vcs-misbehaving")
}

fn wrong_library(name: &str) -> PathBuf {
    built_example(name)
}

/// Asserts that the engine has ended by itself, with a documented code and one
/// printable line, which holds this word; says whether it found nothing wrong.
fn said_in_one_line(ran: &Output, word: &str, what: &str) -> bool {
    let stdout = String::from_utf8_lossy(&ran.stdout);
    let stderr = String::from_utf8_lossy(&ran.stderr);
    let Some(code) = ran.status.code() else {
        panic!("{what}: {}\n{stdout}\n{stderr}", ran.status);
    };
    assert!(
        exit::TABLE.iter().any(|exit| i32::from(exit.code) == code),
        "{what}: {code} is not documented\n{stdout}\n{stderr}"
    );
    let (said, nothing) = match code {
        0 => (&stdout, &stderr),
        _ => (&stderr, &stdout),
    };
    assert_eq!(nothing.as_ref(), "", "{what}: {said}");
    assert_eq!(said.lines().count(), 1, "{what}: {said}");
    let line = said.trim_end_matches('\n');
    let is_printable = |c: char| {
        !c.is_control() && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(line.chars().all(is_printable), "{what}: {line:?}");
    assert!(line.contains(word), "{what}: {word:?} is missing in {line}");
    code == 0
}

/// A place where `libgood.so` serves.
struct Serving {
    place: Place,
    registry: Registry,
}

impl Serving {
    fn new() -> Self {
        let place = Place::new();
        let good = place.install_pinned(&good_library(), "libgood.so");
        let (registry, _) = place.registry_serving(&good, "good");
        Self { place, registry }
    }

    fn assert_still_serves(&self) {
        let client = self
            .registry
            .server("main")
            .unwrap()
            .authorized_client(Credential::anonymous())
            .unwrap();
        let request = BranchRequest {
            name: Some("still here".to_owned()),
            ..Default::default()
        };
        let branch = client.branch(&HostCallContext::new("t"), request).unwrap();
        assert_eq!(branch.display_id, "still here");
    }

    /// The engine and the registry both refuse the file with this code, and
    /// the words say what was expected and found.
    fn assert_refused(&self, file: &Path, step: Step, code: &str, words: &[&str]) {
        let check = ["plugins", "check", "--json", file.to_str().unwrap()];
        let output = self.place.engine(&check);
        let stdout = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(i32::from(step.exit_code())),
            "{code}: {:?}\n{stdout}\n{stderr}",
            output.status
        );
        for word in [code].iter().chain(words) {
            assert!(
                stdout.contains(word) || stderr.contains(word),
                "{word:?} is missing\n{stdout}\n{stderr}"
            );
        }
        let error = self.registry.load(file).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
        self.assert_still_serves();
    }

    /// The same for bytes that have a manifest which agrees with them.
    fn assert_bytes_refused(&self, bytes: &[u8], step: Step, code: &str, words: &[&str]) {
        let file = self.place.install_bytes(bytes, "libbad.so");
        self.assert_refused(&file, step, code, words);
    }

    /// The same for a good library with changed bytes.
    fn assert_change_refused(
        &self,
        change: impl FnOnce(&mut Vec<u8>),
        step: Step,
        code: &str,
        words: &[&str],
    ) {
        let mut bytes = fs::read(good_library()).unwrap();
        change(&mut bytes);
        self.assert_bytes_refused(&bytes, step, code, words);
    }

    /// The same for a library that is wrong in itself.
    fn assert_library_refused(&self, name: &str, step: Step, code: &str, words: &[&str]) {
        let bytes = fs::read(wrong_library(name)).unwrap();
        self.assert_bytes_refused(&bytes, step, code, words);
    }
}

#[test]
fn a_pinned_plugin_loads_and_says_what_it_is() {
    let place = Place::new();
    let plugin = place.install(
        &built_library("vcs-bitbucketcloud"),
        "libvcs_bitbucketcloud.so",
    );
    let path = plugin.to_str().unwrap();
    let pinned = place.engine(&["plugins", "pin", path]);
    assert!(pinned.status.success(), "{pinned:?}");
    let checked = place.engine(&["plugins", "check", "--json", path]);
    assert!(checked.status.success(), "{checked:?}");
    let report: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(report["provider_type"], "bitbucketcloud");
    assert_eq!(report["compatibility"], "plugin_same_or_newer");

    let loader = place.loader();
    let loaded = loader.load(&plugin).unwrap();
    assert_eq!(report["sha256"], loaded.digest.to_string());
    assert_eq!(loaded.build.panic_strategy.as_str(), "unwind");
    let counts = loader.counts();
    assert_eq!((counts.loaded, counts.refused.len()), (1, 0));
    assert_eq!(counts.passed["layout"], 1);
}

#[test]
fn two_plugins_of_different_types_keep_their_own_code() {
    let place = Place::new();
    let loader = place.loader();
    let types: Vec<String> = ["vcs-bitbucketcloud", "vcs-local-git", "vcs-misbehaving"]
        .iter()
        .map(|package| {
            let name = format!("{package}.so");
            let plugin = place.install_pinned(&built_library(package), &name);
            let loaded = loader.load(&plugin).unwrap();
            // Asked again once all are loaded would be the same; asked of the
            // provider itself, not of what the loader remembers.
            loaded.provider.info().unwrap().provider_type
        })
        .collect();
    assert_eq!(types, ["bitbucketcloud", "local-git", "misbehaving"]);
}

#[test]
fn a_plugin_without_a_manifest_is_refused_with_the_command_that_makes_it() {
    let serving = Serving::new();
    let plugin = serving.place.install(&good_library(), "libbad.so");
    let command = format!("engine plugins pin {}", plugin.display());
    serving.assert_refused(&plugin, Step::Manifest, "manifest_missing", &[&command]);
}

#[test]
fn a_manifest_with_a_wrong_value_is_refused_naming_both_values() {
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
        serving.assert_refused(&plugin, step, code, words);
    }
    let manifest = Manifest::path_of(&plugin);
    fs::write(&manifest, "name = 7").unwrap();
    serving.assert_refused(&plugin, Step::Manifest, "manifest_invalid", &["sha256"]);
    fs::write(&manifest, format!("{}\ncolour = 1", toml_of(&right))).unwrap();
    serving.assert_refused(&plugin, Step::Manifest, "manifest_invalid", &["colour"]);
    fs::set_permissions(&manifest, fs::Permissions::from_mode(0o666)).unwrap();
    serving.assert_refused(&plugin, Step::Manifest, "manifest_unreadable", &["0666"]);
}

fn toml_of(manifest: &Manifest) -> String {
    toml::to_string(manifest).unwrap()
}

#[test]
fn files_that_are_no_library_are_refused() {
    let serving = Serving::new();
    let file = serving.place.plugins().join("libbad.so");
    fs::write(&file, b"").unwrap();
    serving.assert_refused(&file, Step::Open, "empty", &["0 bytes"]);
    let text = b"#!/bin/sh\necho not a library\n";
    serving.assert_bytes_refused(text, Step::Elf, "not_elf", &["#!/bin/s"]);
    serving.assert_bytes_refused(&[0; 4096], Step::Elf, "not_elf", &["00000000"]);
    serving.assert_bytes_refused(b"\x7fELF", Step::Elf, "elf_truncated", &["4 bytes"]);
    let program = fs::read(std::env::current_exe().unwrap()).unwrap();
    serving.assert_bytes_refused(&program, Step::Elf, "not_a_library", &["a program"]);
}

#[test]
fn a_library_that_is_cut_off_anywhere_is_refused() {
    let serving = Serving::new();
    let whole = fs::read(good_library()).unwrap();
    for percent in [1, 50, 99] {
        let cut = &whole[..whole.len() * percent / 100];
        serving.assert_bytes_refused(cut, Step::Elf, "elf_truncated", &["bytes"]);
    }
    serving.assert_bytes_refused(&whole[..whole.len() - 1], Step::Elf, "elf_truncated", &[]);
    // The same file, pinned before it was cut off.
    let plugin = serving.place.install_bytes(&whole, "libbad.so");
    fs::write(&plugin, &whole[..whole.len() / 2]).unwrap();
    serving.assert_refused(
        &plugin,
        Step::Manifest,
        "size_mismatch",
        &["copy the file again"],
    );
}

#[test]
fn a_flipped_bit_is_refused() {
    let serving = Serving::new();
    let mut bytes = fs::read(good_library()).unwrap();
    let plugin = serving.place.install_bytes(&bytes, "libbad.so");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&plugin, &bytes).unwrap();
    let found = Digest::of(&bytes).to_string();
    serving.assert_refused(&plugin, Step::Manifest, "digest_mismatch", &[&found]);
}

#[test]
fn a_library_for_something_else_or_with_wishes_is_refused() {
    let serving = Serving::new();
    let elf = |change: fn(&mut Vec<u8>), code, words| {
        serving.assert_change_refused(change, Step::Elf, code, words);
    };
    elf(
        |b| elf_bytes::set_machine(b, 40),
        "wrong_machine",
        &["machine 40"],
    );
    elf(|b| b[4] = 1, "wrong_machine", &["64 bits", "class 1"]);
    elf(|b| b[5] = 2, "wrong_machine", &["byte order 2"]);
    elf(
        |b| elf_bytes::put(b, 16, &[1, 0]),
        "not_a_library",
        &["ELF type 1"],
    );
    elf(|b| elf_with_search_path(b), "rpath_set", &["RUNPATH"]);
    elf(
        |b| elf_bytes::change_dynamic_tag(b, elf_bytes::NEEDED, elf_bytes::RPATH),
        "rpath_set",
        &["RPATH"],
    );
    elf(
        |b| elf_bytes::replace_text(b, "libgcc_s.so.1", "libevil_.so.1"),
        "unexpected_dependency",
        &["libevil_.so.1"],
    );
    elf(
        |b| elf_bytes::make_stack_executable(b),
        "executable_stack",
        &[],
    );
}

fn elf_with_search_path(bytes: &mut [u8]) {
    elf_bytes::change_dynamic_tag(bytes, elf_bytes::FLAGS_1, elf_bytes::RUNPATH);
    elf_bytes::change_dynamic_value(bytes, elf_bytes::RUNPATH, 1);
}

#[test]
fn libraries_that_are_no_providers_of_this_interface_are_refused() {
    let serving = Serving::new();
    let refused = |name, step, code, words: &[&str]| {
        serving.assert_library_refused(name, step, code, words);
    };
    refused(
        "no_symbol",
        Step::Elf,
        "not_a_provider",
        &["root_bmodule_bloader"],
    );
    refused(
        "other_abi_library",
        Step::Header,
        "header_invalid",
        &["0.11"],
    );
    refused(
        "other_major",
        Step::Version,
        "version_mismatch",
        &["interface 1.x", "2.0.0"],
    );
    refused("no_layout", Step::Layout, "layout_missing", &["layout"]);
    refused(
        "other_package",
        Step::Layout,
        "layout_mismatch",
        &["vcs-provider-interface", "vcs-misbehaving"],
    );
}

#[test]
fn libraries_that_fail_before_they_make_a_server_are_refused() {
    let serving = Serving::new();
    let refused = |name, step, code, words: &[&str]| {
        serving.assert_library_refused(name, step, code, words);
    };
    refused("module_panics", Step::Build, "module_failed", &[]);
    refused(
        "info_panics",
        Step::Info,
        "info_failed",
        &["panicked in info"],
    );
    refused("info_hangs", Step::Info, "info_timed_out", &["within"]);
    refused(
        "info_wrong_type",
        Step::Info,
        "info_invalid",
        &["Not a type"],
    );
}

#[test]
fn a_library_that_ends_or_holds_up_its_process_is_found_out_in_another_process() {
    let serving = Serving::new();
    serving.assert_library_refused(
        "kills_when_linked",
        Step::Trial,
        "trial_killed",
        &["signal 6"],
    );
    serving.assert_library_refused(
        "hangs_when_linked",
        Step::Trial,
        "trial_timed_out",
        &["within"],
    );
}

#[test]
fn places_that_others_control_are_refused() {
    let serving = Serving::new();
    let bytes = fs::read(good_library()).unwrap();
    let plugin = serving.place.install_bytes(&bytes, "libbad.so");
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(&plugin, 0o666);
    serving.assert_refused(
        &plugin,
        Step::Open,
        "writable_by_others",
        &["0666", "chmod go-w"],
    );
    mode(&plugin, 0o644);
    mode(&serving.place.plugins(), 0o777);
    serving.assert_refused(&plugin, Step::Open, "folder_writable_by_others", &["0777"]);
    mode(&serving.place.plugins(), 0o1777);
    serving.assert_refused(&plugin, Step::Open, "folder_writable_by_others", &["1777"]);
}

#[test]
fn what_is_not_a_regular_file_is_refused_without_waiting() {
    let serving = Serving::new();
    let plugins = serving.place.plugins();
    let link = plugins.join("liblink.so");
    std::os::unix::fs::symlink(plugins.join("libgood.so"), &link).unwrap();
    serving.assert_refused(&link, Step::Open, "symlink", &["symbolic link"]);
    let pipe = plugins.join("libpipe.so");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    serving.assert_refused(&pipe, Step::Open, "not_a_file", &["a pipe"]);
    let folder = plugins.join("libfolder.so");
    fs::create_dir(&folder).unwrap();
    serving.assert_refused(&folder, Step::Open, "not_a_file", &["a folder"]);
    let nothing = plugins.join("libnothing.so");
    serving.assert_refused(&nothing, Step::Open, "not_found", &[]);
}

#[test]
fn a_file_over_the_limit_is_refused_before_it_is_read() {
    let serving = Serving::new();
    let big = serving.place.plugins().join("libbig.so");
    let file = fs::File::create(&big).unwrap();
    // A hole: takes no room on the disk and no time.
    file.set_len(65 * 1024 * 1024).unwrap();
    serving.assert_refused(&big, Step::Open, "too_large", &["67108864", "68157440"]);
}

#[test]
fn a_process_takes_only_so_many_libraries() {
    let place = Place::new();
    let mut options = place.loader_options();
    options.library_limit = 1;
    options.trial = None;
    let loader = host_harness::loader::Loader::new(options);
    let first = place.install_pinned(&good_library(), "libgood.so");
    let second = place.install_pinned(&built_library("vcs-local-git"), "libgit.so");
    loader.load(&first).unwrap();
    let error = loader.load(&second).unwrap_err();
    assert_eq!(error.code(), "restart_needed");
    assert!(error.to_string().contains("restart the engine"), "{error}");
    // What is mapped already costs nothing.
    loader.load(&first).unwrap();
}

#[test]
fn a_library_that_is_linked_already_is_asked_but_not_copied_tried_or_linked_again() {
    let place = Place::new();
    let loader = place.loader();
    let plugin = place.install_pinned(&good_library(), "libgood.so");
    let first = loader.load(&plugin).unwrap();
    let again = loader.load(&plugin).unwrap();
    assert_eq!(first.staged, again.staged);
    let counts = loader.counts();
    assert_eq!(counts.loaded, 2);
    for step in ["stage", "trial", "link", "layout"] {
        assert_eq!(counts.passed[step], 1, "{step}");
    }
    for step in ["open", "manifest", "elf", "build", "info"] {
        assert_eq!(counts.passed[step], 2, "{step}");
    }
    // Another manifest for the same file is compared all the same.
    let bytes = fs::read(&plugin).unwrap();
    write_manifest(&plugin, &manifest_of("libgood.so", &bytes));
    let error = loader.load(&plugin).unwrap_err();
    assert_eq!(error.code(), "type_mismatch", "{error}");
}
