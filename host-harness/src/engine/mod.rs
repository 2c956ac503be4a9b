//! A small, real host engine: configuration, store, services, retention, checkout.

pub mod config;
