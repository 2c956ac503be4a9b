//! Branches and tags.

use super::commit::hashes;
use super::{CommitRef, RawAuthor, null_as_empty, present};
use crate::json::time::milliseconds;
use crate::pages::ListItem;
use serde::Deserialize;
use vcs_provider_interface::prelude::{Branch as BranchRecord, Tag as TagRecord};

/// A branch.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Branch {
    #[serde(deserialize_with = "present")]
    pub(crate) name: Option<String>,
    pub(crate) target: Option<BranchTarget>,
}

/// The last commit of a branch.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct BranchTarget {
    #[serde(deserialize_with = "present")]
    pub(crate) hash: Option<String>,
    #[serde(default, deserialize_with = "null_as_empty")]
    pub(crate) parents: Vec<CommitRef>,
}

/// The fields of [`Branch`].
macro_rules! branch_fields {
    ($at:literal) => {
        concat!(
            $at,
            "name,",
            $at,
            "target.hash,",
            $at,
            "target.parents.hash"
        )
    };
}
pub(crate) use branch_fields;

impl ListItem for Branch {
    fn id(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl Branch {
    /// The branch as the interface has it.
    pub(crate) fn into_record(self, main_branch: Option<&str>) -> BranchRecord {
        let name = self.name.unwrap_or_default();
        let target = self.target.unwrap_or_default();
        BranchRecord {
            id: format!("refs/heads/{name}"),
            default: Some(main_branch == Some(name.as_str())),
            display_id: name,
            latest_commit: target.hash.unwrap_or_default(),
            parents: hashes(target.parents),
            ..Default::default()
        }
    }
}

/// A tag. A light one has neither message nor date nor tagger.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Tag {
    #[serde(deserialize_with = "present")]
    pub(crate) name: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) date: Option<String>,
    pub(crate) tagger: Option<RawAuthor>,
    pub(crate) target: Option<TagTarget>,
}

/// The tagged commit.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct TagTarget {
    #[serde(deserialize_with = "present")]
    pub(crate) hash: Option<String>,
    pub(crate) date: Option<String>,
    pub(crate) author: Option<RawAuthor>,
}

/// The fields of [`Tag`].
macro_rules! tag_fields {
    ($at:literal) => {
        concat!(
            $at, "name,", $at, "message,", $at, "date,", $at, "tagger.raw,",
            $crate::json::account_fields!($at "tagger.user."), ",",
            $at, "target.hash,", $at, "target.date,", $at, "target.author.raw,",
            $crate::json::account_fields!($at "target.author.user.")
        )
    };
}
pub(crate) use tag_fields;

impl ListItem for Tag {
    fn id(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl Tag {
    /// The tag as the interface has it. Bitbucket does not give the hash of
    /// the tag itself.
    pub(crate) fn into_record(self) -> TagRecord {
        let target = self.target.unwrap_or_default();
        let annotated = self.date.is_some() || self.tagger.is_some();
        let hash = target.hash.unwrap_or_default();
        TagRecord {
            tag: self.name.unwrap_or_default(),
            sha: hash.clone(),
            hash,
            message: self.message.unwrap_or_default(),
            tagger: self
                .tagger
                .or(target.author)
                .unwrap_or_default()
                .into_author(),
            timestamp: milliseconds(self.date.as_deref().or(target.date.as_deref())),
            annotated: Some(annotated),
            ..Default::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Situation `tags`.
    #[test]
    fn a_light_tag_takes_the_facts_of_its_commit() {
        let tag: Tag = serde_json::from_str(
            r#"{"name":"v1","message":null,"date":null,"tagger":null,
                "target":{"hash":"aa","date":"2020-01-01T00:00:00Z","author":{"raw":"A <a@b>"}}}"#,
        )
        .expect("the tag is read");
        let record = tag.into_record();
        assert_eq!(record.annotated, Some(false));
        assert_eq!(record.timestamp, Some(1_577_836_800_000));
        assert_eq!(record.tagger.email, "a@b");
        assert_eq!((record.message.as_str(), record.sha.as_str()), ("", "aa"));
    }

    /// Situation `tags`.
    #[test]
    fn a_tag_without_anything_is_read() {
        let tag: Tag = serde_json::from_str(r#"{"name":"v1","target":null}"#).expect("a tag");
        assert_eq!(tag.into_record().hash, "");
    }

    #[test]
    fn only_the_main_branch_is_the_default() {
        let branch = |name: &str| Branch {
            name: Some(name.to_owned()),
            target: None,
        };
        assert_eq!(branch("main").into_record(Some("main")).default, Some(true));
        assert_eq!(
            branch("main").into_record(Some("Main")).default,
            Some(false)
        );
        assert_eq!(branch("main").into_record(None).default, Some(false));
        assert_eq!(branch("a/b").into_record(None).id, "refs/heads/a/b");
    }

    #[test]
    fn the_fields_asked_for_are_those_read() {
        assert_eq!(
            branch_fields!("values."),
            "values.name,values.target.hash,values.target.parents.hash"
        );
        assert!(tag_fields!("").contains("target.author.user.account_id,"));
    }
}
