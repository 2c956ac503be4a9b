//! Bitbucket Cloud's objects: one file for each, with all that reads it.
//!
//! The API's objects are typed: everything optional that the service may leave
//! out or set to null, nothing read that is not used. Each type comes with the
//! list of its fields for `fields=`, beside the type, so that what is asked for
//! and what is read stay together. The macros take the path to the object,
//! empty or ending in a dot.
//!
//! Deliveries are read tolerantly through [`mod@pointer`], because they leave out
//! what the API gives, old ones have other fields than new ones, and a missing
//! detail must not cost the event. What comes from the API and is read in that
//! way goes through [`StrictJson`] first, which is strict.
//!
//! Knows no event keys and sends no requests.

mod account;
mod comment;
mod commit;
mod hash;
mod hook;
mod item;
pub(crate) mod pointer;
mod pull_request;
mod refs;
mod repository;
mod status;
mod strict;
pub(crate) mod time;
mod tree;

pub(crate) use account::{Account, RawAuthor, account, account_fields};
pub(crate) use comment::comment;
pub(crate) use commit::{Commit, CommitRef, commit, commit_fields};
pub(crate) use hash::{hash_at, is_full_hash, is_hash, is_hash_like};
pub(crate) use hook::{Hook, hook_fields};
pub(crate) use item::Item;
pub(crate) use pull_request::{listed_pull_request_fields, pull_request};
pub(crate) use refs::{Branch, Tag, branch_fields, tag_fields};
pub(crate) use repository::{
    MainBranchOnly, Repository, Workspace, WorkspaceMembership, event_repository, named_by_links,
    repository_fields, workspace_membership_fields,
};
pub(crate) use status::{Status, status, status_fields};
pub(crate) use strict::StrictJson;
pub(crate) use tree::Json;
#[cfg(test)]
pub(crate) use tree::{tree, tree_of};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A required text: not missing, not null, not empty.
/// Without it every object of JSON would be read as a branch without name.
pub(crate) fn present<'de, D>(deserializer: D) -> Result<Option<String>, D::Error>
where
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Err(D::Error::invalid_length(0, &"a text that is not empty"));
    }
    Ok(Some(text))
}

/// An object that must be there, as [`present`] for texts.
pub(crate) fn present_object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// A list that may be null.
pub(crate) fn null_as_empty<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A link of a `links` table.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Link {
    pub(crate) href: Option<String>,
}

/// The links that are used.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Links {
    pub(crate) html: Option<Link>,
    pub(crate) avatar: Option<Link>,
}

impl Links {
    /// The address of the web page, or nothing.
    pub(crate) fn html(links: Option<Self>) -> String {
        links
            .and_then(|links| links.html)
            .and_then(|link| link.href)
            .unwrap_or_default()
    }

    /// The address of the picture, or nothing.
    pub(crate) fn avatar(links: Option<Self>) -> String {
        links
            .and_then(|links| links.avatar)
            .and_then(|link| link.href)
            .unwrap_or_default()
    }
}
