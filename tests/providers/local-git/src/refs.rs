//! Branches and tags.

use crate::commits::resolve_hash;
use crate::git::{Git, Next, failed};
use crate::names::{Namespace, is_ref_name, require_ref_name};
use crate::repositories::{Pages, main_branch};
use vcs_provider_interface::prelude::*;

const BRANCH_FIELDS: &str = "--format=%(refname)%00%(objectname)%00%(parent)%00";
const TAG_FIELDS: &str = "--format=%(refname)%00%(objectname)%00%(*objectname)%00%(objecttype)%00\
    %(contents)%00%(taggername)%00%(taggeremail:trim)%00%(authorname)%00%(authoremail:trim)%00\
    %(creatordate:unix)%00";

fn not_found(kind: &str, name: &str) -> VcsError {
    VcsError::new(ErrorKind::NOT_FOUND, format!("there is no {kind} {name:?}"))
}

/// A field of `for-each-ref`, whose records are separated by line feeds.
fn first_field(field: &str) -> &str {
    field.strip_prefix('\n').unwrap_or(field)
}

/// Hands out the refs that match; a trailing line feed is no ref.
fn each_ref(
    git: &Git<'_>,
    arguments: &[&str],
    fields: usize,
    take: impl FnMut(Vec<String>) -> Result<Next>,
) -> Result<()> {
    let mut all = vec!["for-each-ref"];
    all.extend_from_slice(arguments);
    git.records(&all, fields, take)
}

fn branch_of(fields: &[String], main: Option<&str>) -> Option<Branch> {
    let [refname, hash, parents] = fields else {
        return None;
    };
    let refname = first_field(refname);
    let name = refname.strip_prefix(Namespace::Branch.prefix())?;
    Some(Branch {
        id: refname.to_owned(),
        display_id: name.to_owned(),
        latest_commit: hash.clone(),
        default: Some(main == Some(name)),
        parents: parents.split_whitespace().map(str::to_owned).collect(),
        ..Default::default()
    })
}

pub(crate) fn branches(
    git: &Git<'_>,
    request: &BranchesRequest,
    sink: &mut dyn PageSink<Branch>,
) -> Result<()> {
    let sort = match request.sort {
        BranchSort::NAME_DESCENDING => "--sort=-refname",
        BranchSort::LATEST_FIRST => "--sort=-committerdate",
        _ => "--sort=refname",
    };
    let main = main_branch(git)?;
    let filter = request.filter.as_deref().unwrap_or_default();
    let mut pages = Pages::new(git.context(), sink, request.limit);
    if pages.is_full() {
        return Ok(());
    }
    each_ref(
        git,
        &[sort, BRANCH_FIELDS, "refs/heads/"],
        3,
        |fields| match branch_of(&fields, main.as_deref()) {
            Some(branch) if branch.display_id.contains(filter) => more(pages.push(branch)?),
            _ => Ok(Next::More),
        },
    )?;
    pages.flush()
}

fn more(is_wanted: bool) -> Result<Next> {
    Ok(if is_wanted { Next::More } else { Next::Enough })
}

pub(crate) fn branch(git: &Git<'_>, name: Option<&str>) -> Result<Branch> {
    let main = main_branch(git)?;
    let name = match (name, &main) {
        (Some(name), _) => name,
        (None, Some(main)) => main,
        (None, None) => return Err(not_found("branch", "HEAD")),
    };
    if !is_ref_name(name) {
        return Err(not_found("branch", name));
    }
    let full = format!("{}{name}", Namespace::Branch.prefix());
    let mut found = None;
    // The pattern also matches what stands below `name/`.
    each_ref(git, &[BRANCH_FIELDS, &full], 3, |fields| {
        if let Some(branch) = branch_of(&fields, main.as_deref()) {
            if branch.display_id == name {
                found = Some(branch);
            }
        }
        Ok(Next::More)
    })?;
    found.ok_or_else(|| not_found("branch", name))
}

pub(crate) fn create_branch(git: &Git<'_>, request: &CreateBranchRequest) -> Result<Branch> {
    create_ref(git, Namespace::Branch, &request.name, &request.target)?;
    branch(git, Some(&request.name))
}

fn create_ref(git: &Git<'_>, namespace: Namespace, name: &str, target: &str) -> Result<()> {
    require_ref_name(name)?;
    let hash = resolve_hash(git, target)?;
    let full = format!("{}{name}", namespace.prefix());
    // The empty old value makes git refuse a ref that exists.
    create(git, &full, &["update-ref", "--no-deref", &full, &hash, ""])
}

/// Runs a command that creates a ref and says why if it did not.
fn create(git: &Git<'_>, full: &str, arguments: &[&str]) -> Result<()> {
    let ended = git.ask(arguments)?;
    if ended.succeeded {
        return Ok(());
    }
    let kind = if exists(git, full)? {
        ErrorKind::ALREADY_EXISTS
    } else {
        ErrorKind::CONFLICT
    };
    Err(VcsError::new(
        kind,
        format!("{full:?} was not created: {}", ended.complaint),
    ))
}

fn exists(git: &Git<'_>, full: &str) -> Result<bool> {
    let shown = git.ask(&["show-ref", "--verify", "--quiet", full])?;
    Ok(shown.succeeded)
}

pub(crate) fn delete_branch(git: &Git<'_>, request: &DeleteBranchRequest) -> Result<Done> {
    require_ref_name(&request.name)?;
    let full = format!("{}{}", Namespace::Branch.prefix(), request.name);
    let arguments = ["update-ref", "--no-deref", "-d", &full];
    if !exists(git, &full)? {
        return Ok(Done::unchanged());
    }
    let ended = git.ask(&arguments)?;
    if ended.succeeded || !exists(git, &full)? {
        return Ok(Done::changed());
    }
    Err(failed(&arguments, &ended.complaint))
}

fn tag_of(fields: Vec<String>) -> Option<Tag> {
    let [
        refname,
        object,
        target,
        kind,
        contents,
        tagger,
        tagger_email,
        author,
        author_email,
        date,
    ]: [String; 10] = fields.try_into().ok()?;
    let name = first_field(&refname).strip_prefix(Namespace::Tag.prefix())?;
    let is_annotated = kind == "tag";
    let (person, email) = if is_annotated {
        (tagger, tagger_email)
    } else {
        (author, author_email)
    };
    Some(Tag {
        tag: name.to_owned(),
        hash: if target.is_empty() {
            object.clone()
        } else {
            target
        },
        sha: object,
        message: if is_annotated {
            contents.trim_end().to_owned()
        } else {
            String::new()
        },
        tagger: Author {
            display_name: person,
            email,
            ..Default::default()
        },
        timestamp: date.parse::<i64>().ok().map(|seconds| seconds * 1000),
        annotated: Some(is_annotated),
        ..Default::default()
    })
}

pub(crate) fn tags(
    git: &Git<'_>,
    request: &TagsRequest,
    sink: &mut dyn PageSink<Tag>,
) -> Result<()> {
    let filter = request.filter.as_deref().unwrap_or_default();
    let mut pages = Pages::new(git.context(), sink, request.limit);
    if pages.is_full() {
        return Ok(());
    }
    each_ref(
        git,
        &[TAG_FIELDS, "refs/tags/"],
        10,
        |fields| match tag_of(fields) {
            Some(tag) if tag.tag.contains(filter) => more(pages.push(tag)?),
            _ => Ok(Next::More),
        },
    )?;
    pages.flush()
}

pub(crate) fn tag(git: &Git<'_>, name: &str) -> Result<Tag> {
    if !is_ref_name(name) {
        return Err(not_found("tag", name));
    }
    let full = format!("{}{name}", Namespace::Tag.prefix());
    let mut found = None;
    each_ref(git, &[TAG_FIELDS, &full], 10, |fields| {
        if let Some(tag) = tag_of(fields).filter(|tag| tag.tag == name) {
            found = Some(tag);
        }
        Ok(Next::More)
    })?;
    found.ok_or_else(|| not_found("tag", name))
}

pub(crate) fn create_tag(git: &Git<'_>, request: &CreateTagRequest) -> Result<Tag> {
    let Some(message) = request.message.as_deref() else {
        create_ref(git, Namespace::Tag, &request.name, &request.target)?;
        return tag(git, &request.name);
    };
    require_ref_name(&request.name)?;
    let hash = resolve_hash(git, &request.target)?;
    let full = format!("{}{}", Namespace::Tag.prefix(), request.name);
    let annotate = ["tag", "--annotate", "--cleanup=verbatim", "-m", message];
    let arguments = [&annotate[..], &["--", &request.name, &hash]].concat();
    create(git, &full, &arguments)?;
    tag(git, &request.name)
}
