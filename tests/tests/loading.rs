//! Loading: what a good plugin says, and that a bad file is a message.

use host_harness::loader::{Loader, LoaderOptions};
use integration_tests::built_library;
use std::path::PathBuf;

/// A plugin folder with a copy of a library, and a loader with its own staging.
struct Place {
    folder: tempfile::TempDir,
    loader: Loader,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let loader = Loader::new(LoaderOptions {
            staging_folder: Some(folder.path().join("staging")),
            ..Default::default()
        });
        Self { folder, loader }
    }

    fn with_copy_of(&self, package: &str) -> PathBuf {
        let built = built_library(package);
        let copy = self.folder.path().join(built.file_name().unwrap());
        std::fs::copy(built, &copy).unwrap();
        copy
    }
}

#[test]
fn a_pinned_plugin_loads_and_says_what_it_is() {
    let place = Place::new();
    let plugin = place.with_copy_of("vcs-bitbucketcloud");
    let manifest = place.loader.write_manifest(&plugin).unwrap();
    let loaded = place.loader.load(&plugin).unwrap();
    assert_eq!(loaded.info.provider_type, "bitbucketcloud");
    assert_eq!(loaded.digest, manifest.sha256);
    assert_eq!(loaded.build.panic_strategy.as_str(), "unwind");
    let counts = place.loader.counts();
    assert_eq!((counts.loaded, counts.refused.len()), (2, 0));
}

#[test]
fn a_plugin_without_a_manifest_is_refused_with_the_command_that_makes_it() {
    let place = Place::new();
    let plugin = place.with_copy_of("vcs-bitbucketcloud");
    let error = place.loader.load(&plugin).unwrap_err();
    assert_eq!((error.code(), error.exit_code()), ("manifest_missing", 21));
    let command = format!("engine plugins pin {}", plugin.display());
    assert!(error.to_string().contains(&command), "{error}");
}
