//! A JSON document of which only the fields that some reader knows are kept.
//!
//! Texts are borrowed from the document where they can be, fields that nobody
//! reads are skipped without being stored, and an object is one list of pairs:
//! a delivery has ten times the fields that are read of it. The names that are
//! kept are [`NAMES_BY_LENGTH`]; a test holds them to what the readers ask for.

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::fmt;

/// The fields that are read of deliveries and of the API's objects.
const NAMES_BY_LENGTH: [&[&str]; 23] = [
    &[],
    &[],
    &["id", "on", "to"],
    &["key", "new", "old", "raw", "url"],
    &[
        "date", "fork", "from", "hash", "href", "html", "name", "path", "push", "self", "size",
        "slug", "type", "user", "uuid",
    ],
    &[
        "actor", "clone", "draft", "links", "owner", "state", "title",
    ],
    &[
        "author", "avatar", "branch", "commit", "forced", "inline", "parent", "reason", "source",
        "status", "tagger", "target", "update", "values",
    ],
    &[
        "changes", "comment", "commits", "content", "deleted", "message", "parents", "refname",
        "summary",
    ],
    &["approval", "nickname", "username"],
    &["full_name", "reviewers", "truncated", "workspace"],
    &[
        "account_id",
        "attributes",
        "created_on",
        "repository",
        "resolution",
        "updated_on",
    ],
    &[
        "description",
        "destination",
        "lines_added",
        "pullrequest",
        "task_status",
    ],
    &["display_name", "merge_commit", "merge_result"],
    &["commit_status", "lines_removed"],
    &["previous_owner"],
    &["changes_request"],
    &[],
    &[],
    &["previous_workspace"],
    &[],
    &[],
    &[],
    &["default_merge_strategy"],
];
/// Objects whose fields are kept whatever their names: those that tell what was
/// changed of a repository.
const KEPT_WHOLE: &str = "changes";

/// The fields that an object is expected to have of those that are kept.
const USUAL_FIELDS: usize = 8;

/// A value of JSON.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Flag(bool),
    Number(Number),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    /// The fields in their order; of several with one name the last counts.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// A number; those with a fraction are told apart and no more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Positive(u64),
    Negative(i64),
    Fraction(f64),
}

impl<'a> Json<'a> {
    /// The field of this name; `None` if there is none or this is no object.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let found = self.fields()?.iter().rev();
        found
            .into_iter()
            .find(|(present, _)| present == name)
            .map(|(_, value)| value)
    }

    /// The value at a pointer such as `/target/hash`.
    pub(crate) fn pointer(&self, pointer: &str) -> Option<&Self> {
        let mut value = self;
        for name in pointer.split('/').skip(1) {
            value = match value {
                Self::List(items) => items.get(name.parse::<usize>().ok()?)?,
                _ => value.get(name)?,
            };
        }
        Some(value)
    }

    pub(crate) fn fields(&self) -> Option<&[(Cow<'a, str>, Self)]> {
        match self {
            Self::Object(fields) => Some(fields),
            _ => None,
        }
    }

    pub(crate) fn items(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn flag(&self) -> Option<bool> {
        match self {
            Self::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(crate) fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    /// The same value without the document that it was read from.
    pub(crate) fn into_owned(self) -> Json<'static> {
        match self {
            Self::Null => Json::Null,
            Self::Flag(flag) => Json::Flag(flag),
            Self::Number(number) => Json::Number(number),
            Self::Text(text) => Json::Text(Cow::Owned(text.into_owned())),
            Self::List(items) => Json::List(items.into_iter().map(Json::into_owned).collect()),
            Self::Object(fields) => Json::Object(
                fields
                    .into_iter()
                    .map(|(name, value)| {
                        let name = match known(&name) {
                            Some(name) => Cow::Borrowed(name),
                            None => Cow::Owned(name.into_owned()),
                        };
                        (name, value.into_owned())
                    })
                    .collect(),
            ),
        }
    }
}

/// The name among those that are read.
fn known(name: &str) -> Option<&'static str> {
    NAMES_BY_LENGTH
        .get(name.len())?
        .iter()
        .copied()
        .find(|known| *known == name)
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Tree { keep_all: false }.deserialize(deserializer)
    }
}

/// Reads a value.
struct Tree {
    /// Whether all fields are kept if it is an object.
    keep_all: bool,
}

impl<'de> DeserializeSeed<'de> for Tree {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree {
    type Value = Json<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Json::Flag(flag))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Json::Number(Number::Positive(number)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Json::Number(
            u64::try_from(number).map_or(Number::Negative(number), Number::Positive),
        ))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Json::Number(Number::Fraction(number)))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(Tree { keep_all: false })? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        let keep_all = self.keep_all;
        while let Some(name) = object.next_key_seed(Name { keep_all })? {
            let Some(name) = name else {
                object.next_value::<IgnoredAny>()?;
                continue;
            };
            let value = object.next_value_seed(Tree {
                keep_all: name == KEPT_WHOLE,
            })?;
            if fields.is_empty() {
                fields.reserve(USUAL_FIELDS);
            }
            fields.push((name, value));
        }
        Ok(Json::Object(fields))
    }
}

/// Reads the name of a field; `None` if nobody asks for it.
struct Name {
    keep_all: bool,
}

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<Cow<'de, str>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name of a field")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(match known(name) {
            Some(name) => Some(Cow::Borrowed(name)),
            None => self.keep_all.then_some(Cow::Borrowed(name)),
        })
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(match known(name) {
            Some(name) => Some(Cow::Borrowed(name)),
            None => self.keep_all.then(|| Cow::Owned(name.to_owned())),
        })
    }
}

/// A document written as in JSON, for tests.
#[cfg(test)]
macro_rules! tree {
    ($($json:tt)+) => {
        $crate::json::tree_of(serde_json::json!($($json)+))
    };
}
#[cfg(test)]
pub(crate) use tree;

#[cfg(test)]
pub(crate) fn tree_of(value: serde_json::Value) -> Json<'static> {
    let text = value.to_string();
    serde_json::from_str::<Json<'_>>(&text)
        .expect("a document")
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn what_is_read_is_there_and_what_nobody_reads_is_not() {
        let text = r#"{"name":"a","nobody reads this":{"name":[1,{}]},"id":7,"size":-1,
            "draft":true,"parent":null,"title":"\u00fc","links":{"html":{"href":"x"}},
            "name":"b","from":1.5,"values":[{"name":"c"}]}"#;
        let tree: Json<'_> = serde_json::from_str(text).expect("a document");
        assert_eq!(tree.get("name").and_then(Json::text), Some("b"), "the last");
        assert_eq!(tree.get("nobody reads this"), None);
        assert_eq!(tree.get("title").and_then(Json::text), Some("ü"));
        assert_eq!(
            tree.pointer("/links/html/href").and_then(Json::text),
            Some("x")
        );
        assert_eq!(
            tree.pointer("/values/0/name").and_then(Json::text),
            Some("c")
        );
        assert_eq!(tree.get("parent"), Some(&Json::Null));
        assert_eq!(tree.get("id"), Some(&Json::Number(Number::Positive(7))));
        assert_eq!(tree.get("size"), Some(&Json::Number(Number::Negative(-1))));
        assert_eq!(tree.get("from"), Some(&Json::Number(Number::Fraction(1.5))));
        assert!(matches!(
            tree.get("name"),
            Some(Json::Text(Cow::Borrowed(_)))
        ));
        assert_eq!(tree.clone().into_owned(), tree);
    }

    #[test]
    fn the_changes_of_a_repository_are_kept_whatever_they_are() {
        let text = r#"{"changes":{"website":{"old":"a","odd":1},"name":{"new":"b"}}}"#;
        let tree: Json<'_> = serde_json::from_str(text).expect("a document");
        let fields = tree.get("changes").and_then(Json::fields).expect("fields");
        let names: Vec<&str> = fields.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["website", "name"]);
        assert_eq!(tree.pointer("/changes/website/odd"), None);
        assert_eq!(tree.clone().into_owned(), tree);
    }

    #[test]
    fn no_depth_and_no_broken_text_does_harm() {
        let deep = "[".repeat(100_000);
        assert!(serde_json::from_str::<Json<'_>>(&deep).is_err());
        let deep = format!("{{\"odd\":{}", "[".repeat(100_000));
        assert!(serde_json::from_str::<Json<'_>>(&deep).is_err());
        assert!(serde_json::from_slice::<Json<'_>>(b"{\"name\":\"\xff\"}").is_err());
    }

    /// Every name in a pointer or a `get` of the readers is one that is kept.
    #[test]
    fn the_names_are_those_that_the_readers_ask_for() {
        let mut asked = Vec::new();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for directory in ["json", "webhook", "api"] {
            collect(&source.join(directory), &mut asked);
        }
        assert!(asked.len() > 60, "the readers are found");
        let lost: Vec<&String> = asked.iter().filter(|name| known(name).is_none()).collect();
        assert!(lost.is_empty(), "read, but not kept: {lost:?}");
    }

    fn collect(directory: &Path, asked: &mut Vec<String>) {
        for entry in std::fs::read_dir(directory).expect("the sources") {
            let path = entry.expect("the sources").path();
            if path.is_dir() {
                collect(&path, asked);
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a source");
            if !text.contains("pointer::") && !text.contains("&Json") {
                continue;
            }
            let text = text.split("mod tests {").next().unwrap_or_default();
            for literal in text.split('"').skip(1).step_by(2) {
                let is_name = |name: &str| {
                    !name.is_empty()
                        && name
                            .bytes()
                            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
                };
                let Some(path) = literal.strip_prefix('/') else {
                    continue;
                };
                if path.split('/').all(is_name) {
                    asked.extend(path.split('/').map(str::to_owned));
                }
            }
            for rest in text.split(".get(\"").skip(1) {
                asked.extend(rest.split('"').next().map(str::to_owned));
            }
        }
    }
}
