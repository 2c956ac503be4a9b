//! Names of refs, and keys of statuses.

use crate::support::{ends_well, repo, runner, service};
use integration_tests::bitbucket::context;
use integration_tests::sandbox::git_command;
use proptest::prelude::*;
use std::collections::HashMap;
use vcs_provider_interface::prelude::*;

/// Names that git may take, full of characters that mean something in addresses.
fn ref_names() -> impl Strategy<Value = String> {
    let part = "[a-zA-Z0-9%#&=+@$!'\"(),;<>{}|_äß日🎉.-]{1,12}";
    proptest::collection::vec(part, 1..4).prop_map(|parts| parts.join("/"))
}

fn is_legal(name: &str) -> bool {
    git_command()
        .args(["check-ref-format", &format!("refs/heads/{name}")])
        .status()
        .is_ok_and(|status| status.success())
}

#[test]
fn the_branch_that_is_asked_for_is_the_branch_that_is_got() {
    let bitbucket = service();
    let client = bitbucket.client();
    let target = bitbucket.git.hash("main");
    runner(64)
        .run(&ref_names(), |name| {
            prop_assume!(is_legal(&name));
            let full = format!("refs/heads/test/{name}");
            bitbucket.git.git(&["update-ref", &full, &target]);
            let request = BranchRequest {
                repo: repo(),
                name: Some(format!("test/{name}")),
                ..Default::default()
            };
            let found = ends_well(|| client.branch(&context(), request))?;
            let found = found.map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(&found.id, &full);
            prop_assert_eq!(&found.latest_commit, &target);
            let request = DeleteBranchRequest {
                repo: repo(),
                name: format!("test/{name}"),
                ..Default::default()
            };
            let gone = ends_well(|| client.delete_branch(&context(), request))?;
            prop_assert!(gone.is_ok(), "{:?}", gone);
            let left = bitbucket.git.git(&["for-each-ref", "refs/heads/test"]);
            prop_assert_eq!(left, "");
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn keys_of_statuses_are_short_stable_and_distinct() {
    let bitbucket = service();
    let client = bitbucket.client();
    let commit = bitbucket.git.hash("main");
    let set = |key: &str| {
        let request = StatusRequest {
            repo: repo(),
            commit: commit.clone(),
            key: key.to_owned(),
            state: BuildState::SUCCESS,
            url: "https://ci.example.com/1".to_owned(),
            ..StatusRequest::default()
        };
        ends_well(|| client.set_status(&context(), request))
    };
    let known: std::cell::RefCell<HashMap<String, String>> = std::cell::RefCell::default();
    let keys = prop_oneof![
        "[!-~]([ -~]{0,80}[!-~])?",
        "[!-~äß日🎉]{1,60}",
        "same-beginning-of-all-these-keys-[a-c]{8,30}",
    ];
    runner(96)
        .run(&keys, |key| {
            let first = set(&key)?.map_err(|error| TestCaseError::fail(error.to_string()))?;
            let second = set(&key)?.map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(&first.key, &second.key, "always the same");
            prop_assert!(first.key.chars().count() <= 40, "{}", first.key);
            if key.chars().count() <= 40 {
                prop_assert_eq!(&first.key, &key, "short ones stay as they are");
            }
            let other = known.borrow_mut().insert(first.key.clone(), key.clone());
            prop_assert!(other.is_none_or(|other| other == key), "{}", first.key);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}
