//! The mocked service in a process of its own, for tests that measure theirs.

use crate::engine::engine;
use std::fmt::Display;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use tempfile::TempDir;
use vcs_engine::config::EngineConfig;

/// A running `engine mock bitbucket`. Ended when dropped.
pub struct MockProcess {
    child: Child,
    /// The configuration of a provider's server that reaches it.
    pub server_config: String,
}

fn must<T, E: Display>(result: Result<T, E>, what: &str) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{what}: {error}"),
    }
}

impl MockProcess {
    /// Serves this git repository under this full name, and returns when it can
    /// be called.
    ///
    /// # Panics
    /// If it does not start: a test cannot go on.
    #[must_use]
    pub fn serving(full_name: &str, git: &Path) -> Self {
        let folder = must(TempDir::new(), "no temporary folder");
        let file = folder.path().join("mock.toml");
        let started = engine()
            .args(["mock", "bitbucket", "--repo"])
            .arg(format!("{full_name}={}", git.display()))
            .arg("--write-config")
            .arg(&file)
            .stdout(Stdio::piped())
            .spawn();
        let mut process = Self {
            child: must(started, "the mock does not start"),
            server_config: String::new(),
        };
        if let Some(output) = process.child.stdout.take() {
            // Its one line says that it is ready; nothing follows.
            let mut ready = String::new();
            must(BufReader::new(output).read_line(&mut ready), "the mock");
        }
        let config = must(EngineConfig::load(&file), "the mock's configuration");
        let server = must(config.server(None), "the mock's server");
        process.server_config.clone_from(&server.toml);
        process
    }
}

impl Drop for MockProcess {
    fn drop(&mut self) {
        // One that has ended already needs no end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
