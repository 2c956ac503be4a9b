//! Clients of other people, which tests run against the mock: installed once, from
//! the registries of Python and Node.

use crate::command::target_directory;
use crate::prerequisites::Prerequisite;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where a client is installed. `tests/tests/third_party` looks there.
fn place(name: &str) -> PathBuf {
    target_directory().join("tmp").join(name)
}

/// Installs what is not there yet.
pub(crate) fn install() -> Vec<Prerequisite> {
    vec![
        Prerequisite {
            module: "needs_python_client",
            missing: python_client(&place("python")).err(),
        },
        Prerequisite {
            module: "needs_node_client",
            missing: node_client(&place("node")).err(),
        },
    ]
}

fn python_client(environment: &Path) -> Result<(), String> {
    let python = environment.join("bin/python");
    let imports = || succeeds(Command::new(&python).args(["-c", "import atlassian.bitbucket"]));
    if imports() {
        return Ok(());
    }
    let mut make = Command::new("python3");
    if !succeeds(make.args(["-m", "venv"]).arg(environment)) {
        return Err("python3 with its module venv is not installed".to_owned());
    }
    let pip = ["-m", "pip", "install", "--quiet", "--retries", "0"];
    succeeds(Command::new(&python).args(pip).args([
        "--timeout",
        "10",
        "atlassian-python-api==5.0.5",
    ]));
    if imports() {
        Ok(())
    } else {
        Err("atlassian-python-api cannot be installed with pip".to_owned())
    }
}

fn node_client(directory: &Path) -> Result<(), String> {
    let requires = || {
        succeeds(
            Command::new("node")
                .current_dir(directory)
                .args(["-e", "require('bitbucket')"]),
        )
    };
    std::fs::create_dir_all(directory).map_err(|error| error.to_string())?;
    if requires() {
        return Ok(());
    }
    if !succeeds(Command::new("npm").arg("--version")) {
        return Err("node with npm is not installed".to_owned());
    }
    let npm = ["install", "--silent", "--no-audit", "--fetch-retries=0"];
    succeeds(
        Command::new("npm")
            .current_dir(directory)
            .args(npm)
            .args(["--fetch-timeout=10000", "bitbucket@2.12.0"]),
    );
    if requires() {
        Ok(())
    } else {
        Err("the package bitbucket cannot be installed with npm".to_owned())
    }
}

fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
    quiet
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
