//! What the mocked service holds, and nothing about how it is asked for.

pub(crate) mod behaviour;
pub(crate) mod clock;
pub(crate) mod deliveries;
pub(crate) mod documents;
pub(crate) mod errors;
pub(crate) mod ids;
pub(crate) mod links;
pub(crate) mod mock;
pub(crate) mod oauth;
pub(crate) mod permissions;
pub(crate) mod pull_request;
pub(crate) mod pull_request_store;
pub(crate) mod records;
pub(crate) mod redact;
pub(crate) mod repository;
pub(crate) mod response;
pub(crate) mod restrictions;
pub(crate) mod state;
pub(crate) mod storage_host;
pub(crate) mod tokens;
pub(crate) mod user;
pub(crate) mod walks;
