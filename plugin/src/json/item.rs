//! An item of a list, whatever it is.

use super::tree::{Json, Number};
use super::{StrictJson, pointer};
use crate::pages::ListItem;
use serde::{Deserialize, Deserializer};

/// An item of a list as JSON, with what tells it from the others.
pub(crate) struct Item {
    pub(crate) value: Json<'static>,
    id: Option<String>,
}

impl ListItem for Item {
    fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let StrictJson(value) = StrictJson::deserialize(deserializer)?;
        let id = id(&value);
        Ok(Self { value, id })
    }
}

/// A number (pull requests, comments), a uuid, type and name (a tag and a
/// branch may share a name), a path (files, changed files) or a hash (commits).
fn id(value: &Json<'_>) -> Option<String> {
    match value.get("id") {
        Some(Json::Number(Number::Positive(number))) => return Some(number.to_string()),
        Some(Json::Text(text)) => return Some(text.to_string()),
        _ => {}
    }
    let text = |pointer: &str| pointer::text(value, pointer);
    if let Some(name) = text("/name") {
        return Some(match text("/uuid") {
            Some(uuid) => uuid.to_owned(),
            None => format!("{} {name}", text("/type").unwrap_or_default()),
        });
    }
    ["/uuid", "/path", "/new/path", "/old/path", "/hash"]
        .iter()
        .find_map(|pointer| text(pointer))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Situation `order-changes`.
    #[test]
    fn items_are_told_apart_by_what_the_service_guarantees() {
        let id = |value: serde_json::Value| {
            let item: Item = serde_json::from_str(&value.to_string()).expect("an item");
            item.id().map(str::to_owned)
        };
        assert_eq!(id(json!({ "id": 7, "title": "x" })).as_deref(), Some("7"));
        assert_ne!(
            id(json!({ "type": "tag", "name": "x" })),
            id(json!({ "type": "branch", "name": "x" }))
        );
        assert_eq!(
            id(json!({ "type": "commit_file", "path": "a/b" })).as_deref(),
            Some("a/b")
        );
        assert_eq!(
            id(json!({ "old": null, "new": { "path": "c" } })).as_deref(),
            Some("c")
        );
        assert_eq!(
            id(json!({ "type": "commit", "hash": "0a" })).as_deref(),
            Some("0a")
        );
        assert_eq!(id(json!({})), None);
    }
}
