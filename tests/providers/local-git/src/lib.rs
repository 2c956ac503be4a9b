//! A provider of plain git repositories in a folder: no service, no network.
//!
//! It is made with the plugin author's part of the interface only and shows
//! that the interface fits something that is not a web service. What a folder
//! of repositories does not have (pull requests, hooks, build statuses,
//! releases) its capabilities leave out.
//!
//! Everything is asked of the `git` program, with the repository named by
//! `--git-dir` and without the user's configuration.

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

mod client;
mod commits;
mod config;
mod events;
mod files;
mod git;
mod names;
mod refs;
mod repositories;

use client::LocalClient;
use config::Config;
use std::sync::Arc;
use vcs_provider_interface::prelude::*;

/// What this provider can do, in the order of the interface's list.
const CAPABILITIES: &[&str] = &[
    "workspaces",
    "repos",
    "branches",
    "tags",
    "commits",
    "commits_between_refs",
    "changed_files",
    "list_content",
    "get_content",
    "get_archive",
    "repo_by_fullname",
    "branch",
    "create_branch",
    "delete_branch",
    "tag",
    "create_tag",
    "commit",
    "poll_events",
    "checkout_credentials",
    "check_connection",
];

/// The provider of git repositories in a folder.
struct LocalGit;

impl Provider for LocalGit {
    fn info() -> ProviderInfo {
        ProviderInfo::new("local-git", "Local git", env!("CARGO_PKG_VERSION"))
            .with_capabilities(CAPABILITIES.iter().copied())
            .with_limit("get_archive", "formats", "zip,tar.gz")
    }

    fn new_server(config_toml: &str, host: Arc<dyn HostServices>) -> Result<Box<dyn VcsServer>> {
        let config = Arc::new(Config::parse(config_toml)?);
        host.log(LogRecord {
            level: LogLevel::INFO,
            target: "local-git".to_owned(),
            message: "the server was made".to_owned(),
            fields: Extra::from([("root", config.root.display().to_string())]),
            ..Default::default()
        });
        Ok(Box::new(LocalServer { config, host }))
    }
}

/// A folder of repositories.
struct LocalServer {
    config: Arc<Config>,
    host: Arc<dyn HostServices>,
}

impl VcsServer for LocalServer {
    /// Whoever may read the folder may do everything: no credential is wrong.
    fn authorized_client(&self, _credential: Credential) -> Result<Box<dyn AuthorizedClient>> {
        Ok(Box::new(LocalClient::new(Arc::clone(&self.config))))
    }

    fn webhooks_info(
        &self,
        _context: &dyn CallContext,
        _request: WebhooksInfoRequest,
    ) -> Result<WebhooksInfo> {
        Ok(WebhooksInfo::default())
    }

    fn polling_info(
        &self,
        _context: &dyn CallContext,
        _request: ServerInfoRequest,
    ) -> Result<PollingInfo> {
        Ok(PollingInfo {
            supported: true,
            disabled: false,
            min_interval_seconds: 1,
            ..Default::default()
        })
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        self.host.log(LogRecord {
            level: LogLevel::INFO,
            target: "local-git".to_owned(),
            message: "the server was dropped".to_owned(),
            ..Default::default()
        });
    }
}

vcs_provider_interface::export_provider!(LocalGit);
