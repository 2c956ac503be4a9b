//! Folders, files and archives of a commit.

use crate::commits::resolve_or_main;
use crate::git::{Git, Next, failed};
use crate::names::inner_path;
use crate::repositories::Pages;
use std::io::Read;
use vcs_provider_interface::prelude::*;

fn no_such_path(path: &str) -> VcsError {
    VcsError::new(
        ErrorKind::NOT_FOUND,
        format!("there is no {path:?} in this commit"),
    )
}

/// What stands at a path of a commit, in git's words; `None` if nothing does.
fn kind_at(git: &Git<'_>, object: &str) -> Result<Option<String>> {
    let ended = git.ask(&["cat-file", "-t", object])?;
    let kind = String::from_utf8_lossy(&ended.value).trim().to_owned();
    Ok(ended.succeeded.then_some(kind))
}

fn content_of(entry: &str) -> Option<Content> {
    let (facts, path) = entry.split_once('\t')?;
    let mut facts = facts.split_whitespace();
    let (mode, kind) = (facts.next()?, facts.next()?);
    let (_hash, size) = (facts.next()?, facts.next()?);
    let fact = match (mode, kind) {
        ("120000", _) => Some("link"),
        ("100755", _) => Some("executable"),
        (_, "commit") => Some("subrepository"),
        _ => None,
    };
    Some(Content {
        name: path.rsplit('/').next().unwrap_or(path).to_owned(),
        path: path.to_owned(),
        is_directory: kind == "tree",
        is_file: kind == "blob",
        size: size.parse().ok(),
        extra: fact.map(|fact| (fact, "true")).into_iter().collect(),
    })
}

pub(crate) fn list_content(
    git: &Git<'_>,
    request: &ListContentRequest,
    sink: &mut dyn PageSink<Content>,
) -> Result<()> {
    let commit = resolve_or_main(git, request.reference.as_deref())?;
    let path = inner_path(&request.path)?;
    let folder = format!("{commit}:{path}");
    match kind_at(git, &folder)?.as_deref() {
        Some("tree") => {}
        Some(_) => {
            return Err(VcsError::new(
                ErrorKind::INVALID_INPUT,
                format!("{path:?} is not a folder"),
            ));
        }
        None => return Err(no_such_path(path)),
    }
    let mut arguments = vec!["ls-tree", "-z", "-l"];
    if request.recursive {
        arguments.extend(["-r", "-t"]);
    }
    arguments.push(&folder);
    let mut pages = Pages::new(git.context(), sink, request.limit);
    if pages.is_full() {
        return Ok(());
    }
    git.records(&arguments, 1, |fields| {
        let Some(mut content) = fields.first().and_then(|entry| content_of(entry)) else {
            return Ok(Next::More);
        };
        if !path.is_empty() {
            content.path = format!("{path}/{}", content.path);
        }
        Ok(if pages.push(content)? {
            Next::More
        } else {
            Next::Enough
        })
    })?;
    pages.flush()
}

/// Streams the output of a git command into a sink; says how long it was.
fn stream(git: &Git<'_>, arguments: &[&str], sink: &mut dyn ByteSink) -> Result<u64> {
    let mut length = 0;
    let mut flow = Ok(Flow::CONTINUE);
    let ended = git.stream(arguments, |output| {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = read_some(output, &mut buffer)?;
            if count == 0 {
                return Ok(Next::More);
            }
            length += count as u64;
            flow = sink.chunk(&buffer[..count]);
            if flow != Ok(Flow::CONTINUE) {
                return Ok(Next::Enough);
            }
        }
    })?;
    match flow? {
        Flow::CONTINUE if !ended.succeeded => Err(failed(arguments, &ended.complaint)),
        _ => Ok(length),
    }
}

fn read_some(output: &mut dyn Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    loop {
        match output.read(buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

pub(crate) fn get_content(
    git: &Git<'_>,
    request: &GetContentRequest,
    sink: &mut dyn ByteSink,
) -> Result<StreamedContent> {
    let commit = resolve_or_main(git, request.reference.as_deref())?;
    let path = inner_path(&request.path)?;
    let object = format!("{commit}:{path}");
    if kind_at(git, &object)?.as_deref() != Some("blob") {
        return Err(no_such_path(path));
    }
    let length = stream(git, &["cat-file", "blob", &object], sink)?;
    Ok(StreamedContent {
        commit,
        length,
        ..Default::default()
    })
}

pub(crate) fn get_archive(
    git: &Git<'_>,
    request: &GetArchiveRequest,
    sink: &mut dyn ByteSink,
) -> Result<StreamedContent> {
    let format = match request.format {
        ArchiveFormat::ZIP => "--format=zip",
        ArchiveFormat::TAR_GZ => "--format=tar.gz",
        other => {
            return Err(VcsError::unsupported(&format!(
                "archives of format {other}"
            )));
        }
    };
    let commit = resolve_or_main(git, request.reference.as_deref())?;
    let prefix = match request.prefix.as_deref() {
        Some(prefix) if !prefix.is_empty() => format!("--prefix={}/", inner_path(prefix)?),
        _ => "--prefix=".to_owned(),
    };
    let length = stream(git, &["archive", format, &prefix, &commit], sink)?;
    Ok(StreamedContent {
        commit,
        length,
        ..Default::default()
    })
}
