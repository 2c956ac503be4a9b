//! Comments on pull requests and commits.

use super::tree::Json;
use super::{account, pointer};
use vcs_provider_interface::prelude::*;

/// Reads a comment. `None` without a number.
///
/// A deleted comment has no text; `inline` is null for comments on the whole.
pub(crate) fn comment(value: &Json<'_>) -> Option<Comment> {
    Some(Comment {
        id: pointer::number(value, "/id")?.to_string(),
        text: pointer::text_or_empty(value, "/content/raw"),
        author: value.get("user").and_then(account),
        deleted: pointer::flag(value, "/deleted").unwrap_or_default(),
        resolved: value.get("resolution").map(Json::is_object),
        position: pointer::object(value, "/inline").and_then(position),
        parent: pointer::number(value, "/parent/id").map(|id| id.to_string()),
        url: pointer::text_or_empty(value, "/links/html/href"),
        created: pointer::time(value, "/created_on"),
        updated: pointer::time(value, "/updated_on"),
        ..Default::default()
    })
}

fn position(inline: &Json<'_>) -> Option<CommentPosition> {
    Some(CommentPosition {
        path: pointer::text(inline, "/path")?.to_owned(),
        from: pointer::number(inline, "/from"),
        to: pointer::number(inline, "/to"),
        ..Default::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::tree as json;

    /// Situation `deleted-comment`.
    #[test]
    fn a_deleted_comment_with_null_parts_is_read() {
        let read = comment(&json!({
            "id": 8, "deleted": true, "content": { "raw": "" }, "inline": null,
            "parent": null, "user": null, "links": null
        }))
        .expect("a comment");
        assert_eq!((&*read.id, read.deleted, &*read.text), ("8", true, ""));
        assert_eq!(
            (read.position, read.parent, read.author),
            (None, None, None)
        );
    }

    #[test]
    fn an_inline_comment_has_its_place() {
        let read = comment(&json!({
            "id": 9, "content": { "raw": "why?" },
            "inline": { "path": "src/a b.rs", "from": null, "to": 12 },
            "resolution": { "type": "comment_resolution" }, "parent": { "id": 8 }
        }))
        .expect("a comment");
        let position = read.position.expect("a place");
        assert_eq!(
            (&*position.path, position.from, position.to),
            ("src/a b.rs", None, Some(12))
        );
        assert_eq!(
            (read.resolved, read.parent.as_deref()),
            (Some(true), Some("8"))
        );
    }
}
