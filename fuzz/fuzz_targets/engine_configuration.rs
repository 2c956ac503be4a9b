//! Any text as the engine's configuration: read, or rejected with a place and without
//! a value of it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use vcs_engine::config::EngineConfig;

fuzz_target!(|text: &str| {
    if let Err(error) = EngineConfig::parse(Path::new("config.toml"), text) {
        assert!(error.to_string().starts_with("config.toml"));
    }
});
