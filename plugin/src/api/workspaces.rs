//! Workspaces: those that the credential lists, or those that are configured
//! for credentials that cannot.
//!
//! Sent: pages of 100, or one request for each configured workspace, several side by
//! side. Repeated:
//! all. An access token without configured workspaces gets the error of the
//! service with the advice to configure them.

use crate::encoding;
use crate::http::Request;
use crate::json::{Workspace as WireWorkspace, WorkspaceMembership, workspace_membership_fields};
use crate::page_length::List;
use crate::pages::{ENVELOPE, Pager};
use crate::session::Session;
use std::thread;
use vcs_provider_interface::prelude::*;

/// The request for the workspaces of the credential's account.
pub(crate) fn request() -> Request {
    Request::get("/user/workspaces").fields(&format!(
        "{},{ENVELOPE}",
        workspace_membership_fields!("values.")
    ))
}

pub(crate) fn list(
    session: &Session,
    context: &dyn CallContext,
    request: WorkspacesRequest,
    sink: &mut dyn PageSink<Workspace>,
) -> Result<()> {
    let configured = &session.config.workspaces;
    if !configured.is_empty() {
        let wanted = request.limit.map_or(usize::MAX, |limit| {
            usize::try_from(limit).unwrap_or(usize::MAX)
        });
        let wanted = configured.iter().take(wanted).collect::<Vec<_>>();
        let mut seen = Vec::new();
        for slugs in wanted.chunks(session.http.limits().parallel) {
            let found = thread::scope(|scope| {
                let asked: Vec<_> = slugs
                    .iter()
                    .map(|slug| scope.spawn(|| configured_workspace(session, context, slug)))
                    .collect();
                asked
                    .into_iter()
                    .map(|asked| asked.join().unwrap_or_else(|_| Err(panicked())))
                    .collect::<Result<Vec<_>>>()
            })?;
            seen.extend(found.into_iter().flatten());
        }
        if !seen.is_empty() {
            let total = seen.len() as u64;
            sink.page(seen, Some(total))?;
        }
        return Ok(());
    }
    Pager::new(&session.http, context, List::Workspaces, self::request())
        .limit(request.limit)
        .push(sink, |membership: WorkspaceMembership| {
            let workspace = membership.workspace.unwrap_or_default();
            Ok(workspace.into_record(membership.administrator))
        })?;
    Ok(())
}

fn panicked() -> VcsError {
    VcsError::new(ErrorKind::INTERNAL, "asking for a workspace panicked")
}

/// A configured workspace; one that the credential may not look at is still
/// listed, by its slug, since its repositories may be visible.
fn configured_workspace(
    session: &Session,
    context: &dyn CallContext,
    slug: &str,
) -> Result<Option<Workspace>> {
    let request = Request::get(encoding::path(&["workspaces", slug])).fields("uuid,slug,name");
    match session.http.json::<WireWorkspace>(context, &request) {
        Ok(workspace) => Ok(Some(workspace.into_record(None))),
        Err(error) if error.kind == ErrorKind::PERMISSION_DENIED => Ok(Some(Workspace {
            slug: slug.to_owned(),
            name: slug.to_owned(),
            ..Workspace::default()
        })),
        Err(error) if error.kind == ErrorKind::NOT_FOUND => {
            session.http.log().warn(
                "workspaces",
                format!("the configured workspace {slug} is left out: {error}"),
            );
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
