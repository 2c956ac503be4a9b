//! The mock over a real socket, with real git repositories.

mod support;

mod oauth;
mod pull_requests;
mod serving;
