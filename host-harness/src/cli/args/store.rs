//! The arguments of `engine store`.

use super::DirectoryArguments;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What the engine keeps.
#[derive(Args, Debug)]
pub struct StoreArguments {
    /// Where the configuration is.
    #[command(flatten)]
    pub directory: DirectoryArguments,
    /// What to do.
    #[command(subcommand)]
    pub command: StoreCommand,
}

/// What to do with the store.
#[derive(Subcommand, Debug)]
pub enum StoreCommand {
    /// Open the store, try the key on what is sealed in it, and say how it stands
    Check,
    /// Bring the store to the newest schema, before engines of this version start
    Migrate,
    /// Write a consistent copy of the file while engines go on using it
    Backup {
        /// The file to write; it must not be there yet.
        file: PathBuf,
    },
    /// The key that secrets are sealed with
    #[command(subcommand)]
    Key(KeyCommand),
    /// Copy a store file into the empty database of `store.url`; no engine may run
    Copy {
        /// The file to copy, such as /var/lib/engine/engine.sqlite.
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
    },
}

/// What to do with the key.
#[derive(Subcommand, Debug)]
pub enum KeyCommand {
    /// Seal everything with the key of `store.keyFile` that is sealed with that of
    /// `store.oldKeyFile`; engines may run if they have both
    Rotate,
}
