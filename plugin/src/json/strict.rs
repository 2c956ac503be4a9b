//! A response of the API as JSON, whose fields have the types they should have.
//!
//! The readers of this module take a field of another type for an absent one,
//! as deliveries need it. From the API such a field would become a pull request
//! without its title, or a renamed file that looks like a new one, so there it
//! is an error. Null and absent fields are allowed: the service leaves out a lot.

use super::tree::Json;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use std::fmt;

/// A JSON document of the API.
pub(crate) struct StrictJson(pub(crate) Json<'static>);

impl<'de> Deserialize<'de> for StrictJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Json::deserialize(deserializer)?;
        match type_mismatch(&value) {
            None => Ok(Self(value.into_owned())),
            Some((path, kind)) => Err(D::Error::custom(format_args!(
                "invalid type, expected an object whose `{path}` is {kind}"
            ))),
        }
    }
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Flag,
    Object,
    List,
    /// An object of objects; the addresses to clone from are a list.
    Links,
}

impl Kind {
    /// The type of the fields of this name, which on Bitbucket Cloud is the same
    /// wherever this provider reads them.
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "account_id"
            | "created_on"
            | "date"
            | "default_merge_strategy"
            | "description"
            | "display_name"
            | "full_name"
            | "hash"
            | "href"
            | "name"
            | "nickname"
            | "path"
            | "raw"
            | "reason"
            | "slug"
            | "state"
            | "status"
            | "task_status"
            | "title"
            | "type"
            | "updated_on"
            | "username"
            | "uuid" => Self::Text,
            "from" | "lines_added" | "lines_removed" | "size" | "to" => Self::Number,
            "deleted" | "draft" => Self::Flag,
            "author" | "branch" | "commit" | "content" | "destination" | "inline"
            | "merge_commit" | "merge_result" | "new" | "old" | "parent" | "repository"
            | "resolution" | "source" | "summary" | "target" | "user" => Self::Object,
            "attributes" | "parents" | "reviewers" | "values" => Self::List,
            "links" => Self::Links,
            _ => return None,
        })
    }

    fn fits(self, value: &Json<'_>) -> bool {
        match self {
            Self::Text => matches!(value, Json::Text(_)),
            Self::Number => matches!(value, Json::Number(_)),
            Self::Flag => matches!(value, Json::Flag(_)),
            Self::Object => value.is_object(),
            Self::List => matches!(value, Json::List(_)),
            Self::Links => value.fields().is_some_and(|links| {
                links.iter().all(|(name, link)| match &**name {
                    "clone" => matches!(link, Json::List(_) | Json::Null),
                    _ => matches!(link, Json::Object(_) | Json::Null),
                })
            }),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Text => "a string",
            Self::Number => "a number",
            Self::Flag => "true or false",
            Self::Object => "an object",
            Self::List => "an array",
            Self::Links => "an object of links",
        })
    }
}

/// The first field of another type than it should have: its path and that type.
/// What has a name that is not read is not looked into: `rendered.title` of a
/// pull request is an object, and `title` a text.
fn type_mismatch(value: &Json<'_>) -> Option<(String, Kind)> {
    match value {
        Json::Object(fields) => fields
            .iter()
            .filter_map(|(name, field)| Some((name, field, Kind::of(name)?)))
            .filter(|(_, field, _)| !field.is_null())
            .find_map(|(name, field, kind)| {
                if !kind.fits(field) {
                    return Some((name.to_string(), kind));
                }
                let inner = match (kind, field) {
                    (Kind::Links, Json::Object(links)) => links
                        .iter()
                        .find_map(|(link, value)| within(link, type_mismatch(value))),
                    _ => type_mismatch(field),
                };
                within(name, inner)
            }),
        Json::List(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| within(&index.to_string(), type_mismatch(item))),
        _ => None,
    }
}

fn within(name: &str, inner: Option<(String, Kind)>) -> Option<(String, Kind)> {
    inner.map(|(path, kind)| (format!("{name}.{path}"), kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::tree_of;
    use serde_json::json;

    #[test]
    fn a_field_of_another_type_is_named_at_any_depth() {
        let read = |value: serde_json::Value| {
            serde_json::from_str::<StrictJson>(&value.to_string()).map(|read| read.0)
        };
        let fine = json!({
            "id": 1, "title": "x", "author": null, "links": { "html": { "href": "h" }, "clone": [] },
            "reviewers": [{ "nickname": "ann" }], "rendered": { "title": {} }, "draft": false
        });
        assert_eq!(read(fine.clone()).expect("a document"), tree_of(fine));
        for (wrong, path) in [
            (json!({ "title": 5 }), "`title`"),
            (
                json!({ "source": { "branch": { "name": [] } } }),
                "`source.branch.name`",
            ),
            (
                json!({ "reviewers": [{}, { "uuid": 7 }] }),
                "`reviewers.1.uuid`",
            ),
            (json!({ "links": { "html": "x" } }), "`links`"),
            (json!({ "links": { "html": [] } }), "`links`"),
            (
                json!({ "links": { "html": { "href": 3 } } }),
                "`links.html.href`",
            ),
            (json!({ "draft": "no" }), "`draft`"),
            (json!([{ "values": {} }]), "`0.values`"),
        ] {
            let error = read(wrong).expect_err(path).to_string();
            assert!(error.contains(path), "{error}");
        }
    }
}
