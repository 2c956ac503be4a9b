//! A running mock in the hands of a test, and the command that runs one.

pub(crate) mod builder;
pub mod command;
pub(crate) mod control_server;
pub(crate) mod edges;
pub(crate) mod error;
pub(crate) mod handle;
pub(crate) mod oauth;
pub(crate) mod pull_requests;
pub(crate) mod state_file;
