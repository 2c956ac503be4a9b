//! The Bitbucket Cloud provider.
//!
//! `api` holds the method groups, one module each; `json` the service's objects,
//! one reader each; `config` the configuration; `http` is the only place that
//! knows how requests are sent, `pages` the only one that follows lists, `auth`
//! the only one that knows what a credential is made of, `webhook` the only one
//! that reads deliveries.
//!
//! *Architecture invariant:* no unsafe code, no runtime, and no thread that
//! outlives the call that started it.

#![forbid(unsafe_code)]
// Hostile input must come out as an error; a panic is for tests.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable
    )
)]

mod api;
mod auth;
#[cfg(test)]
mod behaviour_tests;
mod capabilities;
mod client;
mod config;
mod encoding;
mod http;
mod json;
mod log;
mod page_length;
mod pages;
mod repository_name;
mod scopes;
mod server;
mod session;
mod text;
mod webhook;

use std::sync::Arc;
use vcs_provider_interface::prelude::*;

/// The provider of Bitbucket Cloud.
pub struct BitbucketCloud;

impl Provider for BitbucketCloud {
    fn info() -> ProviderInfo {
        capabilities::info()
    }

    fn new_server(config_toml: &str, host: Arc<dyn HostServices>) -> Result<Box<dyn VcsServer>> {
        Ok(Box::new(server::Server::new(config_toml, host)?))
    }
}

vcs_provider_interface::export_provider!(BitbucketCloud);
