//! A small, real host engine: configuration, store, services, retention, checkout.

pub mod checkout;
pub mod config;
pub mod demo;
pub mod git;
pub mod host_log;
