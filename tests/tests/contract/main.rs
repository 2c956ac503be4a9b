//! The contract with Bitbucket Cloud: operations and payloads.
//!
//! The tables in `tests/contract` are in every clone, and mock and provider are held
//! to them here. Where the official description and the recordings stand beside the
//! checkout, `needs_recordings` holds the tables to those.

mod mock;
mod needs_recordings;
mod operations;
mod provider;
