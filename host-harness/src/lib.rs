//! Loads, swaps and exercises VCS providers, and a small host engine.
//!
//! The rooms, in the direction of the arrows: [`cli`] → [`engine`] →
//! [`registry`] → [`loader`] → the interface. [`conformance`] knows the
//! interface only; [`mock_bitbucket`] knows nothing but HTTP and git.

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
pub mod conformance;
pub mod engine;
pub mod loader;
pub mod mock_bitbucket;
pub mod registry;

// The code of the guides is compiled.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../../docs/plugin-authors.md")]
    mod plugin_authors {}
    #[doc = include_str!("../../docs/engine-authors.md")]
    mod engine_authors {}
}
