//! What may stand in a plugin directory and is no ordinary file, or changes.

use super::said_in_one_line;
use integration_tests::built_library;
use integration_tests::place::Place;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};

fn run(place: &Place, task: &str, file: &Path, json: bool) -> Output {
    let mut words = vec![OsStr::new("plugins"), OsStr::new(task), file.as_os_str()];
    if json {
        words.push(OsStr::new("--json"));
    }
    place.engine(&words)
}

/// The engine rejects the file with this code when it is checked and when it is
/// pinned.
fn assert_rejected(place: &Place, file: &Path, code: &str) {
    for task in ["check", "pin"] {
        let ran = run(place, task, file, false);
        let what = format!("{task} {}", file.display());
        assert!(!said_in_one_line(&ran, "", &what), "{what}: accepted");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(said.contains(code), "{what}: {said}");
        assert_eq!(ran.status.code(), Some(20), "{what}: {said}");
    }
}

#[test]
fn what_is_no_ordinary_file_is_rejected_at_once() {
    let place = Place::new();
    let at = |name: &str| place.plugins().join(name);
    symlink(at("nothing.so"), at("libdangling.so")).unwrap();
    symlink(at("libloop.so"), at("libloop.so")).unwrap();
    symlink("/dev/zero", at("libzero.so")).unwrap();
    fs::create_dir(at("libdirectory.so")).unwrap();
    let _socket = UnixListener::bind(at("libsocket.so")).unwrap();
    for (name, code) in [
        ("libdangling.so", "symlink"),
        ("libloop.so", "symlink"),
        ("libzero.so", "symlink"),
        ("libdirectory.so", "not_a_file"),
        ("libsocket.so", "not_a_file"),
    ] {
        assert_rejected(&place, &at(name), code);
    }
    assert_rejected(&place, Path::new("/dev/zero"), "not_a_file");
    assert_rejected(&place, Path::new("/proc/self/mem"), "rejected at open");
    assert_rejected(&place, Path::new("/"), "not_a_file");
    assert_rejected(&place, &at("libdirectory.so").join(".."), "not_a_file");
}

#[test]
fn a_file_with_a_hole_of_a_terabyte_is_rejected_before_it_is_read() {
    let place = Place::new();
    let file = place.plugins().join("libhole.so");
    let made = fs::File::create(&file).and_then(|hole| hole.set_len(1 << 40));
    if let Err(error) = made {
        eprintln!("SKIPPED: the disk takes no such file: {error}");
        return;
    }
    assert_rejected(&place, &file, "too_large");
}

#[test]
fn a_file_that_may_not_be_read_is_rejected() {
    let place = Place::new();
    let file = place.install(&built_library("vcs-misbehaving"), "libclosed.so");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::metadata(&file).unwrap().uid() == 0 {
        eprintln!("SKIPPED: the superuser may read every file");
        return;
    }
    assert_rejected(&place, &file, "unreadable");
}

#[test]
fn a_name_that_a_terminal_would_obey_or_cannot_show_is_said_in_one_line() {
    let place = Place::new();
    for name in [
        b"lib\nerror: all is well.so".to_vec(),
        b"lib\x1b[2J\x1b]0;title\x07.so".to_vec(),
        b"lib\r\x08\x7f.so".to_vec(),
        b"lib\xff\xfe.so".to_vec(),
        "lib\u{202e}os.so".as_bytes().to_vec(),
        b"lib name with spaces.so".to_vec(),
    ] {
        let name = OsString::from_vec(name);
        let what = format!("{name:?}");
        let text = place.plugins().join(&name);
        fs::write(&text, "text").unwrap();
        assert!(!said_in_one_line(
            &run(&place, "check", &text, false),
            "lib",
            &what
        ));
        let rejected = run(&place, "check", &text, true);
        let document: serde_json::Value = serde_json::from_slice(&rejected.stdout).unwrap();
        assert_eq!(document["error"]["code"], "not_elf", "{what}: {document}");

        fs::copy(built_library("vcs-misbehaving"), &text).unwrap();
        for (task, json) in [("pin", false), ("check", false), ("check", true)] {
            let ran = run(&place, task, &text, json);
            assert!(ran.status.success(), "{task} {what}: {ran:?}");
            // A manifest and a JSON document have lines of their own.
            assert!(task == "pin" || json || said_in_one_line(&ran, "", &what));
        }
        let directory = place.plugins();
        let list = place.engine(&[
            OsStr::new("plugins"),
            OsStr::new("list"),
            OsStr::new("--plugin-dir"),
            directory.as_os_str(),
        ]);
        assert!(said_in_one_line(&list, "accepted", &what));
        fs::remove_file(&text).unwrap();
        fs::remove_file(text.with_extension("manifest.toml")).unwrap();
    }
}

#[test]
fn a_file_that_changes_while_it_is_read_is_whole_or_rejected() {
    let place = Place::new();
    let file = place.install_pinned(&built_library("vcs-misbehaving"), "libchanging.so");
    let whole = fs::read(&file).unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let beside = place.scratch().join("next.so");
            while !is_over.load(Ordering::Relaxed) {
                // In place, shorter and whole again; then another file instead.
                fs::write(&file, &whole[..whole.len() / 3]).unwrap();
                fs::write(&file, &whole).unwrap();
                fs::write(&beside, &whole).unwrap();
                fs::rename(&beside, &file).unwrap();
            }
        });
        for round in 0..10 {
            let ran = run(&place, "check", &file, false);
            said_in_one_line(&ran, "libchanging.so", &format!("round {round}"));
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let ran = run(&place, "check", &file, false);
    assert!(said_in_one_line(&ran, "accepted", "in the end"));
}
