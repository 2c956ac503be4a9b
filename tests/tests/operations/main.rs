//! The provider's methods, group by group, through the loaded library against the
//! mocked service: what they do, what they send, and how little.

mod completion;
mod content;
mod every_operation;
mod fewest_requests;
mod hooks;
mod insights;
mod merging;
mod oauth;
mod polling;
mod pull_requests;
mod releases;

use integration_tests::bitbucket::REPO;

/// The name of the served repository as requests take it.
fn repo() -> String {
    REPO.to_owned()
}
