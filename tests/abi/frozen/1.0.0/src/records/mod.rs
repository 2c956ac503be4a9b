//! The data of the interface: what is asked for and what is answered.
//!
//! Every record is plain Rust and `serde`-serialisable under the names of its
//! fields (a commit's `authorTimestamp` is the one exception); an absent field
//! is read as its default, an unknown one is passed over. CDS has its own JSON
//! for its vcs service: an engine that speaks it maps the records at its edge.
//!
//! - **Making one**: `BranchesRequest { repo, ..Default::default() }`.
//! - **Growing**: a record never gains a field; each has [`Extra`] for more facts,
//!   some have [`Secrets`] as well.
//! - **Times** are [`Timestamp`]s.
//! - **Names**: a `repo` is the provider's full name of a repository, such as
//!   `workspace/slug` or `group/subgroup/project`.
//! - **What a service does not say** is `None` or an empty string, never a
//!   made-up value.

pub(crate) mod auth;
pub(crate) mod commit;
pub(crate) mod connection;
pub(crate) mod content;
pub(crate) mod done;
pub(crate) mod event;
mod extra;
pub(crate) mod hook;
pub(crate) mod insight;
pub(crate) mod polling;
pub(crate) mod pull_request;
pub(crate) mod release;
pub(crate) mod repository;
mod secrets;
pub(crate) mod server;
pub(crate) mod status;
pub(crate) mod webhook_proof;

pub use auth::*;
pub use commit::*;
pub use connection::*;
pub use content::*;
pub use done::*;
pub use event::*;
pub use extra::{Extra, keys};
pub use hook::*;
pub use insight::*;
pub use polling::*;
pub use pull_request::*;
pub use release::*;
pub use repository::*;
pub use secrets::{Secrets, secret_names};
pub use server::*;
pub use status::*;
pub use webhook_proof::*;

/// A time: milliseconds since 1970-01-01T00:00:00Z, negative before it. Leap
/// seconds are not counted, and there is no time zone. In JSON it is a number.
pub type Timestamp = i64;
