//! What hangs on repositories and commits: hooks, statuses, reports, files.

use hyper::body::Bytes;
use serde_json::{Map, Value};

use crate::model::tokens::Secret;

/// A subscription.
#[derive(Clone, Debug)]
pub(crate) struct Hook {
    /// With braces.
    pub(crate) uuid: String,
    pub(crate) description: String,
    pub(crate) url: String,
    pub(crate) active: bool,
    pub(crate) skip_cert_verification: bool,
    pub(crate) events: Vec<String>,
    pub(crate) secret: Option<Secret>,
    pub(crate) created_at: String,
}

/// One build status.
#[derive(Clone, Debug)]
pub(crate) struct BuildStatus {
    pub(crate) key: String,
    pub(crate) state: String,
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) description: String,
    pub(crate) refname: Option<String>,
    pub(crate) created_on: String,
    pub(crate) updated_on: String,
}

/// A report and its annotations.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) uuid: String,
    pub(crate) external_id: String,
    /// What the caller said, as it is shown again.
    pub(crate) content: Map<String, Value>,
    pub(crate) created_on: String,
    pub(crate) updated_on: String,
    pub(crate) annotations: Vec<Annotation>,
}

impl Report {
    /// Whether the report goes by this identifier.
    pub(crate) fn is(&self, id: &str) -> bool {
        self.external_id == id || self.uuid == id
    }
}

/// A remark on a line of a file.
#[derive(Clone, Debug)]
pub(crate) struct Annotation {
    pub(crate) uuid: String,
    pub(crate) external_id: String,
    /// What the caller said, as it is shown again.
    pub(crate) content: Map<String, Value>,
    pub(crate) created_on: String,
    pub(crate) updated_on: String,
}

/// One file.
#[derive(Clone, Debug)]
pub(crate) struct Download {
    pub(crate) name: String,
    pub(crate) content: Bytes,
    /// The uuid of the account that uploaded it.
    pub(crate) user: String,
    pub(crate) downloads: u64,
    pub(crate) created_on: String,
}

/// Somebody who is asked to review every pull request of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DefaultReviewer {
    /// The account's uuid.
    pub(crate) user: String,
    /// Whether the project asks for it, and not the repository.
    pub(crate) from_project: bool,
}
