//! Another Rust compiler than the one that built the tests, where there is one.

use crate::libraries::workspace_folder;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use vcs_provider_interface::info::COMPILER;

/// Another compiler.
pub struct OtherCompiler {
    /// Its program.
    pub program: PathBuf,
    /// Its version in its own words.
    pub version: String,
}

impl OtherCompiler {
    /// The compiler of the environment variable `OTHER_RUSTC`, which `cargo xtask
    /// test --full` sets, or the system's beside rustup's.
    ///
    /// # Panics
    /// If there is none. Tests that call this are ignored in runs that lack one.
    #[must_use]
    pub fn present() -> Self {
        match Self::find() {
            Ok(found) => found,
            Err(reason) => panic!("{reason}; set OTHER_RUSTC to another compiler"),
        }
    }

    fn find() -> Result<Self, String> {
        let program = std::env::var_os("OTHER_RUSTC")
            .map_or_else(|| PathBuf::from("/usr/bin/rustc"), PathBuf::from);
        let shown = program.display();
        match version_of(&program) {
            Some(version) if version == COMPILER => Err(format!("{shown} is {COMPILER} as well")),
            Some(version) => Ok(Self { program, version }),
            None => Err(format!("there is no {shown}")),
        }
    }

    /// The library of a package of this workspace, built by this compiler into a
    /// target folder of its own, which is kept between runs.
    ///
    /// # Panics
    /// If it cannot be built, with cargo's words: a test cannot go on.
    #[must_use]
    pub fn library(&self, package: &str) -> PathBuf {
        let target = workspace_folder().join("target/other-compiler");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let output = Command::new(cargo)
            .args([
                "build",
                "--locked",
                "--quiet",
                "--lib",
                "--package",
                package,
            ])
            .arg("--target-dir")
            .arg(&target)
            .current_dir(workspace_folder())
            .env("RUSTC", &self.program)
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("RUSTFLAGS")
            .stdin(Stdio::null())
            .output();
        match output {
            Ok(output) if output.status.success() => {}
            Ok(output) => panic!("{}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => panic!("cargo cannot be started: {error}"),
        }
        target.join(format!("debug/lib{}.so", package.replace('-', "_")))
    }
}

fn version_of(compiler: &Path) -> Option<String> {
    let output = Command::new(compiler).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
