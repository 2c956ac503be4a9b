//! Files and directories of a commit.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::call::{Call, Route};
use crate::api::pagination::{by_cursor, continued, page_length};
use crate::api::routes::commits::{resolve_hash, resolve_revision};
use crate::api::routes::diffs::escaped;
use crate::api::routes::listing;
use crate::api::sort::SortKey;
use crate::git::tree;
use crate::git::tree::{EntryKind, TreeEntry};
use crate::model::errors::{ApiError, RouteResult};
use crate::model::links::{link, path_of_segments};
use crate::model::permissions::REPOSITORY;
use crate::model::repository::Repository;
use crate::model::response::{Body, Response};
use crate::view::repository::{commit_link, repository_url};

/// How a file begins that stands for one kept elsewhere.
const LFS_POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:";
/// Pointers are small; nothing larger is looked into.
const LARGEST_POINTER: u64 = 256;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/2.0/repositories/{workspace}/{repo_slug}/src", root)
            .scopes(REPOSITORY)
            .query(&["format", "q", "sort", "max_depth", "pagelen"]),
        Route::get(
            "/2.0/repositories/{workspace}/{repo_slug}/src/{commit}/{path*}",
            source,
        )
        .scopes(REPOSITORY)
        .query(&["format", "q", "sort", "max_depth"])
        .of("file")
        .cursor(10, 100),
    ]
}

/// To the root directory of the main branch.
fn root(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let main = call
        .mock
        .main_branch(&repository)?
        .ok_or_else(ApiError::no_such_changeset)?;
    let hash = resolve_revision(&repository.git, &main)?.ok_or_else(ApiError::no_such_changeset)?;
    let mut location = format!(
        "{}/src/{hash}/",
        repository_url(&call.mock.urls, &repository)
    );
    if !call.query.is_empty() {
        location.push('?');
        location.push_str(&crate::model::links::query(&call.query));
    }
    Ok(Response::empty(302).with_header("location", location))
}

/// A place in a commit.
struct Place<'a> {
    call: &'a Call,
    repository: Arc<Repository>,
    commit: String,
}

fn source(call: &Call) -> RouteResult {
    let repository = call.repository()?;
    let given = call.parameter("commit");
    // A branch with a slash cannot be told from a path, encoded or not.
    let commit = if given.contains('/') {
        resolve_hash(&repository.git, given)?
    } else {
        resolve_revision(&repository.git, given)?
    };
    let commit = commit.ok_or_else(|| no_such_path(given))?;
    let place = Place {
        call,
        repository,
        commit,
    };
    let meta = match call.query_value("format") {
        None => false,
        Some("meta") => true,
        Some(other) => {
            return Err(ApiError::bad_request(format!("Unknown format: {other}")));
        }
    };
    let path = call.parameter("path").trim_end_matches('/');
    if path.is_empty() {
        return if meta {
            Ok(Response::ok(place.directory("")))
        } else {
            let tree = place.root_tree()?;
            place.list(&tree, "")
        };
    }
    let entry = tree::find(&place.repository.git, &place.commit, path)?
        .ok_or_else(|| no_such_path(path))?;
    match (entry.kind, meta) {
        (EntryKind::Directory, false) => place.list(&entry.hash, &format!("{path}/")),
        (EntryKind::Directory, true) => Ok(Response::ok(place.directory(path))),
        (_, true) => Ok(Response::ok(place.file(&entry)?)),
        (EntryKind::Submodule, false) => {
            Ok(Response::bytes(200, "text/plain", entry.hash.into_bytes()))
        }
        (_, false) => place.bytes(&entry),
    }
}

fn no_such_path(path: &str) -> ApiError {
    ApiError::with_error(
        404,
        json!({ "message": format!("No such file or directory: {path}") }),
    )
}

impl Place<'_> {
    fn address(&self, path: &str) -> String {
        format!(
            "{}/src/{}/{}",
            repository_url(&self.call.mock.urls, &self.repository),
            self.commit,
            path_of_segments(path)
        )
    }

    fn root_tree(&self) -> Result<String, ApiError> {
        self.repository
            .git
            .commit(&self.commit)?
            .map(|commit| commit.tree.clone())
            .ok_or_else(ApiError::no_such_changeset)
    }

    /// One page of what a directory holds, down to `max_depth`, level by level.
    fn list(&self, tree: &str, directory: &str) -> RouteResult {
        let call = self.call;
        let depth: usize = match call.query_value("max_depth") {
            None => 1,
            Some(text) => text
                .parse()
                .ok()
                .filter(|depth| *depth >= 1)
                .ok_or_else(|| ApiError::bad_request("Invalid max_depth"))?,
        };
        let length = page_length(call)?;
        let asked = |name| call.query_value(name).unwrap_or_default();
        let subject = format!(
            "{}\n{} {tree} {depth}\n{}\n{}",
            self.repository.uuid,
            self.commit,
            asked("q"),
            asked("sort")
        );
        let (walk, start) = continued(call, &subject, || self.paths(tree, directory, depth))?;
        let end = start.saturating_add(length).min(walk.hashes.len());
        let mut values = Vec::new();
        for record in &walk.hashes[start..end] {
            if let Some(entry) = TreeEntry::parse(record, "") {
                values.push(self.show(&entry)?);
            }
        }
        let next = (end < walk.hashes.len()).then(|| walk.cursor(end));
        let mut response = by_cursor(call, length, values, next)?;
        if let Body::Json(page) = &mut response.body {
            page["page"] = json!(start / length + 1);
        }
        Ok(response)
    }

    /// The entries of a directory as records, filtered and in order.
    fn paths(&self, tree: &str, directory: &str, depth: usize) -> Result<Vec<String>, ApiError> {
        let mut entries = tree::children(&self.repository.git, tree, directory, depth > 1)?;
        let top = directory.matches('/').count();
        entries.retain(|entry| entry.depth() - top < depth);
        entries.sort_by_key(TreeEntry::depth);
        let filter = listing::filter(self.call)?;
        let sort = listing::sort(self.call)?;
        if filter.is_some() || sort.is_some() {
            let mut probes = Vec::new();
            let mut probe = listing::Probe::new(self.call, filter.as_ref(), sort.as_ref());
            for entry in entries {
                probes.push((probe.of(&self.show(&entry)?), entry));
            }
            if let Some(filter) = filter {
                probes.retain(|(probe, _)| filter.matches(probe));
            }
            if let Some(sort) = sort {
                sort.sort(&mut probes, |(probe, _), field| SortKey::of(probe, field));
            }
            entries = probes.into_iter().map(|(_, entry)| entry).collect();
        }
        Ok(entries.iter().map(TreeEntry::record).collect())
    }

    fn show(&self, entry: &TreeEntry) -> Result<Value, ApiError> {
        if entry.kind == EntryKind::Directory {
            Ok(self.directory(&entry.path))
        } else {
            self.file(entry)
        }
    }

    fn directory(&self, path: &str) -> Value {
        let address = self.address(&format!("{path}/"));
        let address = if path.is_empty() {
            self.address("")
        } else {
            address
        };
        json!({
            "type": "commit_directory",
            "path": path,
            "commit": commit_link(&self.call.mock.urls, &self.repository, &self.commit),
            "links": {
                "self": link(address.clone()),
                "meta": link(format!("{address}?format=meta")),
            },
        })
    }

    fn file(&self, entry: &TreeEntry) -> Result<Value, ApiError> {
        let address = self.address(&entry.path);
        let mut attributes = Vec::new();
        match entry.kind {
            EntryKind::Executable => attributes.push("executable"),
            EntryKind::SymbolicLink => attributes.push("link"),
            EntryKind::Submodule => attributes.push("subrepository"),
            EntryKind::File | EntryKind::Directory => {}
        }
        if self.lfs_object(entry)?.is_some() {
            attributes.push("lfs");
        }
        if self.is_binary(entry)? {
            attributes.push("binary");
        }
        Ok(json!({
            "type": "commit_file",
            "path": entry.path,
            "escaped_path": escaped(&entry.path),
            "size": entry.size,
            "mimetype": content_type(&entry.path),
            "attributes": attributes,
            "commit": commit_link(&self.call.mock.urls, &self.repository, &self.commit),
            "links": {
                "self": link(address.clone()),
                "meta": link(format!("{address}?format=meta")),
                "history": link(address.replacen("/src/", "/filehistory/", 1)),
            },
        }))
    }

    /// Whether a file is what git calls binary: a zero byte near its beginning.
    fn is_binary(&self, entry: &TreeEntry) -> Result<bool, ApiError> {
        if !matches!(entry.kind, EntryKind::File | EntryKind::Executable) {
            return Ok(false);
        }
        let found = self.repository.git.objects(&[entry.hash.as_str()])?;
        Ok(found
            .first()
            .is_some_and(|(_, _, content)| content.iter().take(8000).any(|byte| *byte == 0)))
    }

    /// The identifier of the file that is kept elsewhere, if this is a pointer.
    fn lfs_object(&self, entry: &TreeEntry) -> Result<Option<String>, ApiError> {
        if entry.size > LARGEST_POINTER
            || (entry.size as usize) < LFS_POINTER.len()
            || !matches!(entry.kind, EntryKind::File | EntryKind::Executable)
        {
            return Ok(None);
        }
        let content = tree::content(&self.repository.git, &entry.hash)?;
        Ok(std::str::from_utf8(&content)
            .ok()
            .and_then(|text| text.strip_prefix(LFS_POINTER))
            .and_then(|rest| rest.lines().next())
            .filter(|oid| oid.len() == 64 && oid.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .map(str::to_owned))
    }

    fn bytes(&self, entry: &TreeEntry) -> RouteResult {
        if let Some(oid) = self.lfs_object(entry)? {
            let path = self.repository.git.git_dir().join("lfs/objects");
            let file = path.join(&oid[..2]).join(&oid[2..4]).join(&oid);
            // Without the object the address leads nowhere, as on the service.
            let address = match std::fs::read(file) {
                Ok(content) => self.call.mock.storage.offer(content.into()),
                Err(_) => format!("{}/{oid}", self.call.mock.storage.origin),
            };
            return Ok(Response::empty(301).with_header("location", address));
        }
        let content = tree::content(&self.repository.git, &entry.hash)?;
        let kind = content_type(&entry.path).unwrap_or("application/octet-stream");
        let name = entry.path.rsplit('/').next().unwrap_or_default();
        Ok(Response::bytes(200, kind, content)
            .with_header("etag", format!("\"{}\"", entry.hash))
            .with_header(
                "content-disposition",
                format!(
                    "attachment; filename*=UTF-8''{}",
                    crate::model::links::segment(name)
                ),
            ))
    }
}

/// By the ending of the name alone, and without a character set.
fn content_type(path: &str) -> Option<&'static str> {
    let name = path.rsplit('/').next()?;
    let (_, ending) = name.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "txt" | "log" | "c" | "h" => "text/plain",
        "md" | "markdown" => "text/x-web-markdown",
        "html" | "htm" => "text/html",
        "css" => "text/css",
        "csv" => "text/csv",
        "xml" => "text/xml",
        "py" => "text/x-python",
        "sh" => "application/x-sh",
        "js" => "application/javascript",
        "json" => "application/json",
        "yml" | "yaml" => "application/x-yaml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "svg" => "image/svg+xml",
        "zip" => "application/zip",
        "gz" => "application/gzip",
        "pdf" => "application/pdf",
        _ => return None,
    })
}
