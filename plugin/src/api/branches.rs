//! Branches.
//!
//! | method | sent | repeated | special errors |
//! |---|---|---|---|
//! | `branches` | pages of 100, in an order that the service keeps between pages; beside the first one the repository's main branch, cached for a few seconds | all | |
//! | `branch` | the branch by its name, and the main branch | all | `NotFound` with the name; in an empty repository for the main branch |
//! | `create_branch` | the creation | one whose response was lost is looked for first | `AlreadyExists`; `InvalidInput` if the target is not a hash |
//! | `delete_branch` | the deletion; after a 404 the repository, since a branch that is gone is a success and a repository that is not there is none | all | |

use crate::api::repositories::delete_within;
use crate::encoding::query_literal;
use crate::http::Request;
use crate::json::{Branch as WireBranch, branch_fields, is_hash};
use crate::page_length::List;
use crate::pages::{ENVELOPE, Pager};
use crate::repository_name::RepositoryName;
use crate::session::Session;
use serde_json::json;
use std::thread;
use vcs_provider_interface::prelude::*;

pub(crate) fn list(
    session: &Session,
    context: &dyn CallContext,
    request: BranchesRequest,
    sink: &mut dyn PageSink<Branch>,
) -> Result<()> {
    let repo = RepositoryName::parse(&request.repo)?;
    let sort = match request.sort {
        BranchSort::NAME_DESCENDING => "-name",
        BranchSort::LATEST_FIRST => "-target.date",
        _ => "name",
    };
    let mut listing = Request::get(repo.path(&["refs", "branches"]))
        .query("sort", sort)
        .fields(&format!("{},{ENVELOPE}", branch_fields!("values.")));
    if let Some(text) = request.filter.filter(|text| !text.is_empty()) {
        listing = listing.query("q", &format!("name ~ {}", query_literal(&text)));
    }
    let listing = Pager::new(&session.http, context, List::Branches, listing).limit(request.limit);
    let one_by_one = session.http.limits().parallel < 2 || request.limit == Some(0);
    if one_by_one || session.cached_main_branch(context, &repo).is_some() {
        let main_branch = session.main_branch(context, &repo)?;
        listing.push(sink, |branch: WireBranch| {
            Ok(branch.into_record(main_branch.as_deref()))
        })?;
        return Ok(());
    }
    // Asked for beside the first page, which needs it only once it is there.
    thread::scope(|scope| {
        let mut asked = Some(scope.spawn(|| session.main_branch(context, &repo)));
        let mut main_branch = None;
        listing.push(sink, |branch: WireBranch| {
            if let Some(asked) = asked.take() {
                main_branch = asked.join().map_err(|_| {
                    VcsError::new(ErrorKind::INTERNAL, "asking for the main branch panicked")
                })??;
            }
            Ok(branch.into_record(main_branch.as_deref()))
        })
    })?;
    Ok(())
}

pub(crate) fn get(
    session: &Session,
    context: &dyn CallContext,
    request: BranchRequest,
) -> Result<Branch> {
    let repo = RepositoryName::parse(&request.repo)?;
    let name = name_or_main(session, context, &repo, request.name.as_deref())?;
    let branch = fetch(session, context, &repo, &name)?.ok_or_else(|| no_branch(&repo, &name))?;
    let main_branch = session.main_branch(context, &repo)?;
    Ok(branch.into_record(main_branch.as_deref()))
}

pub(crate) fn create(
    session: &Session,
    context: &dyn CallContext,
    request: CreateBranchRequest,
) -> Result<Branch> {
    let repo = RepositoryName::parse(&request.repo)?;
    let (name, target) = checked_ref(&request.name, &request.target)?;
    let creation = Request::post(repo.path(&["refs", "branches"]))
        .json(&json!({"name": name, "target": {"hash": target}}))?;
    let branch: WireBranch = session.http.create(context, &creation, &|| {
        Ok(fetch(session, context, &repo, name)?.filter(|branch| {
            branch
                .target
                .as_ref()
                .and_then(|commit| commit.hash.as_deref())
                .is_some_and(|hash| hash.starts_with(target))
        }))
    })?;
    // A branch that was only just made is the main one in no repository but
    // an empty one, and there no commit could have been named.
    Ok(branch.into_record(None))
}

pub(crate) fn delete(
    session: &Session,
    context: &dyn CallContext,
    request: DeleteBranchRequest,
) -> Result<Done> {
    let repo = RepositoryName::parse(&request.repo)?;
    let name = checked_name(&request.name)?;
    delete_within(session, context, &repo, &["refs", "branches", name])
}

/// The branch that is asked for: this, or the main one.
///
/// # Errors
/// `NotFound` in an empty repository; those of a request.
pub(crate) fn name_or_main(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    name: Option<&str>,
) -> Result<String> {
    match name {
        Some(name) => checked_name(name).map(str::to_owned),
        None => session.main_branch(context, repo)?.ok_or_else(|| {
            VcsError::new(
                ErrorKind::NOT_FOUND,
                format!("{repo} is empty and has no main branch"),
            )
        }),
    }
}

/// The error of a branch that is not there.
pub(crate) fn no_branch(repo: &RepositoryName, name: &str) -> VcsError {
    VcsError::new(
        ErrorKind::NOT_FOUND,
        format!("{repo} has no branch `{name}`, or there is no access"),
    )
    .with_http_status(404)
}

/// The short name of a branch, whichever of its names is given.
pub(crate) fn short_name(name: &str) -> &str {
    name.strip_prefix("refs/heads/").unwrap_or(name)
}

/// The short name of a branch or tag.
pub(crate) fn checked_name(name: &str) -> Result<&str> {
    let bare = short_name(name);
    if bare.is_empty() {
        return Err(VcsError::new(
            ErrorKind::INVALID_INPUT,
            "the name of the branch or tag is empty",
        ));
    }
    Ok(bare)
}

/// The name and the target of a ref to create.
pub(crate) fn checked_ref<'a>(name: &'a str, target: &'a str) -> Result<(&'a str, &'a str)> {
    if !is_hash(target) {
        return Err(VcsError::new(
            ErrorKind::INVALID_INPUT,
            format!("`{target}` is not the hash of a commit"),
        ));
    }
    Ok((checked_name(name)?, target))
}

fn fetch(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    name: &str,
) -> Result<Option<WireBranch>> {
    let request = Request::get(repo.path(&["refs", "branches", name])).fields(branch_fields!(""));
    session.http.find(context, &request)
}
