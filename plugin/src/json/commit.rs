//! Commits: of the API as typed objects, of deliveries as JSON.

use super::account::git_author;
use super::tree::Json;
use super::{Links, RawAuthor, hash_at, null_as_empty, pointer, present};
use crate::json::time::milliseconds;
use crate::pages::ListItem;
use serde::Deserialize;
use vcs_provider_interface::prelude::Commit as CommitRecord;

/// A commit that is only named.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct CommitRef {
    #[serde(deserialize_with = "present")]
    pub(crate) hash: Option<String>,
}

/// A commit.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Commit {
    #[serde(deserialize_with = "present")]
    pub(crate) hash: Option<String>,
    pub(crate) date: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) author: Option<RawAuthor>,
    #[serde(default, deserialize_with = "null_as_empty")]
    pub(crate) parents: Vec<CommitRef>,
    pub(crate) links: Option<Links>,
}

/// The fields of [`Commit`].
macro_rules! commit_fields {
    ($($at:literal)+) => {
        concat!(
            $($at,)+ "hash,",
            $($at,)+ "date,",
            $($at,)+ "message,",
            $($at,)+ "author.raw,",
            $crate::json::account_fields!($($at)+ "author.user."), ",",
            $($at,)+ "parents.hash,",
            $($at,)+ "links.html.href"
        )
    };
}
pub(crate) use commit_fields;

impl ListItem for Commit {
    fn id(&self) -> Option<&str> {
        self.hash.as_deref()
    }
}

impl Commit {
    /// The commit as the interface has it.
    pub(crate) fn into_record(self) -> CommitRecord {
        CommitRecord {
            id: self.hash.unwrap_or_default(),
            author_timestamp: milliseconds(self.date.as_deref()),
            author: self.author.unwrap_or_default().into_author(),
            message: self.message.unwrap_or_default(),
            url: Links::html(self.links),
            parents: hashes(self.parents),
            ..Default::default()
        }
    }
}

/// The hashes of named commits.
pub(super) fn hashes(commits: Vec<CommitRef>) -> Vec<String> {
    commits
        .into_iter()
        .filter_map(|commit| commit.hash)
        .collect()
}

/// Reads a commit. `None` without a hash.
pub(crate) fn commit(value: &Json<'_>) -> Option<CommitRecord> {
    let id = hash_at(value, "/hash")?.to_owned();
    Some(CommitRecord {
        id,
        author_timestamp: pointer::time(value, "/date"),
        author: value.get("author").map(git_author).unwrap_or_default(),
        message: pointer::text(value, "/message")
            .or_else(|| pointer::text(value, "/summary/raw"))
            .unwrap_or_default()
            .to_owned(),
        url: pointer::text_or_empty(value, "/links/html/href"),
        parents: pointer::items(value, "/parents")
            .iter()
            .filter_map(|parent| hash_at(parent, "/hash"))
            .map(str::to_owned)
            .collect(),
        ..Default::default()
    })
}
