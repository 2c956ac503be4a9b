//! Forks of a repository.
//!
//! Sent: pages of 100, oldest first. Repeated: all. Forks that the credential
//! may not see are left out by the service.

use crate::http::Request;
use crate::json::{Repository as WireRepository, repository_fields};
use crate::page_length::List;
use crate::pages::{ENVELOPE, Pager};
use crate::repository_name::RepositoryName;
use crate::session::Session;
use vcs_provider_interface::prelude::*;

/// Lists the forks of a repository.
pub(crate) fn list(
    session: &Session,
    context: &dyn CallContext,
    request: ForksRequest,
    sink: &mut dyn PageSink<Repository>,
) -> Result<()> {
    let repo = RepositoryName::parse(&request.repo)?;
    let listed = Request::get(repo.path(&["forks"]))
        .query("sort", "created_on")
        .fields(&format!("{},{ENVELOPE}", repository_fields!("values.")));
    Pager::new(&session.http, context, List::Forks, listed)
        .limit(request.limit)
        .push(sink, |fork: WireRepository| Ok(fork.into_record()))?;
    Ok(())
}
