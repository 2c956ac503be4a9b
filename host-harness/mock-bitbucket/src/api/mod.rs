//! The REST API: from a request that was read to the response.

pub(crate) mod auth;
pub(crate) mod call;
pub(crate) mod fields;
pub(crate) mod forking;
pub(crate) mod merge_checks;
pub(crate) mod merging;
pub(crate) mod multipart;
pub(crate) mod pagination;
pub(crate) mod query;
pub(crate) mod rate_limit;
pub(crate) mod router;
pub(crate) mod routes;
pub(crate) mod schema;
pub(crate) mod service;
pub(crate) mod sort;
pub(crate) mod validation;
