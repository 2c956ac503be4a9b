//! The situations that hurt integrations with Bitbucket Cloud in the field, one
//! test each, through the loaded library against the mocked service.
//!
//! Each says which situation of `docs/situations.md` it covers; a test of the pages
//! checks that none is without.

mod access;
mod changes;
mod content;
mod deliveries;
mod events;
mod failures;
mod hooks;
mod listed_repositories;
mod lists;
mod needs_recordings;
mod oauth;
mod pull_request_writes;
mod pull_requests;
mod refs;
mod repeated_deliveries;
mod repositories;
mod statuses;
mod support;
