//! Commits.

use super::{Links, RawAuthor, null_as_empty, present};
use crate::pages::Listed;
use crate::time::milliseconds;
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
            $crate::wire::account_fields!($($at)+ "author.user."), ",",
            $($at,)+ "parents.hash,",
            $($at,)+ "links.html.href"
        )
    };
}
pub(crate) use commit_fields;

impl Listed for Commit {
    fn identity(&self) -> Option<&str> {
        self.hash.as_deref()
    }
}

impl Commit {
    /// The commit as the interface has it.
    pub(crate) fn into_record(self) -> CommitRecord {
        CommitRecord {
            id: self.hash.unwrap_or_default(),
            author_timestamp: milliseconds(self.date.as_deref()).unwrap_or_default(),
            author: self.author.unwrap_or_default().into_author(),
            message: self.message.unwrap_or_default(),
            url: Links::html(self.links),
            parents: hashes(self.parents),
            extra: Vec::new(),
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

/// Whether a text is a whole hash.
pub(crate) fn is_full_hash(text: &str) -> bool {
    text.len() == 40 && is_hash(text)
}

/// Whether a text is a hash, whole or shortened.
pub(crate) fn is_hash(text: &str) -> bool {
    (4..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
