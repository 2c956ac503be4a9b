//! What hooks are told, and what a push means.

pub(crate) mod deliver;
pub(crate) mod pull_request;
pub(crate) mod push;
pub(crate) mod repository;
