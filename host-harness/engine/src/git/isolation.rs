//! What git sees of the machine: where programs are, and how the network is
//! reached. Everything else begins from nothing, so that a checkout is the same
//! on every machine and nothing of the machine runs in it.

use super::environment::{NOTHING, inherited};
use super::network::{GitNetwork, Relays};
use std::path::Path;
use std::process::Command;

/// What is taken over from the engine's environment.
const INHERITED: &[&str] = &[
    "PATH",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Gives a command the environment that git sees.
pub(super) fn isolate(command: &mut Command, directory: &Path, network: Option<&GitNetwork>) {
    command.env_clear();
    command.envs(inherited(INHERITED));
    command
        .env("LC_ALL", "C")
        // No `.netrc`, no `.ssh`, no configuration.
        .env("HOME", NOTHING)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", NOTHING)
        .env("GIT_ATTR_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_ASKPASS", "")
        .env("SSH_ASKPASS", "")
        .env("GIT_ALLOW_PROTOCOL", "http:https")
        // Also for programs that do not ask git, such as git-lfs.
        .env("GIT_SSH_COMMAND", "false");
    // The directory's own repository counts, not one further up.
    if let Some(parent) = directory.parent() {
        command.env("GIT_CEILING_DIRECTORIES", parent);
    }
    let none = Relays::default();
    match network {
        Some(network) => network.apply(command, &none),
        None => GitNetwork::default().apply(command, &none),
    }
}

#[cfg(test)]
mod tests {
    use super::super::environment::Settings;
    use super::*;

    fn environment(directory: &Path) -> Vec<String> {
        let mut command = Command::new("env");
        isolate(&mut command, directory, None);
        Settings::isolated(directory).apply(&mut command);
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn git_s_own_list_of_variables_of_a_repository_is_dropped() {
        let list = Command::new("git")
            .args(["rev-parse", "--local-env-vars"])
            .output()
            .unwrap();
        let list = String::from_utf8(list.stdout).unwrap();
        assert!(list.lines().count() > 10, "{list}");
        let seen = environment(Path::new("/tmp"));
        for name in list.lines().filter(|name| *name != "GIT_CONFIG_COUNT") {
            let start = format!("{name}=");
            assert!(!seen.iter().any(|line| line.starts_with(&start)), "{name}");
        }
    }

    #[test]
    fn the_directory_alone_is_trusted() {
        let seen = environment(Path::new("/tmp"));
        assert!(seen.iter().any(|line| line.ends_with("=safe.directory")));
        assert!(seen.iter().any(|line| line.ends_with("=/tmp")));
        assert!(!seen.iter().any(|line| line.ends_with("=*")));
    }
}
