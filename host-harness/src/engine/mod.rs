//! A small, real host engine: configuration, store, services, retention, checkout.

pub mod checkout;
pub mod config;
pub mod git;
