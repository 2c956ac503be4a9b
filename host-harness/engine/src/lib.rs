//! A small, real host engine: configuration, store, services, retention, checkout.

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

mod background;
pub mod checkout;
pub mod clock;
pub mod config;
pub mod consent;
pub mod engine;
pub mod events;
pub mod evidence;
pub mod git;
pub mod grants;
pub mod guard;
pub mod host_services;
pub mod linking;
pub mod metrics;
pub mod open_store;
pub mod outbox;
pub mod providers;
pub mod random;
pub mod rate_budget;
pub mod rejections;
pub mod runs;
pub mod server_health;
pub mod servers;
pub mod services;
pub mod start;
pub mod status_url;
pub mod store;
pub mod subject;
pub mod supervisor;
pub mod tokens;

#[cfg(test)]
mod tests;
