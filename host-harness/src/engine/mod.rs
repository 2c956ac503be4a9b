//! A small, real host engine: configuration, store, services, retention, checkout.

pub mod checkout;
pub mod clock;
pub mod config;
pub mod demo;
pub mod git;
pub mod grants;
pub mod host_services;
pub mod random;
pub mod store;
