//! Repositories: looking one up, and listing those of all workspaces.
//!
//! | method | sent | repeated | special errors |
//! |---|---|---|---|
//! | `repo_by_fullname` | the repository; a renamed one is found where its old address leads | all | |
//! | `repos` | the workspaces, unless one is asked for or they are configured, then the repositories of each, pages of 100, those of several workspaces side by side | all | a workspace that rejects is left out with a warning, unless all do |
//!
//! With an account only repositories that it is a member of are listed; an
//! access token is a member of nothing and lists what it sees.

use crate::encoding;
use crate::http::{CredentialType, Request};
use crate::json::{Repository as WireRepository, WorkspaceMembership, repository_fields};
use crate::page_length::List;
use crate::pages::{ENVELOPE, Pager};
use crate::repository_name::{RepositoryName, workspace_segment};
use crate::session::Session;
use vcs_provider_interface::prelude::*;

pub(crate) fn get(
    session: &Session,
    context: &dyn CallContext,
    request: RepositoryRequest,
) -> Result<Repository> {
    let repo = RepositoryName::parse(&request.repo)?;
    fetch(session, context, &repo).map(WireRepository::into_record)
}

/// Looks a repository up as Bitbucket has it.
///
/// # Errors
/// Those of a request.
pub(crate) fn fetch(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
) -> Result<WireRepository> {
    let request = Request::get(repo.path(&[])).fields(repository_fields!(""));
    let repository: WireRepository = session.http.json(context, &request)?;
    let main_branch = repository
        .mainbranch
        .as_ref()
        .and_then(|branch| branch.name.clone());
    session.cache_main_branch(repo, main_branch);
    Ok(repository)
}

/// Deletes something of a repository. What is gone already is a success, as
/// long as the repository itself is there.
///
/// # Errors
/// Those of a request.
pub(crate) fn delete_within(
    session: &Session,
    context: &dyn CallContext,
    repo: &RepositoryName,
    segments: &[&str],
) -> Result<Done> {
    match session.http.delete(context, repo.path(segments)) {
        Ok(()) => Ok(Done::changed()),
        Err(error) if error.kind == ErrorKind::NOT_FOUND => {
            let request = Request::get(repo.path(&[])).fields("uuid");
            session
                .http
                .send(context, &request)
                .map(|_| Done::unchanged())
        }
        Err(error) => Err(error),
    }
}

pub(crate) fn list(
    session: &Session,
    context: &dyn CallContext,
    request: RepositoriesRequest,
    sink: &mut dyn PageSink<Repository>,
) -> Result<()> {
    let filter = request.filter.as_deref().filter(|text| !text.is_empty());
    let only = request.workspace.as_deref().map(workspace_segment);
    let only = only
        .transpose()
        .map_err(|why| VcsError::new(ErrorKind::INVALID_INPUT, why))?;
    let is_one = only.is_some();
    let workspaces = match only {
        Some(workspace) => vec![workspace],
        None => workspaces(session, context)?,
    };
    let requests = workspaces
        .iter()
        .map(|workspace| listing(session, workspace, filter))
        .collect();
    let mut last_rejection = None;
    let mut rejections = 0;
    Pager::of_all(&session.http, context, List::Repositories, requests)
        .limit(request.limit)
        .push_all(
            sink,
            |repository: WireRepository| Ok(repository.into_record()),
            &mut |index, error| {
                if is_one || !is_local_rejection(&error) {
                    return Err(error);
                }
                let workspace = workspaces.get(index).map_or("?", String::as_str);
                session.http.log().warn(
                    "repositories",
                    format!("the workspace {workspace} is left out of the list: {error}"),
                );
                rejections += 1;
                last_rejection = Some(error);
                Ok(())
            },
        )?;
    match last_rejection {
        // Nothing but rejections is no empty list.
        Some(error) if rejections == workspaces.len() => Err(error),
        _ => Ok(()),
    }
}

/// Whether an error concerns one workspace and not the credential as a whole.
fn is_local_rejection(error: &VcsError) -> bool {
    matches!(
        error.kind,
        ErrorKind::PERMISSION_DENIED | ErrorKind::NOT_FOUND
    )
}

fn workspaces(session: &Session, context: &dyn CallContext) -> Result<Vec<String>> {
    if !session.config.workspaces.is_empty() {
        return Ok(session.config.workspaces.clone());
    }
    let request = crate::api::workspaces::request();
    let memberships: Vec<WorkspaceMembership> =
        Pager::new(&session.http, context, List::Workspaces, request)
            .collect()
            .map_err(|error| explain(session, error))?;
    Ok(memberships
        .into_iter()
        .filter_map(|membership| membership.workspace)
        .filter_map(|workspace| workspace.slug.or(workspace.uuid))
        .collect())
}

/// Access tokens cannot list workspaces; the error alone would not say what to do.
fn explain(session: &Session, error: VcsError) -> VcsError {
    let is_access_token =
        session.http.authorizer().credential_type() == CredentialType::AccessToken;
    let is_rejected = matches!(
        error.kind,
        ErrorKind::UNAUTHENTICATED | ErrorKind::PERMISSION_DENIED | ErrorKind::NOT_FOUND
    );
    if is_access_token && is_rejected {
        return error.in_context(
            "an access token cannot list workspaces, so name them under `workspaces` in the \
             configuration",
        );
    }
    error
}

/// The request for the repositories of a workspace.
pub(crate) fn list_request(session: &Session, workspace: &str) -> Request {
    let request = Request::get(encoding::path(&["repositories", workspace]));
    match session.http.authorizer().credential_type() {
        // An access token is no member of anything.
        CredentialType::AccessToken | CredentialType::Anonymous => request,
        CredentialType::ApiToken | CredentialType::OAuth => request.query("role", "member"),
    }
}

/// The list of a workspace's repositories.
fn listing(session: &Session, workspace: &str, filter: Option<&str>) -> Request {
    let request = list_request(session, workspace)
        .query("sort", "full_name")
        .fields(&format!("{},{ENVELOPE}", repository_fields!("values.")));
    match filter {
        Some(text) => request.query("q", &format!("name ~ {}", encoding::query_literal(text))),
        None => request,
    }
}
