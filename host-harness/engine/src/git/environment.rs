//! How settings and the engine's own variables reach git: the pieces that
//! `isolation` and `network` put together.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

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
pub(super) const NOTHING: &str = "/dev/null";

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

/// Those of these variables that the engine has.
pub(super) fn inherited(names: &[&'static str]) -> Vec<(&'static str, OsString)> {
    let seen = |name: &&'static str| Some((*name, std::env::var_os(name)?));
    names.iter().filter_map(seen).collect()
}
