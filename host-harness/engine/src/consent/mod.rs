//! The consent flow: a user allows the engine to act for a project, the service
//! gives a code, the provider makes a grant of it.
//!
//! The state is kept as a digest, is taken out of the store when it comes back,
//! whatever comes with it, ends after ten minutes, and names the project that
//! the grant is for: nothing that comes with the callback can change that.

use crate::clock::later;
use crate::engine::Engine;
use crate::random;
use crate::store::{ConsentState, StoreError};
use std::time::Duration;
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::records::{AuthorizeRequest, AuthorizeTokenRequest};
use vcs_provider_interface::secret::Secret;

/// How long a user has to consent.
const STATE_LIFE: Duration = Duration::from_secs(10 * 60);

/// How many characters a state of 128 random bits has at least.
const SHORTEST_STATE: usize = 22;

/// The place that PKCE verifiers are sealed for.
const VERIFIER_PLACE: &str = "consent-verifier";

/// How long to wait for somebody who is renewing the grant that is replaced.
const LOCK_WAIT: Duration = Duration::from_secs(30);

/// Where to send a user who is to consent.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Consent {
    /// The service's consent page. Holds the state: not for logs.
    pub url: String,
    /// Where the service sends the user back to.
    pub redirect_uri: String,
    /// When it is too late, in milliseconds since 1970-01-01 UTC.
    pub expires_at: i64,
}

/// What the service sent the user back with.
#[derive(Debug)]
pub struct Callback {
    /// The state, if there was one.
    pub state: Option<Secret>,
    /// The code, if the user consented.
    pub code: Option<Secret>,
    /// The service's word for why there is no code, such as `access_denied`.
    pub error: Option<String>,
    /// Who made the code, if the service says so (RFC 9207).
    pub issuer: Option<String>,
    /// The project and server that the caller says it is for, if it says so.
    pub expected: Option<(String, String)>,
}

/// A project that may act on a server now.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Consented {
    /// The project.
    pub project: String,
    /// The server.
    pub server: String,
    /// What the grant allows, where the service says.
    pub scopes: Vec<String>,
}

/// Why there is no grant. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum ConsentError {
    /// The state is missing, was used, is somebody else's or too old.
    #[error(
        "this answer of the consent page belongs to no open request: it is missing its state, was used before, is older than ten minutes, or was made for another project; begin again"
    )]
    UnknownState,
    /// The user or the service said no.
    #[error("the service did not give access: {0}")]
    Denied(String),
    /// There is neither a code nor an error.
    #[error("the service sent no code; begin again")]
    NoCode,
    /// The code could not be exchanged or the grant not stored.
    #[error("{0}")]
    Failed(#[from] VcsError),
}

impl From<StoreError> for ConsentError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// The id of the grant that a project holds for a server.
#[must_use]
pub fn grant_id(project: &str, server: &str) -> String {
    format!("{project}/{server}")
}

impl Engine {
    /// Where services send users back to. It has to be entered at the service
    /// exactly like this.
    #[must_use]
    pub fn consent_callback(&self) -> String {
        let settings = &self.settings;
        if settings.development {
            format!("{}/repositories_manager/oauth2/callback", settings.api_url)
        } else {
            format!(
                "{}/cdsapi/repositories_manager/oauth2/callback",
                settings.ui_url
            )
        }
    }

    /// Begins the consent flow for a project. Blocks.
    ///
    /// # Errors
    /// The provider's and the store's; `InvalidResponse` if the provider's state
    /// could be guessed.
    pub fn begin_consent(&self, project: &str, server: &str) -> Result<Consent, VcsError> {
        let redirect_uri = self.consent_callback();
        let request = AuthorizeRequest {
            redirect_uri: Some(redirect_uri.clone()),
            ..AuthorizeRequest::default()
        };
        let context = self.background("authorize_redirect");
        let redirect = self
            .servers
            .server(server)?
            .authorize_redirect(&context, request)?;
        let state = redirect
            .state
            .filter(|state| state.len() >= SHORTEST_STATE)
            .ok_or_else(|| {
                VcsError::new(
                    ErrorKind::INVALID_RESPONSE,
                    "the provider made no state of 128 random bits for the consent page",
                )
            })?;
        let expires_at = later(self.now(), STATE_LIFE);
        let kept = ConsentState {
            project: project.to_owned(),
            server: server.to_owned(),
            redirect_uri: redirect_uri.clone(),
            expires_at,
            sealed_verifier: redirect
                .code_verifier
                .map(|verifier| self.grants.sealer().seal(VERIFIER_PLACE, &verifier))
                .transpose()?,
        };
        self.store
            .add_consent_state(random::digest(state.expose()), kept, self.now())?;
        Ok(Consent {
            url: redirect.url,
            redirect_uri,
            expires_at,
        })
    }

    /// Ends the consent flow: the code becomes the project's grant. Blocks.
    ///
    /// # Errors
    /// See [`ConsentError`]; after any of them nothing was stored, and the state
    /// is used up.
    pub fn end_consent(&self, callback: Callback) -> Result<Consented, ConsentError> {
        let Some(state) = callback.state else {
            return Err(ConsentError::UnknownState);
        };
        // Looked up by digest: how long that takes tells nothing of the state.
        let asked_for = self
            .store
            .take_consent_state(random::digest(state.expose()))?
            .filter(|kept| kept.expires_at > self.now())
            .ok_or(ConsentError::UnknownState)?;
        if let Some((project, server)) = &callback.expected {
            let same = random::digests_equal(
                &random::digest(&grant_id(project, server)),
                &random::digest(&grant_id(&asked_for.project, &asked_for.server)),
            );
            if !same {
                return Err(ConsentError::UnknownState);
            }
        }
        if let Some(error) = callback.error {
            return Err(ConsentError::Denied(readable(&error)));
        }
        let code = callback.code.filter(|code| !code.is_empty());
        let request = AuthorizeTokenRequest {
            code: Some(code.ok_or(ConsentError::NoCode)?),
            redirect_uri: Some(asked_for.redirect_uri),
            code_verifier: asked_for
                .sealed_verifier
                .map(|sealed| self.grants.sealer().open(VERIFIER_PLACE, &sealed))
                .transpose()?,
            state: Some(state),
            issuer: callback.issuer,
            ..AuthorizeTokenRequest::default()
        };
        let context = self.background("authorize_token");
        let grant = self
            .servers
            .server(&asked_for.server)?
            .authorize_token(&context, request)?;
        let (project, server) = (asked_for.project, asked_for.server);
        let id = grant_id(&project, &server);
        let scopes = grant.scopes.clone();
        self.grants.replace(&id, grant, LOCK_WAIT)?;
        self.store
            .set_project_grant(&project, &server, &id, self.now())?;
        tracing::info!(project, server, "a project may act on a server now");
        Ok(Consented {
            project,
            server,
            scopes,
        })
    }
}

impl Engine {
    /// Puts the way out into an error that only means that a project has not
    /// consented: another kind of error is returned as it is. Blocks.
    #[must_use]
    pub fn explain_missing_consent(
        &self,
        project: &str,
        server: &str,
        error: VcsError,
    ) -> VcsError {
        if error.kind != ErrorKind::CONFIG
            || !matches!(self.store.project_grant(project, server), Ok(None))
        {
            return error;
        }
        match self.begin_consent(project, server) {
            Ok(consent) => VcsError::new(
                ErrorKind::CONFLICT,
                format!(
                    "project {project} has not consented on {server}: open {} within {} minutes, \
                     then repeat this",
                    consent.url,
                    STATE_LIFE.as_secs() / 60
                ),
            )
            .with_extra("consent_url", consent.url),
            // Nobody can consent here: the configuration is what is missing.
            Err(_) => error,
        }
    }

    /// Takes the grant of a project for a server away: the sealed pair is wiped
    /// from the store's file. Returns the applications that used it. Blocks.
    ///
    /// # Errors
    /// `NotFound` if the project holds none; `Timeout` if somebody renews it all
    /// the while; the store's.
    pub fn revoke_consent(&self, project: &str, server: &str) -> Result<Vec<String>, VcsError> {
        self.grants
            .revoke(project, server, &grant_id(project, server), LOCK_WAIT)?;
        let mut applications = self.store.applications()?;
        applications
            .retain(|application| application.project == project && application.server == server);
        tracing::info!(project, server, "a project's grant was revoked");
        Ok(applications
            .into_iter()
            .map(|application| application.name)
            .collect())
    }
}

/// A word of the service as it may be shown: short, and without anything that
/// could be taken for markup or for a new line of a log.
fn readable(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.' | ',' | ':'))
        .take(200)
        .collect()
}
