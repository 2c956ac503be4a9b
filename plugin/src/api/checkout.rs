//! What Git needs to clone and push.
//!
//! Sent: the repository, for its clone addresses. Repeated: that. The
//! credential is the one of the client, renewed if need be, with the user that
//! Bitbucket wants for its kind; it stands in no address. With it go the proxy
//! and the authorities of the configuration, so that Git takes the same way, and
//! the host keys of the SSH address. The tokens have the lifetime that the
//! service gives them; there are none for one checkout.

use crate::api::{host_keys, repositories};
use crate::http::Origin;
use crate::repository_name::RepositoryName;
use crate::session::Session;
use vcs_provider_interface::prelude::*;

/// Clone addresses and the credential that goes with them.
///
/// # Errors
/// Those of a request; `InvalidResponse` if the service names a clone address
/// elsewhere than at its website: the credential must not go there.
pub(crate) fn credentials(
    session: &Session,
    context: &dyn CallContext,
    request: CheckoutRequest,
) -> Result<CheckoutCredentials> {
    let repo = RepositoryName::parse(&request.repo)?;
    let record = repositories::fetch(session, context, &repo)?.into_record();
    if !is_same_origin(&record.http_url, &session.config.web_url) {
        return Err(VcsError::new(
            ErrorKind::INVALID_RESPONSE,
            "the service names a clone address at another place than its website (webUrl), where \
             no credential is sent",
        ));
    }
    let authorizer = session.http.authorizer();
    let authorization = authorizer.authorization(context)?;
    let known_hosts = host_keys::known_hosts(&record.ssh_url);
    Ok(CheckoutCredentials {
        http_url: record.http_url,
        ssh_url: record.ssh_url,
        username: authorizer.credential_type().git_user().map(str::to_owned),
        secret: authorization.token,
        expires_at_ms: authorization.expires_at_ms,
        known_hosts,
        network: session.config.network()?,
        // Bitbucket Cloud keeps no refs of pull requests.
        ..Default::default()
    })
}

fn is_same_origin(left: &str, right: &str) -> bool {
    let origin = |address: &str| Origin::of(&address.parse().ok()?).ok();
    matches!((origin(left), origin(right)), (Some(left), Some(right)) if left == right)
}
