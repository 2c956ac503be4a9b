//! Build statuses.

use super::{CommitRef, present};
use crate::pages::Listed;
use crate::read::engine_state;
use crate::time::milliseconds;
use serde::Deserialize;
use vcs_provider_interface::prelude::Status as StatusRecord;

/// A build status.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Status {
    #[serde(deserialize_with = "present")]
    pub(crate) key: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) refname: Option<String>,
    pub(crate) commit: Option<CommitRef>,
    pub(crate) created_on: Option<String>,
    pub(crate) updated_on: Option<String>,
}

/// The fields of [`Status`].
macro_rules! status_fields {
    ($at:literal) => {
        concat!(
            $at,
            "key,",
            $at,
            "name,",
            $at,
            "state,",
            $at,
            "url,",
            $at,
            "description,",
            $at,
            "refname,",
            $at,
            "commit.hash,",
            $at,
            "created_on,",
            $at,
            "updated_on"
        )
    };
}
pub(crate) use status_fields;

impl Listed for Status {
    fn identity(&self) -> Option<&str> {
        self.key.as_deref()
    }
}

impl Status {
    /// The status as the interface has it. `commit` is what was asked for, in
    /// case that the answer does not name it.
    pub(crate) fn into_record(self, commit: &str) -> StatusRecord {
        let service_state = self.state.unwrap_or_default();
        StatusRecord {
            key: self.key.unwrap_or_default(),
            name: self.name.unwrap_or_default(),
            state: engine_state(&service_state),
            service_state,
            url: self.url.unwrap_or_default(),
            description: self.description.unwrap_or_default(),
            ref_name: self.refname.filter(|name| !name.is_empty()),
            commit: self
                .commit
                .and_then(|commit| commit.hash)
                .unwrap_or_else(|| commit.to_owned()),
            created_at: milliseconds(self.created_on.as_deref()),
            updated_at: milliseconds(self.updated_on.as_deref()),
            extra: Vec::new(),
        }
    }
}
