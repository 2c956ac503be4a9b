//! The files that changed between two commits.
//!
//! Sent: both sides are resolved to hashes, since a branch name may hold a
//! slash; then `diffstat/{newer}..{older}` (the newer one first, the opposite of
//! git) against the common ancestor, page by page. Repeated: all of it.
//! Commits without a common ancestor are `InvalidInput` with `reason` =
//! `no_common_ancestor`.

use crate::api::refs;
use crate::http::Request;
use crate::json::{Item, Json, pointer};
use crate::page_length::List;
use crate::pages::{ENVELOPE, Pager};
use crate::repository_name::RepositoryName;
use crate::session::Session;
use vcs_provider_interface::prelude::*;

/// Lists the files that `head` changed since it left `base`.
pub(crate) fn list(
    session: &Session,
    context: &dyn CallContext,
    request: ChangedFilesRequest,
    sink: &mut dyn PageSink<ChangedFile>,
) -> Result<()> {
    let repo = RepositoryName::parse(&request.repo)?;
    let base = refs::resolve(session, context, &repo, &request.base)?;
    let head = refs::resolve(session, context, &repo, &request.head)?;
    let range = format!("{head}..{base}");
    let fields = format!(
        "values.status,values.old.path,values.new.path,values.lines_added,values.lines_removed,\
         {ENVELOPE}"
    );
    let listed = Request::get(repo.path(&["diffstat", &range]))
        .query("topic", "true")
        .fields(&fields);
    Pager::new(&session.http, context, List::ChangedFiles, listed)
        .limit(request.limit)
        .push(sink, |item: Item| changed_file(&item.value))
        .map_err(|error| {
            if error
                .message
                .to_ascii_lowercase()
                .contains("no common ancestor")
            {
                error.with_extra("reason", "no_common_ancestor")
            } else {
                error
            }
        })?;
    Ok(())
}

/// Reads a changed file: added without an old side, removed without a new one.
fn changed_file(value: &Json<'_>) -> Result<ChangedFile> {
    let old = pointer::text(value, "/old/path");
    let new = pointer::text(value, "/new/path");
    let status = pointer::text(value, "/status").unwrap_or_default();
    let (path, change) = match (old, new) {
        (None, Some(new)) => (new, FileChange::ADDED),
        (Some(old), None) => (old, FileChange::REMOVED),
        (Some(old), Some(new)) if old != new => (new, FileChange::RENAMED),
        (Some(_), Some(new)) if status == "added" => (new, FileChange::ADDED),
        (Some(_), Some(new)) if status == "removed" => (new, FileChange::REMOVED),
        (Some(_), Some(new)) => (new, FileChange::MODIFIED),
        (None, None) => {
            return Err(VcsError::new(
                ErrorKind::INVALID_RESPONSE,
                "the service responded with a changed file without path",
            ));
        }
    };
    Ok(ChangedFile {
        path: path.to_owned(),
        old_path: old
            .filter(|_| change == FileChange::RENAMED)
            .map(str::to_owned),
        change,
        lines_added: pointer::number(value, "/lines_added"),
        lines_removed: pointer::number(value, "/lines_removed"),
        ..Default::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{tree, tree_of};
    use serde_json::{Value, json as object};

    /// Situation `diffstat`.
    #[test]
    fn null_sides_tell_added_and_removed_files() {
        let read = |status: &str, old: Value, new: Value| {
            let value = object!({ "status": status, "old": old, "new": new, "lines_added": 2, "lines_removed": null });
            changed_file(&tree_of(value)).expect("a file")
        };
        let side = |path: &str| object!({ "path": path });
        assert_eq!(
            read("added", Value::Null, side("a")).change,
            FileChange::ADDED
        );
        let removed = read("removed", side("b"), Value::Null);
        assert_eq!((removed.change, &*removed.path), (FileChange::REMOVED, "b"));
        let renamed = read("renamed", side("c"), side("d"));
        assert_eq!(renamed.change, FileChange::RENAMED);
        assert_eq!(
            (&*renamed.path, renamed.old_path.as_deref()),
            ("d", Some("c"))
        );
        let binary = read("modified", side("e"), side("e"));
        assert_eq!(
            (binary.change, binary.old_path),
            (FileChange::MODIFIED, None)
        );
        assert_eq!((binary.lines_added, binary.lines_removed), (Some(2), None));
        assert_eq!(
            changed_file(&tree!({})).expect_err("no path").kind,
            ErrorKind::INVALID_RESPONSE
        );
    }
}
