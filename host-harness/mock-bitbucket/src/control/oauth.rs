//! What tests and demos can do with the OAuth server of a running mock.

use crate::control::error::MockError;
use crate::control::handle::MockBitbucket;
use crate::model::oauth::{OAuthCounts, OAuthPolicy};
use crate::sync::lock;

/// What a person does on the page that asks for access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsentDecision {
    /// Allows it, for the mock's first account.
    Allow,
    /// Allows it, for the account with this e-mail address.
    AllowAs(String),
    /// Denies it.
    Deny,
}

impl MockBitbucket {
    /// Plays a person's browser: opens the page at `authorize_url`, presses one
    /// of its buttons, and returns the address the browser is sent to.
    ///
    /// # Errors
    ///
    /// When the page cannot be reached, or does not lead anywhere: the client or
    /// its callback is not registered.
    pub fn consent(
        &self,
        authorize_url: &str,
        decision: &ConsentDecision,
    ) -> Result<String, MockError> {
        let nowhere = || MockError::Missing("way on from this authorize page".to_owned());
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .build()
            .into();
        let page = agent.get(authorize_url).call().map_err(|_| nowhere())?;
        if page.status() != 200 {
            return Err(nowhere());
        }
        let mut form = vec![("action", "allow")];
        match decision {
            ConsentDecision::Allow => {}
            ConsentDecision::AllowAs(email) => form.push(("account", email)),
            ConsentDecision::Deny => form[0].1 = "deny",
        }
        let response = agent
            .post(authorize_url)
            .send_form(form)
            .map_err(|_| nowhere())?;
        response
            .headers()
            .get("location")
            .and_then(|location| location.to_str().ok())
            .map(str::to_owned)
            .ok_or_else(nowhere)
    }

    /// How often the token endpoint was asked for what.
    #[must_use]
    pub fn oauth_counts(&self) -> OAuthCounts {
        lock(&self.service().oauth).counts
    }

    /// Changes how the OAuth server behaves from now on.
    pub fn set_oauth_policy(&self, policy: OAuthPolicy) {
        lock(&self.service().oauth).policy = policy;
    }

    /// Takes every consent back: no OAuth token that was given out works any more.
    pub fn revoke_oauth_grants(&self) {
        let revoked = lock(&self.service().oauth).revoke_all();
        let mut tokens = lock(&self.service().tokens);
        for token in revoked {
            tokens.revoke(&token);
        }
    }
}
