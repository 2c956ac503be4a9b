//! Where private copies stand, and what happens where they cannot.

use super::good_library;
use integration_tests::place::Place;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use vcs_plugin_host::loader::{Loader, LoaderOptions};

fn loader(place: &Place, staging: &Path) -> Loader {
    Loader::new(LoaderOptions {
        staging_directory: Some(staging.to_owned()),
        ..place.loader_options()
    })
}

#[test]
fn a_directory_that_cannot_be_used_keeps_no_plugin_from_serving() {
    let place = Place::new();
    let plugin = place.install_pinned(&good_library(), "libgood.so");
    let in_the_way = place.scratch().join("file");
    fs::write(&in_the_way, "").unwrap();
    let open_to_all = place.scratch().join("open");
    fs::create_dir(&open_to_all).unwrap();
    fs::set_permissions(&open_to_all, fs::Permissions::from_mode(0o777)).unwrap();
    for (staging, code) in [
        (in_the_way.join("below"), "staging_failed"),
        (open_to_all, "staging_unsafe"),
    ] {
        let loader = loader(&place, &staging);
        // The preflight's process finds the copy as well.
        let loaded = loader.load(&plugin).unwrap();
        assert!(loaded.staged.starts_with("/proc"), "{loaded:?}");
        let problem = loader.staging_problem().unwrap();
        assert_eq!(problem.code(), code);
        let way_out = problem.to_string();
        assert!(way_out.contains("plugins.stagingDirectory"), "{way_out}");
    }
}

/// A directory on a file system without execution, mounted for this process's
/// children alone where the machine allows that.
fn in_noexec(place: &Place, command: &str) -> Option<Output> {
    let mounted = place.scratch().join("noexec");
    fs::create_dir_all(&mounted).unwrap();
    let script = format!(
        "mount -t tmpfs -o noexec tmpfs {0} || exit 77; export TMPDIR={0}; {command}",
        mounted.display()
    );
    let ran = Command::new("unshare")
        .args(["-rm", "sh", "-c", &script])
        .output();
    ran.ok()
        .filter(|ran| ran.status.code() != Some(77) && ran.status.code() != Some(1))
}

/// Situation `temporary-directory`.
#[test]
fn a_temporary_directory_without_execution_is_no_hindrance() {
    let place = Place::new();
    let plugin = place.install_pinned(&good_library(), "libgood.so");
    let engine: PathBuf = integration_tests::built_program("engine");
    let command = format!(
        "exec {} plugins check {}",
        engine.display(),
        plugin.display()
    );
    let Some(ran) = in_noexec(&place, &command) else {
        println!("SKIPPED: nothing can be mounted here");
        return;
    };
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
}
