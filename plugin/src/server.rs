//! One configured server: makes clients, one session per credential.

use crate::auth::{Authorizer, FixedCredential, checked_access_token, checked_api_token};
use crate::client::Client;
use crate::config::{Config, ConfiguredCredential};
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
    sessions: Mutex<HashMap<SessionKey, Arc<Session>>>,
}

/// Which credential a session belongs to; secrets stand as their digest.
#[derive(Clone, PartialEq, Eq, Hash)]
enum SessionKey {
    Anonymous,
    Configured,
    Token([u8; 32]),
}

impl Server {
    /// Makes a server and says at start what its less obvious settings mean.
    ///
    /// # Errors
    /// `Config`, with the name of the key.
    pub(crate) fn new(config_toml: &str, host: Arc<dyn HostServices>) -> Result<Self> {
        let config = Config::parse(config_toml)?;
        let log = Log::new(host);
        announce(&config, &log);
        let transport = Transport::new(&config.agent, config.limits.clone(), log);
        Ok(Self {
            config: Arc::new(config),
            transport: Arc::new(transport),
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

fn announce(config: &Config, log: &Log) {
    let statuses = if config.statuses_disabled {
        "build statuses are not sent (Status.disable)"
    } else if config.status_details_hidden {
        "build statuses are sent without the engine's address (Status.showDetail = true or \
         disableStatusDetails = true)"
    } else {
        "build statuses are sent with the engine's address (Status.showDetail = false)"
    };
    log.info("config", statuses);
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
            other => {
                return Err(invalid(format!(
                    "this provider knows no credential of the kind {other}"
                )));
            }
        };
        Ok(Box::new(Client::new(session)))
    }

    fn parse_webhook(
        &self,
        _context: &dyn CallContext,
        request: WebhookRequest,
    ) -> Result<Delivery> {
        crate::webhook::parse(&request)
    }

    fn webhooks_info(
        &self,
        _context: &dyn CallContext,
        _request: ServerInfoRequest,
    ) -> Result<WebhooksInfo> {
        Ok(crate::hooks::info(&self.config))
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
