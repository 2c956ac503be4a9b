//! Runs: their states, who works on them, their build statuses at the service,
//! and how long they stay.

pub mod build_status;
mod lifecycle;
mod retention;
pub mod state;

pub use lifecycle::{ClaimRequest, ClaimedRun, Report};
