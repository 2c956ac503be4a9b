//! Repositories of which some cannot be read.

use crate::support::{answer, quick_small, repositories, rule};
use serde_json::json;
use vcs_provider_interface::prelude::*;

/// Situation `listed-but-forbidden`.
#[test]
fn a_workspace_that_refuses_is_reported_and_left_out() {
    let bitbucket = quick_small();
    bitbucket.mock.add_workspace("closed", false);
    bitbucket.mock.add_fault(rule(
        "/2.0/repositories/closed",
        answer(403, json!({"type": "error", "error": {"message": "No."}})),
    ));
    let found = repositories(&*bitbucket.client()).expect("a list");
    assert_eq!(found.len(), 1);
    let log = bitbucket.host.log_text();
    assert!(log.contains("the workspace closed is left out"), "{log}");
}

/// Situation `listed-but-forbidden`.
#[test]
fn a_repository_that_refuses_everything_is_still_listed() {
    let bitbucket = quick_small();
    let other = integration_tests::sandbox::GitSandbox::small();
    bitbucket
        .mock
        .add_repository("acme/closed", other.path())
        .expect("a repository");
    bitbucket
        .mock
        .forbid_repository("acme/closed")
        .expect("a repository");
    let client = bitbucket.client();
    let found = repositories(&*client).expect("a list");
    assert_eq!(found.len(), 2);
    let error = crate::support::repository(&*client, "acme/closed").expect_err("no access");
    assert_eq!(error.kind, ErrorKind::PERMISSION_DENIED);
}

/// Situation `listed-but-forbidden`.
#[test]
fn a_credential_that_is_refused_ends_the_list() {
    let bitbucket = quick_small();
    bitbucket.mock.add_workspace("other", false);
    bitbucket.mock.add_fault(rule(
        "/2.0/repositories/other",
        answer(401, json!({"type": "error", "error": {"message": "No."}})),
    ));
    let error = repositories(&*bitbucket.client()).expect_err("the credential is refused");
    assert_eq!(error.kind, ErrorKind::UNAUTHENTICATED);
}

/// Situation `listed-but-forbidden`.
#[test]
fn nothing_but_refusals_is_no_empty_list() {
    let bitbucket = quick_small();
    bitbucket.mock.add_fault(rule(
        "/2.0/repositories/acme",
        answer(403, json!({"type": "error", "error": {"message": "No."}})),
    ));
    let error = repositories(&*bitbucket.client()).expect_err("nothing can be read");
    assert_eq!(error.kind, ErrorKind::PERMISSION_DENIED);
}
