//! Loads, swaps and exercises VCS providers, and a small host engine.
//!
//! The rooms, in the direction of the arrows: [`cli`] → [`engine`] →
//! [`registry`] → [`loader`] → the interface. [`conformance`] knows the
//! interface only; [`mock_bitbucket`] knows nothing but HTTP and git.

#![deny(unsafe_code)]

pub mod cli;
pub mod conformance;
pub mod engine;
pub mod loader;
pub mod mock_bitbucket;
pub mod registry;
