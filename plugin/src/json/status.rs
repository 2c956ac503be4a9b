//! Build statuses: of the API as typed objects, of deliveries as JSON.

use super::tree::Json;
use super::{CommitRef, hash_at, is_hash_like, pointer, present};
use crate::json::time::milliseconds;
use crate::pages::ListItem;
use serde::Deserialize;
use vcs_provider_interface::prelude::{BuildState, Status as StatusRecord};

/// A build status.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Status {
    pub(crate) uuid: Option<String>,
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
            "uuid,",
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

impl ListItem for Status {
    fn id(&self) -> Option<&str> {
        // Not the key: two apps may use the same.
        self.uuid.as_deref()
    }
}

impl Status {
    /// The status as the interface has it. `commit` is what was asked for, in
    /// case that the response does not name it.
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
            ..Default::default()
        }
    }
}

/// Reads a build status. `None` without a key and without a commit.
///
/// Edge: the commit of a status event is a bare hash, often only as the last
/// part of a link; its branch, author and message are not delivered.
pub(crate) fn status(value: &Json<'_>) -> Option<StatusRecord> {
    let key = pointer::text_or_empty(value, "/key");
    let commit = hash_at(value, "/commit/hash")
        .or_else(|| pointer::text(value, "/links/commit/href").and_then(hash_in_link))
        .or_else(|| pointer::text(value, "/links/self/href").and_then(hash_in_link))
        .unwrap_or_default()
        .to_owned();
    if key.is_empty() && commit.is_empty() {
        return None;
    }
    let service_state = pointer::text_or_empty(value, "/state");
    Some(StatusRecord {
        name: pointer::text(value, "/name").unwrap_or(&key).to_owned(),
        key,
        state: engine_state(&service_state),
        service_state,
        url: pointer::text_or_empty(value, "/url"),
        description: pointer::text_or_empty(value, "/description"),
        ref_name: pointer::text(value, "/refname").map(str::to_owned),
        commit,
        created_at: pointer::time(value, "/created_on"),
        updated_at: pointer::time(value, "/updated_on"),
        ..Default::default()
    })
}

/// The engine's state that is nearest to the service's word.
pub(crate) fn engine_state(service_state: &str) -> BuildState {
    match service_state {
        "SUCCESSFUL" => BuildState::SUCCESS,
        "FAILED" | "ERROR" => BuildState::FAIL,
        "STOPPED" => BuildState::STOPPED,
        _ => BuildState::BUILDING,
    }
}

/// The segment after `commit` or `commits` in a link.
fn hash_in_link(link: &str) -> Option<&str> {
    let mut segments = link.split(['/', '?', '#']);
    segments.find(|segment| matches!(*segment, "commit" | "commits"))?;
    segments.next().filter(|hash| is_hash_like(hash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::tree as json;

    /// Situation `commit-status-event`.
    #[test]
    fn the_hash_of_a_status_is_found_in_its_link() {
        let read = status(&json!({
            "key": "unit", "state": "FAILED", "url": "https://ci.example.org/1",
            "links": { "commit": { "href": "https://api.bitbucket.org/2.0/repositories/t/r/commit/0a1b2c3d" } }
        }))
        .expect("a status");
        assert_eq!(read.commit, "0a1b2c3d");
        assert_eq!((&*read.key, &*read.name), ("unit", "unit"));
        assert_eq!(
            (read.state, &*read.service_state),
            (BuildState::FAIL, "FAILED")
        );
        assert_eq!(status(&json!({ "state": "FAILED" })), None);
    }
}
