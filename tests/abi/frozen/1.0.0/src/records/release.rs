//! Releases and their files.

use crate::abi::record;

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
        /// Whether it is not ready for production, where the service has a mark
        /// for that.
        pub prerelease: Option<bool>,
    }

    /// A release.
    pub struct Release / ReleaseAbi {
        /// The service's id; empty where it has none.
        pub id: String,
        /// The name of the tag.
        pub tag: String,
        /// The full hash of the commit.
        pub commit: String,
        /// The web page.
        pub url: String,
        /// Where files are uploaded, for people.
        pub upload_url: String,
    }

    /// A file to upload for a release.
    pub struct UploadReleaseFileRequest / UploadReleaseFileRequestAbi {
        /// The full name of the repository.
        pub repo: String,
        /// The name of the release's tag.
        pub tag: String,
        /// The service's id of the release, where the engine has it.
        pub release_id: Option<String>,
        /// The name of the file; a present one of this name is replaced.
        pub name: String,
        /// The length in bytes, where known.
        pub length: Option<u64>,
        /// The media type, such as `application/gzip`; `None` leaves it to the
        /// service.
        pub content_type: Option<String>,
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
