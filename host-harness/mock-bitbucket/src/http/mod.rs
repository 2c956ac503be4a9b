//! The sockets: requests in, faults, recording, git over HTTP, responses out.

pub(crate) mod connection;
pub mod faults;
pub(crate) mod git_http;
pub(crate) mod push_rules;
pub(crate) mod record;
pub(crate) mod server;
pub(crate) mod storage_server;
pub(crate) mod tls;
