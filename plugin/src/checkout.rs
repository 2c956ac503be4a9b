//! What Git needs to clone and push.

use crate::repositories;
use crate::repository_name::RepositoryName;
use crate::session::Session;
use vcs_provider_interface::prelude::*;

pub(crate) fn credentials(
    session: &Session,
    context: &dyn CallContext,
    request: RepositoryRequest,
) -> Result<CheckoutCredentials> {
    let repo = RepositoryName::parse(&request.repo)?;
    let record = repositories::fetch(session, context, &repo)?.into_record();
    let authorizer = session.http.authorizer();
    let authorization = authorizer.authorization(context)?;
    Ok(CheckoutCredentials {
        http_url: record.http_url,
        ssh_url: record.ssh_url,
        username: authorizer.credential_type().git_user().map(str::to_owned),
        secret: authorization.token,
        expires_at_ms: authorization.expires_at_ms,
    })
}
