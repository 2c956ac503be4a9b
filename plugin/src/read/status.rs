//! Build statuses as deliveries hold them.

use super::{hash_at, is_hash_like, json};
use serde_json::Value;
use vcs_provider_interface::prelude::*;

/// Reads a build status. `None` without a key and without a commit.
///
/// Edge: the commit of a status event is a bare hash, often only as the last
/// part of a link; its branch, author and message are not delivered.
pub(crate) fn status(value: &Value) -> Option<Status> {
    let key = json::text_or_empty(value, "/key");
    let commit = hash_at(value, "/commit/hash")
        .or_else(|| json::text(value, "/links/commit/href").and_then(hash_in_link))
        .or_else(|| json::text(value, "/links/self/href").and_then(hash_in_link))
        .unwrap_or_default()
        .to_owned();
    if key.is_empty() && commit.is_empty() {
        return None;
    }
    let service_state = json::text_or_empty(value, "/state");
    Some(Status {
        name: json::text(value, "/name").unwrap_or(&key).to_owned(),
        key,
        state: engine_state(&service_state),
        service_state,
        url: json::text_or_empty(value, "/url"),
        description: json::text_or_empty(value, "/description"),
        ref_name: json::text(value, "/refname").map(str::to_owned),
        commit,
        created_at: json::time(value, "/created_on"),
        updated_at: json::time(value, "/updated_on"),
        extra: Vec::new(),
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
    use serde_json::json;

    #[test]
    fn e49_the_hash_of_a_status_is_found_in_its_link() {
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
