//! The consumer itself as the credential, for engines without a user.

use super::grant::Lease;
use super::single_flight::SingleFlight;
use super::token_endpoint::{Rejection, TokenEndpoint};
use crate::http::{Authorization, Authorizer, CredentialType, Renewal};
use std::sync::Arc;
use vcs_provider_interface::prelude::*;

/// Fetches tokens with the client-credentials grant and keeps them in memory:
/// there is nothing to rotate, so nothing to store.
pub(crate) struct ClientCredentials {
    endpoint: Arc<TokenEndpoint>,
    lease: SingleFlight<Lease>,
}

impl ClientCredentials {
    pub(crate) fn new(endpoint: Arc<TokenEndpoint>) -> Self {
        Self {
            endpoint,
            lease: SingleFlight::new(),
        }
    }

    fn lease(&self, context: &dyn CallContext, after: u64) -> Result<Lease> {
        let usable = |lease: &Lease| lease.generation() > after && !lease.is_due();
        self.lease.get(context, usable, |present| {
            let generation = present.map_or(0, |lease| lease.generation()).max(after) + 1;
            let tokens = self
                .endpoint
                .client_credentials(context)
                .map_err(Rejection::into_error)?;
            Ok(Lease::fresh(&tokens, generation))
        })
    }
}

impl Authorizer for ClientCredentials {
    fn credential_type(&self) -> CredentialType {
        CredentialType::OAuth
    }

    fn authorization(&self, context: &dyn CallContext) -> Result<Authorization> {
        Ok(self.lease(context, 0)?.authorization())
    }

    fn renew(&self, context: &dyn CallContext, rejected: &Authorization) -> Result<Renewal> {
        self.lease(context, rejected.generation)?;
        Ok(Renewal::Renewed)
    }
}
