//! Files and archives of a commit, and what is needed to check it out.

use super::{NetworkSettings, Secrets, Timestamp};
use crate::abi::record;
use crate::open_enum::open_enum;
use crate::secret::{Secret, serialize_presence};

open_enum! {
    /// The format of an archive.
    pub enum ArchiveFormat {
        /// `.zip`
        ZIP = 0 => "zip",
        /// `.tar.gz`
        TAR_GZ = 1 => "tar.gz",
        /// `.tar.bz2`
        TAR_BZ2 = 2 => "tar.bz2",
    }
}

record! {
    /// Which folder to list.
    pub struct ListContentRequest / ListContentRequestAbi {
        /// The full name of the repository.
        pub repo: String,
        /// A branch, tag or hash; `None` means the main branch.
        pub reference: Option<String>,
        /// The folder from the root, without a leading slash; empty is the root.
        pub path: String,
        /// Whether the folders below are listed as well.
        pub recursive: bool,
        /// Stop after this many.
        pub limit: Option<u64>,
    }

    /// An entry of a folder.
    pub struct Content / ContentAbi {
        /// The last part of the path.
        pub name: String,
        /// The path from the root.
        pub path: String,
        /// Whether it is a folder.
        pub is_directory: bool,
        /// Whether it is a file (a symbolic link counts as one).
        pub is_file: bool,
        /// The length in bytes, for files where known.
        pub size: Option<u64>,
    }

    /// Which file to read.
    pub struct GetContentRequest / GetContentRequestAbi {
        /// The full name of the repository.
        pub repo: String,
        /// A branch, tag or hash; `None` means the main branch.
        pub reference: Option<String>,
        /// The path from the root.
        pub path: String,
    }

    /// Which archive to fetch.
    pub struct GetArchiveRequest / GetArchiveRequestAbi {
        /// The full name of the repository.
        pub repo: String,
        /// A branch, tag or hash; `None` means the main branch.
        pub reference: Option<String>,
        /// The format.
        pub format: ArchiveFormat,
        /// The folder that the archive's entries stand in; `None` leaves it to the service.
        pub prefix: Option<String>,
    }

    /// What was streamed.
    pub struct StreamedContent / StreamedContentAbi {
        /// The full hash of the commit it is from.
        pub commit: String,
        /// How many bytes were given.
        pub length: u64,
    }

    /// For what credentials are wanted.
    pub struct CheckoutRequest / CheckoutRequestAbi {
        /// The full name of the repository.
        pub repo: String,
        /// The number of a pull request whose refs are to be fetched as well.
        pub pull_request: Option<u64>,
        /// Whether they must allow to push.
        pub push: bool,
        /// The longest time that they are needed, in milliseconds, where the
        /// service can make short-lived ones.
        pub valid_for_ms: Option<u64>,
    }

    /// What `git` needs to clone and push.
    pub struct CheckoutCredentials / CheckoutCredentialsAbi {
        /// The clone address over HTTPS, without user and password.
        pub http_url: String,
        /// The clone address over SSH.
        pub ssh_url: String,
        /// The user name for HTTPS.
        pub username: Option<String>,
        /// The password for HTTPS: for a credential helper, never for an address
        /// or an argument.
        #[serde(serialize_with = "serialize_presence", skip_deserializing)]
        pub secret: Option<Secret>,
        /// When the secret ends; `None` where it does not end by itself.
        pub expires_at_ms: Option<Timestamp>,
        /// The refs that hold the commits of the pull request that was asked
        /// for, such as `refs/merge-requests/7/head`; empty where the service
        /// has none and the source branch must be fetched.
        pub fetch_refs: Vec<String>,
        /// The host keys of the SSH address, each a line of a `known_hosts` file.
        pub known_hosts: Vec<String>,
        /// How the service is reached.
        pub network: NetworkSettings,
        /// Further secrets: the key for the SSH address stands under
        /// [`SSH_PRIVATE_KEY`](super::secret_names::SSH_PRIVATE_KEY).
        #[serde(skip_serializing_if = "Secrets::is_empty")]
        pub secrets: Secrets,
    }
}
