//! How the model looks as JSON.

pub(crate) mod pull_request;
pub(crate) mod repository;
pub(crate) mod whole;
