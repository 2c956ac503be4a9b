//! What a ref stands for: names become hashes before they are put anywhere
//! but into the ref endpoints, since a name with a slash is ambiguous elsewhere.

use crate::http::{Request, Response};
use crate::json::{CommitRef, is_full_hash, is_hash};
use crate::repository_name::RepositoryName;
use crate::session::Session;
use serde::Deserialize;
use vcs_provider_interface::prelude::*;

#[derive(Deserialize)]
struct Target {
    target: CommitRef,
}

/// The full hash of a branch, tag or hash. Where a branch and a tag have the
/// same name, the branch counts; `refs/heads/…` and `refs/tags/…` choose.
///
/// # Errors
/// `NotFound` if it is none of them; those of a request.
pub(crate) fn resolve(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    reference: &str,
) -> Result<String> {
    if reference.is_empty() {
        return Err(VcsError::new(ErrorKind::INVALID_INPUT, "the ref is empty"));
    }
    if is_full_hash(reference) {
        return Ok(reference.to_ascii_lowercase());
    }
    let found = if let Some(name) = reference.strip_prefix("refs/heads/") {
        ref_target(session, context, repo, "branches", name)?
    } else if let Some(name) = reference.strip_prefix("refs/tags/") {
        ref_target(session, context, repo, "tags", name)?
    } else {
        match ref_target(session, context, repo, "branches", reference)? {
            Some(hash) => Some(hash),
            None => match ref_target(session, context, repo, "tags", reference)? {
                Some(hash) => Some(hash),
                None if is_hash(reference) => expand(session, context, repo, reference)?,
                None => None,
            },
        }
    };
    found.ok_or_else(|| {
        VcsError::new(
            ErrorKind::NOT_FOUND,
            format!("{repo} has no branch, tag or commit `{reference}`, or there is no access"),
        )
    })
}

/// The full hash of a branch, tag or hash; `None` asks for the main branch.
///
/// # Errors
/// As for [`resolve`].
pub(crate) fn resolve_or_main(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    reference: Option<&str>,
) -> Result<String> {
    match reference {
        Some(reference) => resolve(session, context, repo, reference),
        None => branch_head(session, context, repo, None),
    }
}

/// The full hash of a branch's last commit; `None` asks for the main branch.
///
/// # Errors
/// `NotFound` if there is none; those of a request.
pub(crate) fn branch_head(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    branch: Option<&str>,
) -> Result<String> {
    let name = crate::api::branches::name_or_main(session, context, repo, branch)?;
    ref_target(session, context, repo, "branches", &name)?
        .ok_or_else(|| crate::api::branches::no_branch(repo, &name))
}

/// The full hash of the main branch's last commit, in one request: the service
/// redirects from the root of the sources to those of that commit.
///
/// # Errors
/// `NotFound` if the repository is empty; those of a request.
pub(crate) fn main_head(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
) -> Result<String> {
    let request = Request::get(repo.path(&["src"])).without_redirects();
    let hash = match session.http.send(context, &request) {
        Ok(response) => hash_of_redirect(&response),
        // An empty repository, or a service that knows no such address.
        Err(error) if error.kind == ErrorKind::NOT_FOUND => None,
        Err(error) => return Err(error),
    };
    match hash {
        Some(hash) => Ok(hash),
        None => branch_head(session, context, repo, None),
    }
}

fn hash_of_redirect(response: &Response) -> Option<String> {
    let (_, rest) = response.head.header("location")?.split_once("/src/")?;
    let hash = rest.split(['/', '?']).next()?;
    is_full_hash(hash).then(|| hash.to_ascii_lowercase())
}

fn ref_target(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    kind: &str,
    name: &str,
) -> Result<Option<String>> {
    let request = Request::get(repo.path(&["refs", kind, name])).fields("target.hash");
    let found: Option<Target> = session.http.find(context, &request)?;
    Ok(found.and_then(|found| found.target.hash))
}

fn expand(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    hash: &str,
) -> Result<Option<String>> {
    let request = Request::get(repo.path(&["commit", hash])).fields("hash");
    let found: Option<CommitRef> = session.http.find(context, &request)?;
    Ok(found.and_then(|commit| commit.hash))
}

/// Expands a shortened hash in place. It stays short where the commit cannot
/// be looked up: in a deleted fork, in one that the credential may not see, or
/// after a force push.
///
/// # Errors
/// Of the request, but for `NotFound` and `PermissionDenied`.
pub(crate) fn expand_hash(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    hash: &mut String,
) -> Result<()> {
    if hash.is_empty() || is_full_hash(hash) {
        return Ok(());
    }
    let request = Request::get(repo.path(&["commit", hash])).fields("hash");
    match session.http.json::<CommitRef>(context, &request) {
        Ok(commit) => {
            if let Some(full) = commit.hash.filter(|full| full.starts_with(hash.as_str())) {
                *hash = full;
            }
            Ok(())
        }
        Err(error)
            if matches!(
                error.kind,
                ErrorKind::NOT_FOUND | ErrorKind::PERMISSION_DENIED
            ) =>
        {
            Ok(())
        }
        Err(error) => Err(error),
    }
}
