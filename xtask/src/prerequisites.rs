//! Tests that need something that is not everywhere.
//!
//! Such a test is `#[ignore]`d with its reason and stands in a module that is
//! named after what it needs. The suite adds those whose need is met; the others
//! are reported as skipped, never as passed.

use crate::command::{target_directory, workspace_directory};
use crate::postgres::{self, Server};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where Debian has the server of SSH.
const SSHD: &str = "/usr/sbin/sshd";

/// What a group of tests needs.
pub(crate) struct Prerequisite {
    /// The module of the tests.
    pub(crate) module: &'static str,
    /// Why they do not run here; `None` when they do.
    pub(crate) missing: Option<String>,
}

/// What has to be found out before the suite starts.
pub(crate) struct Found {
    pub(crate) prerequisites: Vec<Prerequisite>,
    /// Another compiler, for the tests that build with two.
    pub(crate) other_compiler: Option<PathBuf>,
    /// A database server; it ends with this.
    pub(crate) postgres: Option<Server>,
}

/// Looks for everything that tests may need.
pub(crate) fn look(full: bool) -> Found {
    let recorded = workspace_directory().join("../shared/fixtures");
    let compiler = other_compiler();
    let postgres = postgres::find();
    let prerequisites = vec![
        Prerequisite {
            module: "needs_chromium",
            missing: browser(),
        },
        Prerequisite {
            module: "needs_promtool",
            missing: match std::env::var_os("PROMTOOL") {
                Some(_) => None,
                None => missing_program("promtool", &["--version"])
                    .map(|reason| format!("{reason} (Debian's package prometheus)")),
            },
        },
        Prerequisite {
            module: "needs_full_run",
            missing: (!full).then(|| {
                "compiles whole projects or takes minutes; runs with: cargo xtask test --full"
                    .to_owned()
            }),
        },
        Prerequisite {
            module: "needs_other_compiler",
            missing: match (&compiler, full) {
                (Ok(_), true) => None,
                (Err(reason), true) => Some(reason.clone()),
                (_, false) => Some(
                    "compiles with a second compiler; runs with: cargo xtask test --full"
                        .to_owned(),
                ),
            },
        },
        Prerequisite {
            module: "needs_postgres",
            missing: postgres.as_ref().err().cloned(),
        },
        Prerequisite {
            module: "needs_mounts",
            missing: (!may_mount()).then(|| {
                "file systems cannot be mounted here: user namespaces are not allowed".to_owned()
            }),
        },
        Prerequisite {
            module: "needs_recordings",
            missing: (!recorded.is_dir()).then(|| {
                "the recorded payloads and the official description are not beside the checkout \
                 (../shared)"
                    .to_owned()
            }),
        },
        Prerequisite {
            module: "needs_git_lfs",
            missing: missing_program("git-lfs", &["version"]),
        },
        Prerequisite {
            module: "needs_curl",
            missing: missing_program("curl", &["--version"]),
        },
        Prerequisite {
            module: "needs_dpkg",
            missing: missing_program("dpkg-deb", &["--version"]),
        },
        Prerequisite {
            module: "needs_nginx",
            missing: missing_program("nginx", &["-v"]),
        },
        Prerequisite {
            module: "needs_systemd",
            missing: missing_program("systemd-analyze", &["--version"]),
        },
        Prerequisite {
            module: "needs_sshd",
            missing: (!Path::new(SSHD).exists())
                .then(|| format!("{SSHD} is not installed (package openssh-server)")),
        },
    ];
    Found {
        prerequisites,
        other_compiler: compiler.ok(),
        postgres: postgres.ok(),
    }
}

/// What of a browser is missing, for the tests that look at pages as a person does.
fn browser() -> Option<String> {
    let missing = ["chromium", "chromedriver"]
        .into_iter()
        .find_map(|program| missing_program(program, &["--version"]));
    if let Some(reason) = missing {
        return Some(format!(
            "{reason} (Debian's packages chromium and chromium-driver)"
        ));
    }
    let fetched = target_directory().join("axe/node_modules/axe-core/axe.min.js");
    let axe = std::env::var_os("AXE_CORE").map_or(fetched, PathBuf::from);
    (!axe.is_file()).then(|| {
        "there is no axe-core (npm install --prefix target/axe axe-core), and AXE_CORE names none"
            .to_owned()
    })
}

/// Why a program cannot be started; `None` when it can, also from where only
/// administrators look for programs.
fn missing_program(program: &str, arguments: &[&str]) -> Option<String> {
    let path = std::env::var("PATH").unwrap_or_default();
    let started = Command::new(program)
        .args(arguments)
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .output();
    let starts = started.is_ok_and(|output| output.status.success());
    (!starts).then(|| format!("{program} is not installed"))
}

/// Whether a small file system can be mounted where only its mounter sees it.
fn may_mount() -> bool {
    let words = "mount -t tmpfs -o size=64k small /mnt";
    Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", words])
        .output()
        .is_ok_and(|output| output.status.success())
}

/// The compiler of `OTHER_RUSTC`, the one that the gate unpacked, or the system's.
fn other_compiler() -> Result<PathBuf, String> {
    let own = version_of(Path::new("rustc")).unwrap_or_default();
    let named = std::env::var_os("OTHER_RUSTC").map(PathBuf::from);
    let candidates = named.map_or_else(
        || {
            vec![
                target_directory().join("debian-13/rustc"),
                PathBuf::from("/usr/bin/rustc"),
            ]
        },
        |named| vec![named],
    );
    candidates
        .into_iter()
        .find(|candidate| {
            version_of(candidate)
                .is_some_and(|version| version != own && numbers(&version) >= Some((1, 85)))
        })
        .ok_or_else(|| {
            "there is no second Rust compiler of 1.85 or newer; set OTHER_RUSTC to one".to_owned()
        })
}

fn version_of(compiler: &Path) -> Option<String> {
    let output = Command::new(compiler)
        .arg("--version")
        .env_remove("RUSTUP_TOOLCHAIN")
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// The first two numbers of `rustc 1.85.1 (…)`.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split_whitespace().nth(1)?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compiler_says_its_version_in_its_second_word() {
        assert_eq!(
            numbers("rustc 1.85.1 (4eb161250 2025-03-15)"),
            Some((1, 85))
        );
        assert_eq!(numbers("rustc"), None);
        assert_eq!(numbers(""), None);
    }

    #[test]
    fn a_short_run_names_the_way_to_what_it_leaves_out() {
        let found = look(false);
        let reasons: Vec<_> = found
            .prerequisites
            .iter()
            .filter(|need| ["needs_full_run", "needs_other_compiler"].contains(&need.module))
            .filter_map(|need| need.missing.as_deref())
            .collect();
        assert_eq!(reasons.len(), 2);
        assert!(reasons.iter().all(|reason| reason.contains("--full")));
    }
}
