//! Loading: what a good plugin says, and that every bad file is a message.
//!
//! Each bad file is checked by the `engine` in a process of its own, which must
//! end with the documented code and never by a signal, and is given to a
//! registry that serves another plugin, which must go on serving.

mod damage;
mod directories;
mod files;
mod libraries;
mod manifests;
mod odd_files;
mod signatures;
mod staging;

use host_harness::cli::exit;
use integration_tests::built_example;
use integration_tests::built_library;
use integration_tests::place::Place;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Output;
use vcs_plugin_host::loader::Step;
use vcs_plugin_host::registry::Registry;
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

    /// The engine and the registry both reject the file with this code, and
    /// the words say what was expected and found.
    fn assert_rejected(&self, file: &Path, step: Step, code: &str, words: &[&str]) {
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
    fn assert_bytes_rejected(&self, bytes: &[u8], step: Step, code: &str, words: &[&str]) {
        let file = self.place.install_bytes(bytes, "libbad.so");
        self.assert_rejected(&file, step, code, words);
    }

    /// The same for a good library with changed bytes.
    fn assert_change_rejected(
        &self,
        change: impl FnOnce(&mut Vec<u8>),
        step: Step,
        code: &str,
        words: &[&str],
    ) {
        let mut bytes = fs::read(good_library()).unwrap();
        change(&mut bytes);
        self.assert_bytes_rejected(&bytes, step, code, words);
    }

    /// The same for a library that is wrong in itself.
    fn assert_library_rejected(&self, name: &str, step: Step, code: &str, words: &[&str]) {
        let bytes = fs::read(wrong_library(name)).unwrap();
        self.assert_bytes_rejected(&bytes, step, code, words);
    }
}
