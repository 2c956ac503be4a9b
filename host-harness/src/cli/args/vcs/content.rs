//! Operations on files, archives, releases and the checkout.

use clap::{Args, Subcommand};
use std::path::PathBuf;
use vcs_provider_interface::records::ArchiveFormat;

/// Operations on files, archives, releases and the checkout.
#[derive(Subcommand, Debug)]
pub enum ContentOperation {
    /// List the entries of a folder
    ListContent {
        /// Of which repository and commit.
        #[command(flatten)]
        at: ReferenceArguments,
        /// The folder from the root; the root if it is left out.
        #[arg(default_value = "")]
        path: String,
        /// List the folders below as well.
        #[arg(long)]
        recursive: bool,
        /// Stop after this many.
        #[arg(long, value_name = "COUNT")]
        limit: Option<u64>,
    },
    /// Fetch a file
    GetContent {
        /// Of which repository and commit.
        #[command(flatten)]
        at: ReferenceArguments,
        /// The path from the root.
        path: String,
        /// Where to write it; standard output if it is left out.
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Fetch an archive
    GetArchive {
        /// Of which repository and commit.
        #[command(flatten)]
        at: ReferenceArguments,
        /// The format: zip, tar.gz or tar.bz2.
        #[arg(long, value_name = "FORMAT", default_value = "tar.gz")]
        format: ArchiveFormat,
        /// The folder that the archive's entries stand in.
        #[arg(long, value_name = "PATH")]
        prefix: Option<String>,
        /// Where to write it; standard output if it is left out.
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Make a release
    Release {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// The name of the tag.
        tag: String,
        /// The full hash of the commit; a present tag is used if it is left out.
        #[arg(long, value_name = "HASH")]
        commit: Option<String>,
        /// The title.
        #[arg(long, value_name = "TEXT", default_value = "")]
        title: String,
        /// The notes.
        #[arg(long, value_name = "TEXT", default_value = "")]
        notes: String,
    },
    /// Upload a file of a release
    UploadReleaseFile {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
        /// The name of the release's tag.
        tag: String,
        /// The file.
        file: PathBuf,
        /// The name it gets; its own if it is left out.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// Say what is needed to clone and push; the secret is not shown
    CheckoutCredentials {
        /// The repository.
        #[arg(value_name = "WS/SLUG")]
        repo: String,
    },
}

/// A repository and a commit of it.
#[derive(Args, Debug)]
pub struct ReferenceArguments {
    /// The repository.
    #[arg(value_name = "WS/SLUG")]
    pub repo: String,
    /// A branch, tag or hash; the main branch if it is left out.
    #[arg(long = "ref", value_name = "REF")]
    pub reference: Option<String>,
}
