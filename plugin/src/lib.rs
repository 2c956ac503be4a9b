//! The Bitbucket Cloud provider.
//!
//! One module per group of methods, one for the wire types, one for the
//! configuration; `http` is the only place that knows how requests are sent,
//! `pages` the only one that follows lists, `auth` the only one that knows
//! what a credential is made of.
//!
//! The page of each group says what its methods send, what of that is repeated
//! after a failure, and which errors have a meaning of their own there. Common
//! to all, and left out there:
//!
//! - *Sent*: only the fields that are used are asked for (`fields=`); lists are
//!   read to their end, several numbered pages at a time.
//! - *Repeated*: as the one table in `http::retry` says. Reading, replacing
//!   and deleting are repeated; a creation only when it was surely not done,
//!   otherwise it is looked for first.
//! - *Errors*: `InvalidInput` for a name or value that the service would
//!   refuse, before anything is sent; `Unauthenticated` (401, or a grant that is
//!   dead), `PermissionDenied` (403, with the scopes that are needed and held),
//!   `NotFound` (404: it is not there or there is no access), `RateLimited`
//!   (with the time until the next request), `Unavailable` (no connection, 5xx),
//!   `Timeout` and `Cancelled` (the caller's own), `InvalidResponse` (with the
//!   field that is wrong), `Config` (with the key of the file).
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

mod auth;
#[cfg(test)]
mod behaviour_tests;
mod branches;
mod capabilities;
mod changed_files;
mod checkout;
mod client;
mod comments;
mod commits;
mod complete;
mod config;
mod connection;
mod content;
mod encoding;
mod forks;
mod hooks;
mod http;
mod insights;
mod log;
mod page_length;
mod pages;
mod poll;
mod pull_requests;
mod read;
mod refs;
mod releases;
mod repositories;
mod repository_name;
mod scopes;
mod server;
mod session;
mod statuses;
mod tags;
mod text;
mod time;
mod webhook;
mod wire;
mod workspaces;

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
