//! The mock over a real socket, with real git repositories.

mod support;

mod commits;
mod git;
mod hooks;
mod oauth;
mod pull_requests;
mod refs;
mod serving;
mod starting;
mod statuses;
