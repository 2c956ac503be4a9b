//! What the integration tests share.

pub mod contract;
mod libraries;

pub use libraries::{built_examples, built_library, built_program};
