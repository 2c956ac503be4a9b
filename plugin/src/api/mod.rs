//! The methods of a client, one module for each group.
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
//!   reject, before anything is sent; `Unauthenticated` (401, or a grant that is
//!   dead), `PermissionDenied` (403, with the scopes that are needed and held),
//!   `NotFound` (404: it is not there or there is no access), `RateLimited`
//!   (with the time until the next request), `Unavailable` (no connection, 5xx),
//!   `Timeout` and `Cancelled` (the caller's own), `InvalidResponse` (with the
//!   field that is wrong), `Config` (with the key of the file).

pub(crate) mod branches;
pub(crate) mod changed_files;
pub(crate) mod checkout;
pub(crate) mod comments;
pub(crate) mod commits;
pub(crate) mod complete;
pub(crate) mod connection;
pub(crate) mod content;
pub(crate) mod forks;
pub(crate) mod hooks;
mod host_keys;
pub(crate) mod insights;
pub(crate) mod poll;
pub(crate) mod pull_requests;
pub(crate) mod refs;
pub(crate) mod releases;
pub(crate) mod repositories;
pub(crate) mod statuses;
pub(crate) mod tags;
pub(crate) mod workspaces;
