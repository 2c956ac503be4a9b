//! Runs: their build statuses at the service, and how long they stay.

mod build_status;
mod retention;
