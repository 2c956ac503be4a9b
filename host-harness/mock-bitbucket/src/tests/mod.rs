//! The mock over a real socket, with real git repositories.

mod shapes;
mod support;
mod tour;

mod administration;
mod comments;
mod commits;
mod comparing;
mod controlled;
mod edges;
mod fields;
mod git;
mod hooks;
mod insights;
mod merge_strategies;
mod merging;
mod needs_recordings;
mod oauth;
mod pull_requests;
mod refs;
mod restrictions;
mod serving;
mod source;
mod speed;
mod starting;
mod statuses;
mod updated_on;
