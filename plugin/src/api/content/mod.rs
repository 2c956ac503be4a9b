//! Files and directories of a commit.
//!
//! | method | sent | repeated | special errors |
//! |---|---|---|---|
//! | `list_content` | the ref is resolved, then `src/{hash}/{directory}/` page by page; recursively to a depth, then the directories below it | all | `InvalidInput` if the path is a file |
//! | `get_content` | the ref is resolved, the path's kind is asked for, then its bytes | until the first byte was passed on | `InvalidInput` if the path is a directory |
//! | `get_archive` | see [`mod@archive`] | | |
//!
//! The ref is always resolved to a hash first: a branch name with a slash is
//! ambiguous in these paths. A file in Git LFS redirects to another host, where
//! no credential is sent.

mod archive;
mod git;
mod git_secrets;

pub(crate) use archive::get as archive;

use crate::api::refs;
use crate::http::Request;
use crate::json::{Item, Json, StrictJson, pointer};
use crate::page_length::List;
use crate::pages::{ENVELOPE, Pager};
use crate::repository_name::RepositoryName;
use crate::session::Session;
use std::collections::VecDeque;
use vcs_provider_interface::prelude::*;

/// How many levels one recursive request asks for; a great depth makes the
/// service give up with HTTP 555.
const DEPTH: usize = 6;

/// Lists the entries of a directory.
pub(crate) fn list(
    session: &Session,
    context: &dyn CallContext,
    request: ListContentRequest,
    sink: &mut dyn PageSink<Content>,
) -> Result<()> {
    let repo = RepositoryName::parse(&request.repo)?;
    let hash = refs::resolve_or_main(session, context, &repo, request.reference.as_deref())?;
    let root = clean(&request.path)?;
    let walk = PageStream {
        session,
        context,
        repo: &repo,
        hash: &hash,
    };
    let mut left = request.limit;
    let mut depth = if request.recursive { DEPTH } else { 1 };
    let mut directories = VecDeque::from([root.clone()]);
    while let Some(directory) = directories.pop_front() {
        if left == Some(0) {
            return Ok(());
        }
        let mut handed_on = 0u64;
        let outcome = walk.directory(&directory, depth, left, &mut |entries| {
            handed_on += entries.len() as u64;
            if request.recursive {
                // What is at the last level has not been looked into.
                let deeper = entries
                    .iter()
                    .filter(|entry| entry.is_directory && level(&directory, &entry.path) >= depth);
                directories.extend(deeper.map(|entry| entry.path.clone()));
            }
            sink.page(entries, None)
        });
        match outcome {
            Ok(Flow::STOP) => return Ok(()),
            Ok(_) => left = left.map(|left| left.saturating_sub(handed_on)),
            // Too deep for the service: ask level by level from here on.
            Err(error) if depth > 1 && handed_on == 0 && error.http_status == Some(555) => {
                depth = 1;
                directories.push_front(directory);
            }
            Err(error) if directory == root && error.kind == ErrorKind::INVALID_RESPONSE => {
                return Err(walk.explain(&directory, error));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

struct PageStream<'a> {
    session: &'a Session,
    context: &'a dyn CallContext,
    repo: &'a RepositoryName,
    hash: &'a str,
}

impl PageStream<'_> {
    fn directory(
        &self,
        directory: &str,
        depth: usize,
        limit: Option<u64>,
        visit: &mut dyn FnMut(Vec<Content>) -> Result<Flow>,
    ) -> Result<Flow> {
        // Without the slash at its end the root responds with something else.
        let path = format!("{}/", source_path(self.repo, self.hash, directory));
        let fields = format!("values.path,values.type,values.size,values.attributes,{ENVELOPE}");
        let mut request = Request::get(path).fields(&fields);
        if depth > 1 {
            request = request.query("max_depth", &depth.to_string());
        }
        Pager::new(&self.session.http, self.context, List::Source, request)
            .limit(limit)
            .each(&mut |items: Vec<Item>, _| {
                let entries = items.iter().map(|item| entry(&item.value));
                visit(entries.collect::<Result<_>>()?)
            })
    }

    /// The service gives the bytes of a file where a directory was asked for.
    fn explain(&self, directory: &str, error: VcsError) -> VcsError {
        match kind(self.session, self.context, self.repo, self.hash, directory) {
            Ok(Kind::File(_)) => VcsError::new(
                ErrorKind::INVALID_INPUT,
                format!("{directory:?} is a file and not a directory"),
            ),
            _ => error,
        }
    }
}

/// How many levels an entry is below a directory; 1 is directly in it.
fn level(directory: &str, path: &str) -> usize {
    let below = path
        .strip_prefix(directory)
        .unwrap_or(path)
        .trim_matches('/');
    below.split('/').count()
}

fn entry(value: &Json<'_>) -> Result<Content> {
    let path = pointer::text(value, "/path").ok_or_else(|| {
        VcsError::new(
            ErrorKind::INVALID_RESPONSE,
            "the service responded with an entry of a directory without path",
        )
    })?;
    let path = path.trim_end_matches('/').to_owned();
    let attributes: Vec<&str> = pointer::items(value, "/attributes")
        .iter()
        .filter_map(Json::text)
        .collect();
    let kind = pointer::text(value, "/type").unwrap_or_default();
    let is_directory = kind == "commit_directory";
    let is_submodule = attributes.contains(&"subrepository");
    Ok(Content {
        name: path.rsplit('/').next().unwrap_or_default().to_owned(),
        is_directory,
        is_file: !is_directory && !is_submodule,
        size: pointer::number(value, "/size").filter(|_| !is_directory && !is_submodule),
        extra: attributes
            .into_iter()
            .map(|attribute| (attribute.to_owned(), "true".to_owned()))
            .collect(),
        path,
    })
}

/// Streams the bytes of a file.
pub(crate) fn get(
    session: &Session,
    context: &dyn CallContext,
    request: GetContentRequest,
    sink: &mut dyn ByteSink,
) -> Result<StreamedContent> {
    let path = clean(&request.path)?;
    if path.is_empty() {
        return Err(is_a_directory(&request.path));
    }
    let repo = RepositoryName::parse(&request.repo)?;
    let hash = refs::resolve_or_main(session, context, &repo, request.reference.as_deref())?;
    // A directory would respond with a page of JSON, which nobody could tell from
    // the bytes of a file.
    let size = match kind(session, context, &repo, &hash, &path)? {
        Kind::Directory => return Err(is_a_directory(&request.path)),
        Kind::File(size) => size,
    };
    let reading = Request::get(source_path(&repo, &hash, &path)).accept("*/*");
    let mut sink = Watched {
        sink,
        stopped: false,
    };
    let (head, length) = session.http.stream(context, &reading, &mut sink)?;
    // The size of a file in Git LFS, which comes from elsewhere, is another one.
    let is_own = session.http.is_api_address(&head.uri.to_string());
    if let Some(size) = size.filter(|size| is_own && !sink.stopped && *size != length) {
        return Err(head.invalid(format!("it has {length} bytes and the file {size}")));
    }
    Ok(StreamedContent {
        commit: hash,
        length,
        extra: Extra::from([("source", "api".to_owned())]),
    })
}

fn is_a_directory(path: &str) -> VcsError {
    VcsError::new(
        ErrorKind::INVALID_INPUT,
        format!("{path:?} is a directory and not a file"),
    )
}

/// Sees whether the caller wants no more.
struct Watched<'a> {
    sink: &'a mut dyn ByteSink,
    stopped: bool,
}

impl ByteSink for Watched<'_> {
    fn chunk(&mut self, bytes: &[u8]) -> Result<Flow> {
        let flow = self.sink.chunk(bytes)?;
        self.stopped = flow == Flow::STOP;
        Ok(flow)
    }
}

enum Kind {
    /// With its length in bytes, where known.
    File(Option<u64>),
    Directory,
}

fn kind(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    hash: &str,
    path: &str,
) -> Result<Kind> {
    let request = Request::get(source_path(repo, hash, path)).query("format", "meta");
    let response = session.http.send(context, &request)?;
    let StrictJson(meta) = response.json()?;
    match pointer::text(&meta, "/type") {
        Some("commit_directory") => Ok(Kind::Directory),
        Some(_) => Ok(Kind::File(pointer::number(&meta, "/size"))),
        None => Err(response
            .head
            .invalid("it does not say whether it is a file")),
    }
}

/// The path of a file or directory at a commit, each of its segments encoded.
fn source_path(repo: &RepositoryName, hash: &str, path: &str) -> String {
    let mut segments = vec!["src", hash];
    segments.extend(path.split('/').filter(|segment| !segment.is_empty()));
    repo.path(&segments)
}

/// A path from the root without slashes around it.
///
/// # Errors
/// `InvalidInput` for a path that leaves the repository.
fn clean(path: &str) -> Result<String> {
    let segments: Vec<&str> = path
        .split('/')
        .filter(|segment| !segment.is_empty() && *segment != ".")
        .collect();
    if segments.contains(&"..") {
        return Err(VcsError::new(
            ErrorKind::INVALID_INPUT,
            format!("the path {path:?} leaves the repository"),
        ));
    }
    Ok(segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::tree as object;

    /// Situation `odd-names`.
    #[test]
    fn every_segment_of_a_path_is_encoded_once() {
        let repo = RepositoryName::parse("t/r").expect("a name");
        assert_eq!(
            source_path(&repo, "0a", "a b/c#d?/100%.txt"),
            "/repositories/t/r/src/0a/a%20b/c%23d%3F/100%25.txt"
        );
        assert_eq!(source_path(&repo, "0a", ""), "/repositories/t/r/src/0a");
    }

    #[test]
    fn a_path_cannot_leave_the_repository() {
        assert_eq!(clean("/a//./b/"), Ok("a/b".to_owned()));
        assert_eq!(clean(""), Ok(String::new()));
        assert_eq!(
            clean("a/../../b").expect_err("outside").kind,
            ErrorKind::INVALID_INPUT
        );
    }

    #[test]
    fn the_depth_of_an_entry_counts_from_the_listed_directory() {
        assert_eq!(level("", "a"), 1);
        assert_eq!(level("", "a/b/c"), 3);
        assert_eq!(level("a/b", "a/b/c"), 1);
    }

    #[test]
    fn entries_say_what_they_are() {
        let directory =
            entry(&object!({ "type": "commit_directory", "path": "src/" })).expect("an entry");
        assert_eq!(
            (directory.is_directory, directory.is_file, &*directory.name),
            (true, false, "src")
        );
        let link = entry(
            &object!({ "type": "commit_file", "path": "a/b", "size": 3, "attributes": ["link"] }),
        )
        .expect("an entry");
        assert_eq!((link.is_file, link.size, &*link.name), (true, Some(3), "b"));
        assert_eq!(link.extra, Extra::from([("link", "true")]));
        let module = entry(
            &object!({ "type": "commit_file", "path": "lib", "attributes": ["subrepository"] }),
        )
        .expect("an entry");
        assert_eq!((module.is_file, module.is_directory), (false, false));
    }
}
