//! Commits, ranges of commits and the files they change.

use crate::git::{Git, Next};
use crate::names::{Namespace, is_hash, is_ref_name};
use crate::repositories::{Pages, main_branch};
use std::collections::HashMap;
use vcs_provider_interface::prelude::*;

const COMMIT_FIELDS: &str = "--format=%H%x00%P%x00%an%x00%ae%x00%at%x00%B";

fn not_found(what: &str) -> VcsError {
    VcsError::new(
        ErrorKind::NOT_FOUND,
        format!("there is no branch, tag or commit {what:?}"),
    )
}

/// The full hash of a commit that is given by a hash, whole or shortened.
pub(crate) fn resolve_hash(git: &Git<'_>, hash: &str) -> Result<String> {
    if !is_hash(hash) {
        return Err(not_found(hash));
    }
    verified(git, hash)?.ok_or_else(|| not_found(hash))
}

/// The full hash of a branch, tag or hash, in this order.
pub(crate) fn resolve(git: &Git<'_>, reference: &str) -> Result<String> {
    if is_ref_name(reference) {
        for namespace in [Namespace::Branch, Namespace::Tag] {
            let full = format!("{}{reference}", namespace.prefix());
            if let Some(hash) = verified(git, &full)? {
                return Ok(hash);
            }
        }
    }
    resolve_hash(git, reference)
}

/// The same, where nothing means the main branch.
pub(crate) fn resolve_or_main(git: &Git<'_>, reference: Option<&str>) -> Result<String> {
    match reference {
        Some(reference) => resolve(git, reference),
        None => {
            let main = main_branch(git)?.ok_or_else(|| not_found("HEAD"))?;
            resolve(git, &main)
        }
    }
}

fn verified(git: &Git<'_>, revision: &str) -> Result<Option<String>> {
    let commit = format!("{revision}^{{commit}}");
    let ended = git.ask(&[
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        &commit,
    ])?;
    let hash = String::from_utf8_lossy(&ended.value).trim().to_owned();
    Ok((ended.succeeded && !hash.is_empty()).then_some(hash))
}

fn commit_of(fields: Vec<String>) -> Result<Commit> {
    let [id, parents, name, email, time, message]: [String; 6] =
        fields.try_into().map_err(|_| {
            VcsError::new(
                ErrorKind::INVALID_RESPONSE,
                "git described a commit by halves",
            )
        })?;
    Ok(Commit {
        id,
        author_timestamp: time.parse::<i64>().ok().map(|seconds| seconds * 1000),
        author: Author {
            display_name: name,
            email,
            ..Default::default()
        },
        message: message.trim_end_matches('\n').to_owned(),
        parents: parents.split_whitespace().map(str::to_owned).collect(),
        ..Default::default()
    })
}

pub(crate) fn commit(git: &Git<'_>, hash: &str) -> Result<Commit> {
    let hash = resolve_hash(git, hash)?;
    let mut found = None;
    log(git, &["--max-count=1", &hash], |commit| {
        found = Some(commit);
        Ok(false)
    })?;
    found.ok_or_else(|| not_found(&hash))
}

/// Hands out the commits of a walk, newest first, as long as more are wanted.
fn log(git: &Git<'_>, walk: &[&str], mut take: impl FnMut(Commit) -> Result<bool>) -> Result<()> {
    let arguments = [&["log", "-z", COMMIT_FIELDS], walk, &["--"]].concat();
    git.records(&arguments, 6, |fields| {
        Ok(if take(commit_of(fields)?)? {
            Next::More
        } else {
            Next::Enough
        })
    })
}

fn push_log(
    git: &Git<'_>,
    walk: &[&str],
    limit: Option<u64>,
    sink: &mut dyn PageSink<Commit>,
) -> Result<()> {
    let mut pages = Pages::new(git.context(), sink, limit);
    if pages.is_full() {
        return Ok(());
    }
    log(git, walk, |commit| pages.push(commit))?;
    pages.flush()
}

pub(crate) fn commits(
    git: &Git<'_>,
    request: &CommitsRequest,
    sink: &mut dyn PageSink<Commit>,
) -> Result<()> {
    let start = match &request.until {
        Some(until) => resolve_hash(git, until)?,
        None => resolve_or_main(git, request.branch.as_deref())?,
    };
    match &request.since {
        Some(since) => {
            let without = format!("^{}", resolve_hash(git, since)?);
            push_log(git, &[&start, &without], request.limit, sink)
        }
        None => push_log(git, &[&start], request.limit, sink),
    }
}

pub(crate) fn commits_between_refs(
    git: &Git<'_>,
    request: &CommitsBetweenRefsRequest,
    sink: &mut dyn PageSink<Commit>,
) -> Result<()> {
    let head = resolve(git, &request.head)?;
    let without = format!("^{}", resolve(git, &request.base)?);
    push_log(git, &[&head, &without], request.limit, sink)
}

/// The commits that `new` has and `old` has not, at most this many, and
/// whether these are all.
pub(crate) fn new_commits(
    git: &Git<'_>,
    old: Option<&str>,
    new: &str,
    most: usize,
) -> Result<(Vec<Commit>, bool)> {
    let without = old.map(|old| format!("^{old}"));
    let walk: Vec<&str> = std::iter::once(new).chain(without.as_deref()).collect();
    let mut found = Vec::new();
    let mut is_all = true;
    log(git, &walk, |commit| {
        if found.len() == most {
            is_all = false;
        } else {
            found.push(commit);
        }
        Ok(is_all)
    })?;
    Ok((found, is_all))
}

/// Whether the second commit has the first one in its past.
pub(crate) fn is_ancestor(git: &Git<'_>, old: &str, new: &str) -> Result<bool> {
    Ok(git
        .ask(&["merge-base", "--is-ancestor", old, new])?
        .succeeded)
}

pub(crate) fn changed_files(
    git: &Git<'_>,
    request: &ChangedFilesRequest,
    sink: &mut dyn PageSink<ChangedFile>,
) -> Result<()> {
    let base = resolve(git, &request.base)?;
    let head = resolve(git, &request.head)?;
    let merge_base = git.ask(&["merge-base", &base, &head])?;
    if !merge_base.succeeded {
        return Err(VcsError::new(
            ErrorKind::INVALID_INPUT,
            format!(
                "{:?} and {:?} have no common ancestor",
                request.base, request.head
            ),
        ));
    }
    let from = String::from_utf8_lossy(&merge_base.value).trim().to_owned();
    let lines = changed_lines(git, &from, &head)?;
    let output = git.must(&["diff-tree", "-r", "-z", "-M", "--name-status", &from, &head])?;
    let text = String::from_utf8_lossy(&output);
    let mut fields = text.split_terminator('\0');
    let mut pages = Pages::new(git.context(), sink, request.limit);
    while let (false, Some(status)) = (pages.is_full(), fields.next()) {
        let mut file = ChangedFile {
            path: fields.next().unwrap_or_default().to_owned(),
            change: match status.chars().next() {
                Some('A' | 'C') => FileChange::ADDED,
                Some('D') => FileChange::REMOVED,
                Some('R') => FileChange::RENAMED,
                _ => FileChange::MODIFIED,
            },
            ..Default::default()
        };
        if status.starts_with(['R', 'C']) {
            let new_path = fields.next().unwrap_or_default().to_owned();
            file.old_path = Some(std::mem::replace(&mut file.path, new_path));
        }
        if let Some((added, removed)) = lines.get(&file.path) {
            file.lines_added = *added;
            file.lines_removed = *removed;
        }
        pages.push(file)?;
    }
    pages.flush()
}

type Lines = (Option<u64>, Option<u64>);

/// How many lines were added and removed in each file; a dash means binary.
fn changed_lines(git: &Git<'_>, from: &str, head: &str) -> Result<HashMap<String, Lines>> {
    let output = git.must(&["diff-tree", "-r", "-z", "-M", "--numstat", from, head])?;
    let text = String::from_utf8_lossy(&output);
    let mut fields = text.split_terminator('\0');
    let mut lines = HashMap::new();
    while let Some(field) = fields.next() {
        let mut columns = field.splitn(3, '\t');
        let numbers = (
            columns.next().and_then(|number| number.parse().ok()),
            columns.next().and_then(|number| number.parse().ok()),
        );
        let path = match columns.next() {
            // A renamed file has its two names in fields of their own.
            Some("") => fields.nth(1),
            path => path,
        };
        if let Some(path) = path {
            lines.insert(path.to_owned(), numbers);
        }
    }
    Ok(lines)
}
