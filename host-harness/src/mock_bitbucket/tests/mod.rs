//! The mock over a real socket, with real git repositories.

mod support;

mod commits;
mod git;
mod hooks;
mod oauth;
mod refs;
mod serving;
mod starting;
mod statuses;
