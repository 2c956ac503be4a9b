//! Any text as the manifest of a plugin: read, or rejected.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vcs_plugin_host::loader::Manifest;

fuzz_target!(|text: &str| {
    if let Ok(manifest) = toml::from_str::<Manifest>(text) {
        assert!(toml::to_string(&manifest).is_ok());
    }
});
