//! What git sees of the machine: where programs are, and how the network is
//! reached. Everything else begins from nothing, so that a checkout is the same
//! on every machine and nothing of the machine runs in it.

use super::network::GitNetwork;
use std::ffi::OsString;
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

/// How the environment says to reach the network. Taken over only where no
/// proxy is configured, which then counts for every address.
pub(super) const PROXY_VARIABLES: &[&str] = &[
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
];

/// The hosts that the environment excludes from its proxy.
pub(super) const NO_PROXY_VARIABLES: &[&str] = &["no_proxy", "NO_PROXY"];

/// Where there is nothing, neither a file nor a directory.
const NOTHING: &str = "/dev/null";

/// Git's settings for one process. They reach it by its environment, so that
/// its own children have them as well.
pub(super) struct Settings(Vec<(String, String)>);

impl Settings {
    /// The settings of every command in this directory.
    pub(super) fn isolated(directory: &Path) -> Self {
        let mut settings = Self(Vec::new());
        for (key, value) in [
            // An empty value drops the helpers of the machine.
            ("credential.helper", ""),
            ("core.askPass", ""),
            ("core.hooksPath", NOTHING),
            ("init.templateDir", ""),
            // Nothing goes on in the background after the command.
            ("gc.auto", "0"),
            ("maintenance.auto", "false"),
            // A connection on which nothing moves is given up.
            ("http.lowSpeedLimit", "1"),
            ("http.lowSpeedTime", "120"),
            ("advice.detachedHead", "false"),
            ("log.showSignature", "false"),
        ] {
            settings.set(key, value);
        }
        // A workspace may belong to another user. This directory alone is
        // trusted, which the caller has named.
        if let Some(path) = directory
            .canonicalize()
            .ok()
            .and_then(|path| path.to_str().map(str::to_owned))
        {
            settings.set("safe.directory", path);
        }
        settings
    }

    pub(super) fn set(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.0.push((key.into(), value.into()));
    }

    pub(super) fn apply(&self, command: &mut Command) {
        command.env("GIT_CONFIG_COUNT", self.0.len().to_string());
        for (index, (key, value)) in self.0.iter().enumerate() {
            command
                .env(format!("GIT_CONFIG_KEY_{index}"), key)
                .env(format!("GIT_CONFIG_VALUE_{index}"), value);
        }
    }
}

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
    match network {
        Some(network) => network.apply(command),
        None => GitNetwork::default().apply(command),
    }
}

/// Those of these variables that the engine has.
pub(super) fn inherited(names: &[&'static str]) -> Vec<(&'static str, OsString)> {
    let seen = |name: &&'static str| Some((*name, std::env::var_os(name)?));
    names.iter().filter_map(seen).collect()
}

#[cfg(test)]
mod tests {
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
