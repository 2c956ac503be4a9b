//! Arguments of `engine plugins`.

use super::{DirectoryArguments, FormArguments};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Look at plugins, install them, or begin a new one.
#[derive(Args, Debug)]
pub struct PluginsArguments {
    /// Where plugins are.
    #[command(flatten)]
    pub directory: DirectoryArguments,
    /// The form of what is printed.
    #[command(flatten)]
    pub form: FormArguments,
    /// What to do.
    #[command(subcommand)]
    pub command: PluginsCommand,
}

/// What to do with plugins.
#[derive(Subcommand, Debug)]
pub enum PluginsCommand {
    /// List the plugins of the directory, rejected ones with the reason
    List,
    /// Check whether a plugin can be loaded, by loading it
    Check {
        /// The plugin.
        file: PathBuf,
    },
    /// Install a plugin in place of the one of its type; that one is kept
    Install {
        /// The plugin, with its manifest beside it.
        file: PathBuf,
    },
    /// Put the plugin back that `install` replaced
    Rollback {
        /// The provider type, such as `bitbucketcloud`.
        #[arg(value_name = "TYPE")]
        provider_type: String,
    },
    /// Write the source of a new provider, which compiles and conforms as it is
    New {
        /// The name of the provider and its type: lower-case letters, digits, `-`.
        name: String,
        /// Where to write it; `vcs-NAME` if it is left out.
        #[arg(long, value_name = "DIR")]
        directory: Option<PathBuf>,
        /// The directory of the package vcs-provider-interface. Without it, the
        /// published version 1.
        #[arg(long, value_name = "DIR")]
        interface: Option<PathBuf>,
    },
    /// Write the manifest of a plugin that you trust as it is
    Pin {
        /// The plugin.
        file: PathBuf,
    },
    /// Sign the manifest of a plugin, for engines that trust your key
    Sign {
        /// The secret key, as `minisign -G` writes it.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The environment variable that holds the key's password; not needed
        /// for a key without one.
        #[arg(long, value_name = "NAME")]
        password_env: Option<String>,
        /// The plugin.
        file: PathBuf,
    },
}
