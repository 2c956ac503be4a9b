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
        let config: Self = toml::from_str(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            VcsError::config_text(text, offset, error.message())
        })?;
        if !config.root.is_absolute() {
            return Err(VcsError::config(
                "root",
                format!("it must be an absolute path, not {:?}", config.root),
            ));
        }
        Ok(config)
    }
}
