//! A faithful, stateful Bitbucket Cloud over real git repositories.
//!
//! The mock serves the REST API, git over HTTPS-like smart HTTP, and webhook
//! deliveries on one real socket, from repositories on disk. It owns everything
//! the real service would keep (hooks, build statuses, credentials, a clock) and
//! reads the rest (refs, commits) from git, as it is at that request.
//!
//! **It must not know the plugin.** It is written from the description of the
//! real API; it depends on no type of the plugin or of the provider interface,
//! and answers raw JSON. Where Bitbucket is strict, so is the mock. In a few
//! places it is stricter, so that a careless client is found out: a query
//! parameter or body field that the operation does not know is refused, a ref
//! name with a slash must be sent as one encoded segment (and so do the links
//! that the mock hands out), and `commit/{commit}` takes hashes only.
//!
//! In two places it is more lenient unless told otherwise: hooks may point at
//! this machine (see [`MockBuilder::refuse_local_hook_urls`]), and requests are
//! not counted (see [`MockBuilder::rate_limit`]).
//!
//! In memory a request is kept as it came; what is written to a file or printed
//! is not: there every secret is blanked out.
//!
//! Where the real service is known to take more than one way, [`Behaviour`] chooses:
//! the app for a commit's pull requests can be missing, merges can take long,
//! archives can refuse tokens, lists can change their order between pages.
//! Downloads and large files come from a second socket, which is another origin
//! and records every credential that reaches it
//! (see [`MockBitbucket::storage_violations`]).
//!
//! The way of a request: `server` reads it, `router` finds the operation,
//! `service` checks credential, scopes, parameters and body, a handler in
//! `routes` answers, `faults` may spoil the answer, `record` keeps it.
//!
//! To add an operation: one line in the `routes()` of a file in `routes` says
//! method, template, scopes, parameters, paging and body, and names a handler
//! `fn(&Call) -> Reply`. Everything that is the same for all operations has been
//! checked by then; `pagination::numbered` cuts pages, `Validation` reads bodies,
//! `push_event::around` delivers changes of refs, `delivery::deliver` any event.

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

mod answer;
mod auth;
mod behaviour;
mod builder;
mod call;
mod clock;
pub mod command;
mod connection;
mod control;
mod control_edges;
mod control_oauth;
mod control_pull_requests;
mod delivery;
mod errors;
pub mod faults;
mod fields;
mod forking;
mod git_compare;
mod git_http;
mod git_objects;
mod git_ref_cache;
mod git_refs;
mod git_repository;
mod git_tree;
mod links;
mod merging;
mod multipart;
mod oauth;
mod pagination;
mod pull_request_events;
mod pull_requests;
mod push_event;
mod query;
mod rate_limit;
mod rebasing;
mod record;
mod repository_events;
mod represent;
mod represent_pull_request;
mod router;
mod routes;
mod server;
mod service;
mod sort;
mod state;
mod storage_host;
mod tokens;
mod validation;

pub use behaviour::{ArchiveBearer, Behaviour, CommitLinks};
pub use builder::{MockBuilder, MockError};
pub use control::{ApiToken, MockBitbucket, OAuthConsumer};
pub use control_oauth::ConsentDecision;
pub use delivery::{Delivery, DeliveryOutcome, DeliveryPolicy};
pub use faults::{Fault, FaultPlan, FaultRule};
pub use git_repository::GitError;
pub use oauth::{OAuthCounts, OAuthPolicy, ScopeField};
pub use pull_requests::{Loss, PullRequestState};
pub use rate_limit::RateLimit;
pub use record::Exchange;
pub use tokens::{CredentialKind, Secret, Sight, TokenRequest};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex, also one that a panicking thread left behind: the mock's data
/// is plain values that are never half changed.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
