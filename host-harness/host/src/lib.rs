//! Finds, checks, loads and swaps VCS providers: what an engine embeds.
//!
//! [`loader`] takes a file to a checked, opened provider and holds the only
//! `unsafe` code of a host. [`registry`] says which generation of which provider
//! serves: swap, drain, rollback and health. The registry knows the loader; the
//! loader does not know the registry. Neither knows HTTP, a database or a
//! particular service.

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

pub mod loader;
pub mod registry;
