//! The command `engine` and its demo.
//!
//! Everything else stands in packages of their own below this one: the loader and
//! registry (`vcs-plugin-host`), the services (`vcs-engine`), the conformance kit
//! (`vcs-conformance`) and the mocked service (`mock-bitbucket`). Only this package
//! depends on all of them.

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

pub mod cli;
pub mod demo;

// The code of the guides is compiled.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../../docs/plugin-authors.md")]
    mod plugin_authors {}
    #[doc = include_str!("../../docs/engine-authors.md")]
    mod engine_authors {}
}
