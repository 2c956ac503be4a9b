//! One configured server: makes clients, one session per credential.

use crate::auth::oauth::{
    ClientCredentials, GrantAuthorizer, TokenEndpoint, consent_redirect, first_grant,
};
use crate::auth::{FixedCredential, checked_access_token, checked_api_token};
use crate::client::Client;
use crate::config::{Config, ConfiguredCredential};
use crate::http::Authorizer;
use crate::http::{Http, RateGate, Transport};
use crate::log::Log;
use crate::session::Session;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use vcs_provider_interface::prelude::*;

/// Sessions that are kept although no client uses them, so that a rate gate
/// outlives its clients.
const MOST_IDLE_SESSIONS: usize = 1000;

/// A configured Bitbucket Cloud server.
pub(crate) struct Server {
    config: Arc<Config>,
    transport: Arc<Transport>,
    /// Where tokens are fetched, if the configuration has an OAuth consumer.
    token_endpoint: Option<Arc<TokenEndpoint>>,
    sessions: Mutex<HashMap<SessionKey, Arc<Session>>>,
}

/// Which credential a session belongs to; secrets stand as their digest.
#[derive(Clone, PartialEq, Eq, Hash)]
enum SessionKey {
    Anonymous,
    Configured,
    Token([u8; 32]),
    Grant(String),
    Consumer,
}

impl Server {
    /// Makes a server and says at start what its less obvious settings mean.
    ///
    /// # Errors
    /// `Config`, with the name of the key.
    pub(crate) fn new(config_toml: &str, host: Arc<dyn HostServices>) -> Result<Self> {
        let config = Config::parse(config_toml)?;
        let log = Log::new(host);
        let transport = Arc::new(Transport::new(&config.agent, config.limits.clone(), log));
        let token_endpoint = match (&config.client_id, &config.client_secret) {
            (Some(id), Some(secret)) => Some(Arc::new(TokenEndpoint::new(
                Arc::clone(&transport),
                &config.oauth_url,
                id,
                secret,
            )?)),
            _ => None,
        };
        Ok(Self {
            config: Arc::new(config),
            transport,
            token_endpoint,
            sessions: Mutex::default(),
        })
    }

    fn session(
        &self,
        key: SessionKey,
        authorizer: impl FnOnce() -> Arc<dyn Authorizer>,
    ) -> Result<Arc<Session>> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = sessions.get(&key) {
            return Ok(Arc::clone(session));
        }
        if sessions.len() >= MOST_IDLE_SESSIONS {
            sessions.retain(|_, session| Arc::strong_count(session) > 1);
        }
        let http = Http::new(
            Arc::clone(&self.transport),
            &self.config.api_url,
            Vec::new(),
            authorizer(),
            Arc::new(RateGate::default()),
        )?;
        let session = Arc::new(Session::new(http, Arc::clone(&self.config)));
        sessions.insert(key, Arc::clone(&session));
        Ok(session)
    }

    fn token_endpoint(&self) -> Result<Arc<TokenEndpoint>> {
        self.token_endpoint.clone().ok_or_else(|| {
            if self.config.client_id.is_some() {
                return VcsError::config("clientSecret", "it is missing beside clientId");
            }
            VcsError::new(
                ErrorKind::CONFIG,
                "clientId, clientSecret: the configuration has no OAuth consumer; create one in \
                 the settings of the workspace and give its key and secret",
            )
        })
    }

    fn configured(&self) -> Result<Arc<Session>> {
        let credential = self.config.credential.as_ref().ok_or_else(|| {
            VcsError::new(
                ErrorKind::CONFIG,
                "auth: the configuration has no credential; give `email` and `token`, or \
                 `accessToken`, in the table [auth] of this server",
            )
        })?;
        self.session(SessionKey::Configured, || match credential {
            ConfiguredCredential::ApiToken { email, token } => {
                Arc::new(FixedCredential::api_token(email, token))
            }
            ConfiguredCredential::AccessToken(token) => {
                Arc::new(FixedCredential::access_token(token))
            }
        })
    }
}

/// What the administrator's page says of `Status`, in plain words, because one
/// of its keys has a name that misleads.
fn status_notice(config: &Config) -> &'static str {
    if config.statuses_disabled {
        "no build statuses are sent (Status.disable = true)"
    } else if config.status_details_hidden {
        "build statuses keep the engine's address back and show a neutral one \
         (Status.showDetail = true or disableStatusDetails = true)"
    } else {
        "build statuses show the engine's address (Status.showDetail = false)"
    }
}

impl VcsServer for Server {
    fn authorized_client(&self, credential: Credential) -> Result<Box<dyn AuthorizedClient>> {
        let invalid = |why: String| VcsError::new(ErrorKind::INVALID_INPUT, why);
        let session = match credential.kind {
            CredentialKind::ANONYMOUS => self.session(SessionKey::Anonymous, || {
                Arc::new(FixedCredential::anonymous())
            })?,
            CredentialKind::CONFIGURED => self.configured()?,
            CredentialKind::BASIC => {
                let email = credential.username.unwrap_or_default();
                let token = credential.secret.unwrap_or_default();
                checked_api_token(&email, &token).map_err(invalid)?;
                self.session(
                    digest(&[email.as_bytes(), token.expose().as_bytes()]),
                    || Arc::new(FixedCredential::api_token(&email, &token)),
                )?
            }
            CredentialKind::ACCESS_TOKEN => {
                let token = credential.secret.unwrap_or_default();
                checked_access_token(&token).map_err(invalid)?;
                self.session(digest(&[token.expose().as_bytes()]), || {
                    Arc::new(FixedCredential::access_token(&token))
                })?
            }
            CredentialKind::GRANT => {
                let grant_id = credential.grant_id.filter(|id| !id.is_empty());
                let grant_id = grant_id
                    .ok_or_else(|| invalid("a grant needs the id it is stored under".to_owned()))?;
                let endpoint = self.token_endpoint()?;
                let log = self.transport.log.clone();
                self.session(SessionKey::Grant(grant_id.clone()), || {
                    Arc::new(GrantAuthorizer::new(&grant_id, endpoint, log))
                })?
            }
            CredentialKind::CLIENT_CREDENTIALS => {
                let endpoint = self.token_endpoint()?;
                self.session(SessionKey::Consumer, || {
                    Arc::new(ClientCredentials::new(endpoint))
                })?
            }
            other => {
                return Err(invalid(format!(
                    "this provider knows no credential of the kind {other}"
                )));
            }
        };
        Ok(Box::new(Client::new(session)))
    }

    fn authorize_redirect(
        &self,
        _context: &dyn CallContext,
        request: AuthorizeRequest,
    ) -> Result<AuthorizeRedirect> {
        self.token_endpoint()?;
        let client_id = self.config.client_id.as_deref().unwrap_or_default();
        consent_redirect(&self.config.oauth_url, client_id, &request)
    }

    fn authorize_token(
        &self,
        context: &dyn CallContext,
        request: AuthorizeTokenRequest,
    ) -> Result<Grant> {
        first_grant(&*self.token_endpoint()?, context, &request)
    }

    fn parse_webhook(
        &self,
        _context: &dyn CallContext,
        request: WebhookRequest,
    ) -> Result<Delivery> {
        let delivery = crate::webhook::parse(&request)?;
        for field in crate::webhook::unreadable(&delivery) {
            self.transport.log.warn(
                "webhook",
                format!(
                    "delivery {}: a change of the push was left out, since {field} is missing or \
                     not of the expected type",
                    delivery.id.as_deref().unwrap_or("without id")
                ),
            );
        }
        Ok(delivery)
    }

    fn server_info(
        &self,
        _context: &dyn CallContext,
        _request: ServerInfoRequest,
    ) -> Result<ServerInfo> {
        Ok(ServerInfo {
            notices: vec![status_notice(&self.config).to_owned()],
            web_url: Some(self.config.web_url.clone()),
            api_url: Some(self.config.api_url.clone()),
            ..ServerInfo::default()
        })
    }

    fn webhooks_info(
        &self,
        _context: &dyn CallContext,
        request: WebhooksInfoRequest,
    ) -> Result<WebhooksInfo> {
        Ok(crate::api::hooks::info(&self.config, &request))
    }

    fn polling_info(
        &self,
        _context: &dyn CallContext,
        _request: ServerInfoRequest,
    ) -> Result<PollingInfo> {
        Ok(PollingInfo {
            supported: true,
            disabled: false,
            // A poll takes a handful of the 1,000 requests that an hour allows.
            min_interval_seconds: 60,
            // One for a workspace, however many repositories it has.
            repositories_interval_seconds: Some(60),
            ..Default::default()
        })
    }
}

fn digest(parts: &[&[u8]]) -> SessionKey {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    SessionKey::Token(digest.finalize().into())
}
