//! Files that are rejected before anything of them runs.

use super::{Serving, good_library};
use integration_tests::elf_bytes;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use vcs_plugin_host::loader::Digest;
use vcs_plugin_host::loader::Step;

#[test]
fn files_that_are_no_library_are_rejected() {
    let serving = Serving::new();
    let file = serving.place.plugins().join("libbad.so");
    fs::write(&file, b"").unwrap();
    serving.assert_rejected(&file, Step::Open, "empty", &["0 bytes"]);
    let text = b"#!/bin/sh\necho not a library\n";
    serving.assert_bytes_rejected(text, Step::Elf, "not_elf", &["#!/bin/s"]);
    serving.assert_bytes_rejected(&[0; 4096], Step::Elf, "not_elf", &["00000000"]);
    serving.assert_bytes_rejected(b"\x7fELF", Step::Elf, "elf_truncated", &["4 bytes"]);
    let program = fs::read(std::env::current_exe().unwrap()).unwrap();
    serving.assert_bytes_rejected(&program, Step::Elf, "not_a_library", &["a program"]);
}

#[test]
fn a_library_that_is_cut_off_anywhere_is_rejected() {
    let serving = Serving::new();
    let whole = fs::read(good_library()).unwrap();
    for percent in [1, 50, 99] {
        let cut = &whole[..whole.len() * percent / 100];
        serving.assert_bytes_rejected(cut, Step::Elf, "elf_truncated", &["bytes"]);
    }
    serving.assert_bytes_rejected(&whole[..whole.len() - 1], Step::Elf, "elf_truncated", &[]);
    // The same file, pinned before it was cut off.
    let plugin = serving.place.install_bytes(&whole, "libbad.so");
    fs::write(&plugin, &whole[..whole.len() / 2]).unwrap();
    serving.assert_rejected(
        &plugin,
        Step::Manifest,
        "size_mismatch",
        &["copy the file again"],
    );
}

#[test]
fn a_flipped_bit_is_rejected() {
    let serving = Serving::new();
    let mut bytes = fs::read(good_library()).unwrap();
    let plugin = serving.place.install_bytes(&bytes, "libbad.so");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&plugin, &bytes).unwrap();
    let found = Digest::of(&bytes).to_string();
    serving.assert_rejected(&plugin, Step::Manifest, "digest_mismatch", &[&found]);
}

#[test]
fn a_library_for_something_else_or_with_wishes_is_rejected() {
    let serving = Serving::new();
    let elf = |change: fn(&mut Vec<u8>), code, words| {
        serving.assert_change_rejected(change, Step::Elf, code, words);
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
fn places_that_others_control_are_rejected() {
    let serving = Serving::new();
    let bytes = fs::read(good_library()).unwrap();
    let plugin = serving.place.install_bytes(&bytes, "libbad.so");
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(&plugin, 0o666);
    serving.assert_rejected(
        &plugin,
        Step::Open,
        "writable_by_others",
        &["0666", "chmod go-w"],
    );
    mode(&plugin, 0o644);
    mode(&serving.place.plugins(), 0o777);
    serving.assert_rejected(
        &plugin,
        Step::Open,
        "directory_writable_by_others",
        &["0777"],
    );
    mode(&serving.place.plugins(), 0o1777);
    serving.assert_rejected(
        &plugin,
        Step::Open,
        "directory_writable_by_others",
        &["1777"],
    );
}

#[test]
fn what_is_not_a_regular_file_is_rejected_without_waiting() {
    let serving = Serving::new();
    let plugins = serving.place.plugins();
    let link = plugins.join("liblink.so");
    std::os::unix::fs::symlink(plugins.join("libgood.so"), &link).unwrap();
    serving.assert_rejected(&link, Step::Open, "symlink", &["symbolic link"]);
    let pipe = plugins.join("libpipe.so");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    serving.assert_rejected(&pipe, Step::Open, "not_a_file", &["a pipe"]);
    let directory = plugins.join("libdirectory.so");
    fs::create_dir(&directory).unwrap();
    serving.assert_rejected(&directory, Step::Open, "not_a_file", &["a directory"]);
    let nothing = plugins.join("libnothing.so");
    serving.assert_rejected(&nothing, Step::Open, "not_found", &[]);
}

#[test]
fn a_file_over_the_limit_is_rejected_before_it_is_read() {
    let serving = Serving::new();
    let big = serving.place.plugins().join("libbig.so");
    let file = fs::File::create(&big).unwrap();
    // A hole: takes no room on the disk and no time.
    file.set_len(65 * 1024 * 1024).unwrap();
    serving.assert_rejected(&big, Step::Open, "too_large", &["67108864", "68157440"]);
}
