//! A faithful, stateful Bitbucket Cloud over real git repositories.
//!
//! The mock serves the REST API, git over HTTPS-like smart HTTP, and webhook
//! deliveries on one real socket, from repositories on disk. It owns everything
//! the real service would keep (hooks, build statuses, credentials, a clock) and
//! reads the rest (refs, commits) from git, as it is at that request.
//!
//! **It must not know the plugin.** It is written from the description of the
//! real API; it depends on no type of the plugin or of the provider interface,
//! and speaks raw JSON. Where Bitbucket is strict, so is the mock. In a few
//! places it is stricter, so that a careless client is found out: a query
//! parameter or body field that the operation does not know is rejected, a ref
//! name with a slash must be sent as one encoded segment (and so do the links
//! that the mock hands out), and `commit/{commit}` takes hashes only.
//!
//! In two places it is more lenient unless told otherwise: hooks may point at
//! this machine (see [`MockBuilder::reject_local_hook_urls`]), and requests are
//! not counted (see [`MockBuilder::rate_limit`]).
//!
//! In memory a request is kept as it came; what is written to a file or printed
//! is not: there every secret is blanked out.
//!
//! Where the real service is known to take more than one way, [`Behaviour`] chooses:
//! the app for a commit's pull requests can be missing, merges can take long,
//! archives can reject tokens, lists can change their order between pages.
//! Downloads and large files come from a second socket, which is another origin
//! and records every credential that reaches it
//! (see [`MockBitbucket::storage_violations`]).
//!
//! What it does and does not, its options and the control API stand in the README of
//! this package.
//!
//! The rooms are floors, and none looks up: `git` reads and writes repositories,
//! `model` keeps what the service keeps, `view` shows it as JSON, `events` tells
//! hooks, `api` serves the REST API, `http` owns the sockets, `control` starts a
//! mock and changes it from outside.
//!
//! The way of a request: `http::server` reads it, `api::router` finds the
//! operation, `api::service` checks credential, scopes, parameters and body, a
//! handler in `api::routes` responds, `http::faults` may spoil the response,
//! `http::record` keeps it.
//!
//! To add an operation: one line in the `routes()` of a file in `api::routes` says
//! method, template, scopes, parameters, paging and body, and names a handler
//! `fn(&Call) -> RouteResult`. Everything that is the same for all operations has
//! been checked by then; `pagination::numbered` cuts pages, `Validation` reads
//! bodies, `events::push::around` delivers changes of refs, `events::deliver`
//! any event.

#![deny(unsafe_code)]
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
mod control;
mod events;
mod git;
mod http;
mod model;
mod sync;
mod view;

pub use api::rate_limit::RateLimit;
pub use control::builder::MockBuilder;
pub use control::command;
pub use control::error::MockError;
pub use control::handle::{ApiToken, MockBitbucket, OAuthConsumer};
pub use control::oauth::ConsentDecision;
pub use control::state_file::{
    CommitEntry, HookEntry, PullRequestEntry, RepositoryEntry, StateFile, TokenEntry, UserEntry,
    WorkspaceEntry,
};
pub use git::repository::GitError;
pub use http::faults::{self, Fault, FaultPlan, FaultRule};
pub use http::record::RecordedExchange;
pub use model::behaviour::{ArchiveBearer, Behaviour, CommitLinks};
pub use model::deliveries::{Delivery, DeliveryOutcome, DeliveryPolicy};
pub use model::oauth::{OAuthCounts, OAuthPolicy, ScopeField};
pub use model::permissions::CredentialKind;
pub use model::pull_request::{MissingRef, PullRequestState};
pub use model::tokens::{Secret, TokenRequest, Visibility};

#[cfg(test)]
mod tests;
