//! The configuration of a server.

use serde::Deserialize;
use std::path::PathBuf;
use vcs_provider_interface::prelude::*;

/// The configuration of a server; unknown keys are errors.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The folder of the repositories: `WORKSPACE/NAME.git`, bare.
    pub(crate) root: PathBuf,
}

impl Config {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let wrong = |message: String| VcsError::new(ErrorKind::CONFIG, message);
        let config: Self =
            toml::from_str(text).map_err(|error| wrong(error.message().to_owned()))?;
        if !config.root.is_absolute() {
            return Err(wrong(format!(
                "the key `root` must be an absolute path, not {:?}",
                config.root
            )));
        }
        Ok(config)
    }
}
