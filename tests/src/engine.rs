//! The built command `engine`, with the built plugin and the mocked service.

use crate::bitbucket::pinned_copy;
use crate::libraries::{built_library, built_program};
use crate::sandbox::GitSandbox;
use mock_bitbucket::{FaultPlan, MockBitbucket, command::write_config};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

/// The full name of the repository that every [`Engine`] serves.
pub const REPO: &str = "acme/widget";

/// The plugin directory with the built plugin; made once per process.
///
/// # Panics
/// If the plugin cannot be built or pinned.
#[must_use]
pub fn plugin_directory() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let copy = pinned_copy(&built_library("vcs-bitbucketcloud"));
        copy.parent().map(Path::to_owned).unwrap_or_default()
    })
}

/// The command with a clean environment and nothing else.
#[must_use]
pub fn engine() -> Command {
    let mut command = Command::new(built_program("engine"));
    for name in ["ENGINE_CONFIG", "ENGINE_PLUGIN_DIR", "ENGINE_LOG"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// What a run of the command left behind.
#[derive(Debug)]
pub struct Ran {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    /// Standard output as the one JSON document that it has to be.
    ///
    /// # Panics
    /// If it is not.
    #[must_use]
    pub fn json(&self) -> Value {
        match serde_json::from_str(&self.stdout) {
            Ok(document) => document,
            Err(error) => panic!("no JSON document: {error} in {self:?}"),
        }
    }

    /// Asserts success and gives standard output as JSON.
    ///
    /// # Panics
    /// If it failed.
    #[must_use]
    pub fn success(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.json()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs a command to its end.
///
/// # Panics
/// If it cannot be started.
#[must_use]
pub fn run(command: &mut Command) -> Ran {
    match command.output() {
        Ok(output) => output.into(),
        Err(error) => panic!("{command:?}: {error}"),
    }
}

/// The mocked service over a repository and a configuration that reaches it.
pub struct Engine {
    /// The mocked service.
    pub mock: MockBitbucket,
    /// The repository that is served as [`REPO`].
    pub git: GitSandbox,
    folder: TempDir,
}

impl Engine {
    /// Serves this repository.
    #[must_use]
    pub fn serving(git: GitSandbox) -> Self {
        Self::with_faults(git, r#"{"rules": []}"#)
    }

    /// Serves this repository with faults by a plan in JSON.
    ///
    /// # Panics
    /// If the plan is wrong or the mock cannot start.
    #[must_use]
    pub fn with_faults(git: GitSandbox, plan: &str) -> Self {
        let plan = match FaultPlan::from_json(plan) {
            Ok(plan) => plan,
            Err(error) => panic!("the plan of faults: {error}"),
        };
        let started = MockBitbucket::builder()
            .repo(REPO, git.path())
            .faults(plan)
            .start();
        let (mock, folder) = match (started, TempDir::new()) {
            (Ok(mock), Ok(folder)) => (mock, folder),
            (mock, folder) => panic!("{:?} {:?}", mock.err(), folder.err()),
        };
        let engine = Self { mock, git, folder };
        if let Err(error) = write_config(&engine.mock, &engine.config()) {
            panic!("{error}");
        }
        engine
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    /// Changes the text of the configuration.
    ///
    /// # Panics
    /// If the file cannot be read or written.
    pub fn change_config(&self, change: impl FnOnce(String) -> String) {
        let changed = std::fs::read_to_string(self.config())
            .and_then(|text| std::fs::write(self.config(), change(text)));
        if let Err(error) = changed {
            panic!("{error}");
        }
    }

    /// A path in the folder of this engine.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command with these arguments, the configuration and the plugin directory.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = engine();
        command
            .args(arguments)
            .env("ENGINE_CONFIG", self.config())
            .env("ENGINE_PLUGIN_DIR", plugin_directory());
        command
    }

    /// Runs the command to its end.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        run(&mut self.command(arguments))
    }
}
