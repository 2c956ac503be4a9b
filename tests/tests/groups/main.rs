//! The second half of the provider's methods, group by group, through the
//! loaded library against the mocked service.

mod completion;
mod content;
mod hooks;
mod insights;
mod merging;
mod polling;
mod pull_requests;
mod releases;

use integration_tests::bitbucket::REPO;

/// The name of the served repository as requests take it.
fn repo() -> String {
    REPO.to_owned()
}
