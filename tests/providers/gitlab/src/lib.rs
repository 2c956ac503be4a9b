//! A provider of GitLab (API v4), in the methods that a CI engine needs first.
//!
//! It stands beside the tests as the proof that the interface fits a service
//! that is made otherwise than Bitbucket: nested groups, pages by `Link`, numbers
//! of merge requests by project, deliveries with a token, consent with PKCE. It
//! is written from the guide for plugin authors and GitLab's API documentation.

#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable
)]

mod client;
mod config;
mod consent;
mod hooks;
mod http;
mod json;
mod poll;
mod webhook;

use client::Client;
use config::Config;
use http::Http;
use std::sync::Arc;
use vcs_provider_interface::prelude::*;

/// The entry of the plugin.
pub struct GitLab;

impl Provider for GitLab {
    fn info() -> ProviderInfo {
        ProviderInfo::new("gitlab", "GitLab", env!("CARGO_PKG_VERSION"))
            .with_capabilities([
                "repos",
                "branches",
                "tags",
                "commits",
                "pull_requests",
                "list_statuses",
                "hooks",
                "repo_by_fullname",
                "branch",
                "commit",
                "pull_request",
                "create_hook",
                "get_hook",
                "delete_hook",
                "reconcile_hook",
                "poll_events",
                "set_status",
                "checkout_credentials",
                "check_connection",
                "webhooks_info",
                "polling_info",
                "authorize_redirect",
                "authorize_token",
                "parse_webhook",
                "webhook_signatures",
            ])
            .with_limit("branches", "page_length", http::PAGE_LENGTH)
    }

    fn new_server(config_toml: &str, host: Arc<dyn HostServices>) -> Result<Box<dyn VcsServer>> {
        let config = Arc::new(Config::parse(config_toml)?);
        Ok(Box::new(Server {
            http: Http::new(&config),
            config,
            host,
        }))
    }
}

struct Server {
    config: Arc<Config>,
    http: Http,
    host: Arc<dyn HostServices>,
}

impl VcsServer for Server {
    fn authorized_client(&self, credential: Credential) -> Result<Box<dyn AuthorizedClient>> {
        let invalid = |why: &str| Err(VcsError::new(ErrorKind::INVALID_INPUT, why));
        let token = match credential.kind {
            CredentialKind::ANONYMOUS => None,
            CredentialKind::CONFIGURED => match &self.config.token {
                Some(token) => Some(token.clone()),
                None => return Err(VcsError::config("token", "there is none for this server")),
            },
            CredentialKind::ACCESS_TOKEN | CredentialKind::BASIC => match credential.secret {
                Some(token) if !token.is_empty() => Some(token),
                _ => return invalid("the credential has no token"),
            },
            CredentialKind::GRANT => {
                let Some(id) = credential.grant_id else {
                    return invalid("a grant needs the id it is stored under");
                };
                let grant = self.host.load_grant(&id)?;
                match grant.and_then(|grant| grant.access_token) {
                    Some(token) => Some(token),
                    None => {
                        return Err(VcsError::new(
                            ErrorKind::UNAUTHENTICATED,
                            "there is no such grant; link again",
                        ));
                    }
                }
            }
            other => return invalid(&format!("GitLab knows no credential of the kind {other}")),
        };
        let is_token = token
            .as_ref()
            .is_none_or(|token| token.expose().bytes().all(|byte| byte.is_ascii_graphic()));
        if !is_token {
            return invalid("a token of GitLab has only letters, digits and signs");
        }
        Ok(Box::new(Client {
            config: Arc::clone(&self.config),
            http: self.http.with_token(token),
        }))
    }

    fn webhooks_info(
        &self,
        _context: &dyn CallContext,
        request: WebhooksInfoRequest,
    ) -> Result<WebhooksInfo> {
        Ok(WebhooksInfo {
            supported: true,
            hook_url: request.hook_url,
            default_events: vec![hooks::PUSH.to_owned(), hooks::TAG_PUSH.to_owned()],
            events: hooks::EVENTS
                .iter()
                .map(|event| (*event).to_owned())
                .collect(),
            proof: WebhookProof::token(webhook::TOKEN_HEADER).with_secret(SecretForm {
                min_length: 1,
                ..SecretForm::default()
            }),
            icon: "gitlab".to_owned(),
            ..WebhooksInfo::default()
        })
    }

    fn polling_info(
        &self,
        _context: &dyn CallContext,
        _request: ServerInfoRequest,
    ) -> Result<PollingInfo> {
        Ok(PollingInfo {
            supported: true,
            min_interval_seconds: 30,
            ..PollingInfo::default()
        })
    }

    fn authorize_redirect(
        &self,
        _context: &dyn CallContext,
        request: AuthorizeRequest,
    ) -> Result<AuthorizeRedirect> {
        consent::redirect(&self.config, &request)
    }

    fn authorize_token(
        &self,
        context: &dyn CallContext,
        request: AuthorizeTokenRequest,
    ) -> Result<Grant> {
        consent::token(&self.config, &self.http, context, &request)
    }

    fn parse_webhook(
        &self,
        _context: &dyn CallContext,
        request: WebhookRequest,
    ) -> Result<Delivery> {
        webhook::parse(&request)
    }
}

vcs_provider_interface::export_provider!(GitLab);
