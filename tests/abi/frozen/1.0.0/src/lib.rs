//! The boundary between a CI engine and its VCS providers.
//!
//! A provider is a `cdylib` that implements the traits of [`provider`] and
//! exports itself with [`export_provider!`]. The engine loads it at run time,
//! through [`abi`], and sees the same traits. Nothing else is shared: no
//! allocator, no logger, no runtime.
//!
//! *Architecture invariant:* this crate depends on `abi_stable` and `serde`
//! only. It knows no HTTP, no particular service and no engine.
//!
//! *Architecture invariant:* the only hand-written `unsafe` is in [`abi`].
//!
//! # Why it is shaped like this
//! - **Lists are pushed** page by page into a [`sink`]: memory stays at a page,
//!   progress can be shown, a limit stops the fetching, and no thread of the
//!   provider outlives the call.
//! - **Every call takes a context**: the time left, whether it is cancelled, its name.
//! - **One request record for each method**, so that a call reads by its names
//!   and a method keeps its signature.
//! - **One list of methods** makes the author's trait, the boundary and both
//!   adapters; a method cannot be forgotten in one of them.
//! - **Errors have a meaning** ([`error::ErrorKind`]), not only a status.
//!
//! # A complete provider
//! `Cargo.toml`:
//! ```toml
//! [lib]
//! crate-type = ["cdylib"]
//!
//! [dependencies]
//! vcs-provider-interface = "1"
//! ```
//! `src/lib.rs`:
//! ```
//! # mod plugin {
#![doc = include_str!("minimal_provider.rs")]
//! # }
//! # fn main() {}
//! ```
//!
//! # Using a provider
//! A host loads a library, checks it and makes an [`abi::HostProvider`]; from
//! there on everything is plain Rust:
//! ```
//! use std::sync::Arc;
//! use vcs_provider_interface::context::HostCallContext;
//! use vcs_provider_interface::prelude::*;
//! use vcs_provider_interface::sink::collect;
//!
//! fn branch_names(server: &dyn VcsServer, repo: &str) -> Result<Vec<String>> {
//!     let client = server.authorized_client(Credential::configured())?;
//!     let context = HostCallContext::new("example").with_time_limit(std::time::Duration::from_secs(30));
//!     let request = BranchesRequest { repo: repo.to_owned(), ..Default::default() };
//!     let branches = collect(|sink| client.branches(&context, request, sink))?;
//!     Ok(branches.into_iter().map(|branch| branch.display_id).collect())
//! }
//! ```

#![deny(unsafe_code)]
// The list of methods is taken apart one method at a time.
#![recursion_limit = "512"]
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

pub mod abi;
pub mod config;
pub mod context;
pub mod error;
mod export;
pub mod info;
#[cfg(test)]
mod json_forms;
mod methods;
mod open_enum;
pub mod prelude;
pub mod provider;
pub mod records;
pub mod secret;
pub mod services;
pub mod sink;
pub mod value;
pub mod wire;
