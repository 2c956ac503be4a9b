//! What an event is about, as a text: events of one subject are worked on in
//! their order.

/// The subject of a branch.
#[must_use]
pub fn branch_subject(name: &str) -> String {
    format!("branch:{name}")
}

/// The subject of a tag.
#[must_use]
pub fn tag_subject(name: &str) -> String {
    format!("tag:{name}")
}

/// The subject of a pull request.
#[must_use]
pub fn pull_request_subject(id: u64) -> String {
    format!("pull_request:{id}")
}

/// The subject of a commit.
#[must_use]
pub fn commit_subject(hash: &str) -> String {
    format!("commit:{hash}")
}
