//! The beginning of the consent flow: where to send the user.

use crate::encoding;
use vcs_provider_interface::prelude::*;

/// Bytes of randomness in the `state` parameter: 256 bits.
const STATE_BYTES: usize = 32;

/// The consent page of the service with a fresh `state`.
///
/// # Errors
/// `Internal` if the system gives no randomness.
pub(crate) fn consent_redirect(
    oauth_url: &str,
    client_id: &str,
    request: &AuthorizeRequest,
) -> Result<AuthorizeRedirect> {
    let state = random_state()?;
    let mut fields = vec![
        ("client_id", client_id),
        ("response_type", "code"),
        ("state", state.expose()),
    ];
    fields.extend(
        request
            .redirect_uri
            .as_deref()
            .map(|uri| ("redirect_uri", uri)),
    );
    Ok(AuthorizeRedirect {
        url: format!("{oauth_url}/authorize?{}", encoding::query(fields)),
        state: Some(state),
        ..Default::default()
    })
}

fn random_state() -> Result<Secret> {
    let mut bytes = [0; STATE_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| {
        VcsError::new(
            ErrorKind::INTERNAL,
            "the system gives no random numbers for the consent flow",
        )
    })?;
    Ok(Secret::new(
        bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    ))
}
