//! Finds, checks, loads and swaps VCS providers: what an engine embeds.
//!
//! [`loader`] takes a file to a checked, opened provider and holds the only
//! `unsafe` code of a host. [`plugin_directory`] says which file of a directory
//! serves which provider type. [`registry`] says which generation of which
//! provider serves: swap, drain, rollback and health. Each knows those before
//! it and none behind it. None knows HTTP, a database or a particular service.
//!
//! A host needs no other dependency: the interface stands in [`interface`].

#![deny(unsafe_code)]
#![deny(clippy::self_named_module_files)]
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
pub mod plugin_directory;
pub mod registry;

pub use vcs_provider_interface as interface;
