//! Comparing commits: file by file, as text, and their common ancestor.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::call::{Call, Route};
use crate::api::pagination::numbered;
use crate::api::routes::commits::resolve_revision;
use crate::git::compare::{ChangeKind, DiffOptions, EMPTY_TREE, FileChange, JoinedGit};
use crate::model::errors::{ApiError, RouteResult};
use crate::model::links::{link, path_of_segments};
use crate::model::permissions::REPOSITORY;
use crate::model::repository::Repository;
use crate::model::response::Response;
use crate::model::state::Found;
use crate::sync::lock;
use crate::view;
use crate::view::repository::repository_url;

/// Parameters of both kinds of comparison. `from_pullrequest_id` stands in the
/// addresses that pull requests redirect to.
const COMMON: [&str; 7] = [
    "path",
    "ignore_whitespace",
    "renames",
    "merge",
    "topic",
    "from_pullrequest_id",
    "pagelen",
];

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/2.0/repositories/{workspace}/{repo_slug}/diffstat/{spec*}",
            diffstat,
        )
        .scopes(REPOSITORY)
        .query(&COMMON)
        .numbered(500, 5000),
        Route::get(
            "/2.0/repositories/{workspace}/{repo_slug}/diff/{spec*}",
            diff,
        )
        .scopes(REPOSITORY)
        .query(&[
            "context",
            "binary",
            "path",
            "ignore_whitespace",
            "renames",
            "merge",
            "topic",
            "from_pullrequest_id",
        ]),
        Route::get(
            "/2.0/repositories/{workspace}/{repo_slug}/patch/{spec*}",
            patch,
        )
        .scopes(REPOSITORY)
        .query(&["from_pullrequest_id", "topic"]),
        Route::get(
            "/2.0/repositories/{workspace}/{repo_slug}/merge-base/{revspec}",
            merge_base,
        )
        .scopes(REPOSITORY),
    ]
}

/// Two commits to compare, and where each is known.
struct Comparison {
    repository: Arc<Repository>,
    /// Where the newer commit is: a fork, or the same repository.
    from: Arc<Repository>,
    /// The commit with the changes.
    newer: String,
    /// The commit it is compared with; the empty tree for a first commit.
    older: String,
}

impl Comparison {
    /// Reads `newer..older`, or one commit, which is compared with its first
    /// parent. Pull requests put `workspace/slug:` in front and a line break in
    /// the middle.
    fn read(call: &Call) -> Result<Self, ApiError> {
        let repository = call.repository()?;
        let spec = call.parameter("spec").trim_end_matches('/');
        let (from, spec) = match spec.split_once(':') {
            Some((full_name, rest)) => (named(call, full_name)?, rest),
            None => (Arc::clone(&repository), spec),
        };
        let two = spec.split_once("..").or_else(|| spec.split_once('\r'));
        let resolve = |home: &Repository, name: &str| {
            resolve_revision(&home.git, name)?
                .ok_or_else(|| ApiError::no_such_commits(&[name.to_owned()]))
        };
        let Some((newer, older)) = two else {
            let newer = resolve(&from, spec)?;
            let parent = from
                .git
                .commit(&newer)?
                .and_then(|commit| commit.parents.first().cloned());
            return Ok(Self {
                repository,
                from,
                newer,
                older: parent.unwrap_or_else(|| EMPTY_TREE.to_owned()),
            });
        };
        let newer = resolve(&from, newer)?;
        let mut older = resolve(&repository, older)?;
        // `merge=false` and `topic=false` both ask for what differs between the two
        // commits themselves, and not since their common ancestor.
        let (merge, topic) = (flag(call, "merge")?, flag(call, "topic")?);
        if merge.is_some() && topic.is_some() {
            return Err(ApiError::bad_request(
                "merge and topic cannot be used together.",
            ));
        }
        if merge.or(topic).unwrap_or(true) {
            older = JoinedGit::new(&repository.git, &from.git)
                .merge_base(&newer, &older)?
                .ok_or_else(|| ApiError::bad_request("No common ancestor"))?;
        }
        Ok(Self {
            repository,
            from,
            newer,
            older,
        })
    }

    fn git(&self) -> JoinedGit<'_> {
        JoinedGit::new(&self.repository.git, &self.from.git)
    }
}

/// The repository in front of a spec.
fn named(call: &Call, full_name: &str) -> Result<Arc<Repository>, ApiError> {
    let found = full_name
        .split_once('/')
        .map(|(workspace, slug)| lock(&call.mock.state).find_repository(workspace, slug));
    match found {
        Some(Found::Here(found) | Found::Moved(found)) => Ok(found),
        _ => Err(ApiError::no_such_repository()),
    }
}

fn flag(call: &Call, name: &str) -> Result<Option<bool>, ApiError> {
    match call.query_value(name) {
        None => Ok(None),
        Some("true" | "True" | "1") => Ok(Some(true)),
        Some("false" | "False" | "0") => Ok(Some(false)),
        Some(_) => Err(ApiError::field(name, "Enter true or false.")),
    }
}

fn options(call: &Call) -> Result<DiffOptions, ApiError> {
    let context = call
        .query_value("context")
        .map(|text| {
            text.parse()
                .map_err(|_| ApiError::field("context", "Enter a whole number."))
        })
        .transpose()?;
    Ok(DiffOptions {
        renames: flag(call, "renames")?.unwrap_or(true),
        ignore_whitespace: flag(call, "ignore_whitespace")?.unwrap_or(false),
        context: context.unwrap_or(3),
        binary: flag(call, "binary")?.unwrap_or(true),
        paths: call.query_values("path"),
    })
}

fn diffstat(call: &Call) -> RouteResult {
    let comparison = Comparison::read(call)?;
    let changes =
        comparison
            .git()
            .changes(&comparison.older, &comparison.newer, &options(call)?)?;
    numbered(call, &changes, |page| {
        Ok(page
            .iter()
            .map(|change| show(call, &comparison, change))
            .collect())
    })
}

fn show(call: &Call, comparison: &Comparison, change: &FileChange) -> Value {
    let side = |repository: &Repository, hash: &str, path: &Option<String>| {
        path.as_ref().map(|path| {
            let address = format!(
                "{}/src/{hash}/{}",
                repository_url(&call.mock.urls, repository),
                path_of_segments(path)
            );
            json!({
                "type": "commit_file",
                "path": path,
                "escaped_path": escaped(path),
                "links": { "self": link(address) },
            })
        })
    };
    json!({
        "type": "diffstat",
        "status": match change.kind {
            ChangeKind::Added => "added",
            ChangeKind::Removed => "removed",
            ChangeKind::Modified => "modified",
            ChangeKind::Renamed => "renamed",
        },
        "lines_added": change.lines_added,
        "lines_removed": change.lines_removed,
        "old": side(&comparison.repository, &comparison.older, &change.old),
        "new": side(&comparison.from, &comparison.newer, &change.new),
    })
}

/// A path the way a diff writes it: quotes, backslashes, control characters and
/// whatever is not ASCII as octal escapes.
pub(crate) fn escaped(path: &str) -> String {
    let mut text = String::new();
    for byte in path.bytes() {
        match byte {
            b'"' | b'\\' => {
                text.push('\\');
                text.push(char::from(byte));
            }
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            0x20..=0x7e => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\{byte:03o}")),
        }
    }
    text
}

fn diff(call: &Call) -> RouteResult {
    let comparison = Comparison::read(call)?;
    let text = comparison
        .git()
        .diff(&comparison.older, &comparison.newer, &options(call)?)?;
    Ok(Response::bytes(200, "text/plain", text))
}

fn patch(call: &Call) -> RouteResult {
    let comparison = Comparison::read(call)?;
    let alone =
        !call.parameter("spec").contains([':', '\r']) && !call.parameter("spec").contains("..");
    let older = (!alone).then_some(comparison.older.as_str());
    let text = comparison.git().patch(older, &comparison.newer)?;
    Ok(Response::bytes(200, "text/plain", text))
}

fn merge_base(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let spec = call.parameter("revspec");
    let Some((one, two)) = spec.split_once("..") else {
        return Err(ApiError::bad_request("Give two commits as first..second."));
    };
    let resolve = |name: &str| {
        resolve_revision(&repository.git, name)?
            .ok_or_else(|| ApiError::no_such_commits(&[name.to_owned()]))
    };
    let base = JoinedGit::new(&repository.git, &repository.git)
        .merge_base(&resolve(one)?, &resolve(two)?)?
        .ok_or_else(|| ApiError::not_found("No common ancestor"))?;
    let commit = repository
        .git
        .commit(&base)?
        .ok_or_else(ApiError::no_such_changeset)?;
    Ok(Response::ok(view::repository::commit(
        &call.mock,
        &repository,
        &commit,
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_stay_and_others_are_escaped() {
        assert_eq!(escaped("a b/c-1.txt"), "a b/c-1.txt");
        assert_eq!(escaped("é\"\\\t"), "\\303\\251\\\"\\\\\\t");
    }
}
