//! The mock over a real socket, with real git repositories.

mod description;
mod schema;
mod support;

mod administration;
mod comments;
mod commits;
mod comparing;
mod contract;
mod controlled;
mod edges;
mod fields;
mod git;
mod hooks;
mod insights;
mod merge_strategies;
mod merging;
mod oauth;
mod pull_requests;
mod recorded;
mod refs;
mod serving;
mod source;
mod speed;
mod starting;
mod statuses;
mod updated_on;
