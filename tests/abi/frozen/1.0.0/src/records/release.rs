//! Releases and their files.

use super::Extra;
use crate::value::record;

record! {
    /// A release to make: an annotated tag.
    pub struct ReleaseRequest / ReleaseRequestAbi {
        /// The full name of the repository.
        pub repo: String,
        /// The name of the tag; a present one of the same commit is used.
        pub tag: String,
        /// The full hash of the commit; `None` needs a present tag.
        pub commit: Option<String>,
        /// The title.
        pub title: String,
        /// The notes.
        pub notes: String,
    }

    /// A release.
    pub struct Release / ReleaseAbi {
        /// The name of the tag.
        pub tag: String,
        /// The full hash of the commit.
        pub commit: String,
        /// The web page.
        pub url: String,
        /// Where files are uploaded, for people.
        pub upload_url: String,
        /// Further facts.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub extra: Extra,
    }

    /// A file to upload for a release.
    pub struct UploadReleaseFileRequest / UploadReleaseFileRequestAbi {
        /// The full name of the repository.
        pub repo: String,
        /// The name of the release's tag.
        pub tag: String,
        /// The name of the file; a present one of this name is replaced.
        pub name: String,
        /// The length in bytes, where known.
        pub length: Option<u64>,
    }

    /// An uploaded file.
    pub struct ReleaseFile / ReleaseFileAbi {
        /// The name.
        pub name: String,
        /// The length in bytes.
        pub length: u64,
        /// Where it can be downloaded.
        pub url: String,
    }
}
