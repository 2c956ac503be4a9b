//! What a new server must answer before it serves.

use vcs_provider_interface::context::CallContext;
use vcs_provider_interface::error::{ErrorKind, Result};
use vcs_provider_interface::prelude::VcsServer;
use vcs_provider_interface::records::{ServerInfoRequest, WebhooksInfoRequest};

/// The default probe: what a server says of webhooks and of polling, for which
/// it sends nothing. A provider without either passes.
///
/// # Errors
/// What the server answers, but for `Unsupported`.
pub fn default_probe(server: &dyn VcsServer, context: &dyn CallContext) -> Result<()> {
    let or_unsupported = |outcome: Result<()>| match outcome {
        Err(error) if error.kind == ErrorKind::UNSUPPORTED => Ok(()),
        other => other,
    };
    let webhooks = server.webhooks_info(context, WebhooksInfoRequest::default());
    or_unsupported(webhooks.map(drop))?;
    let polling = server.polling_info(context, ServerInfoRequest::default());
    or_unsupported(polling.map(drop))
}
