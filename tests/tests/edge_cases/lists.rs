//! Lists that go on, break off, lie and repeat themselves.

use crate::support::{
    Elsewhere, branches, commits, names, pull_requests, quick, quick_small, rule,
};
use integration_tests::bitbucket::{Bitbucket, REPO, context};
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::{Behaviour, Fault, FaultRule, MockBitbucket};
use serde_json::json;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::PageFn;

/// A repository with so many branches besides `main`.
fn with_branches(count: usize) -> GitSandbox {
    let git = GitSandbox::empty();
    git.commit_all("First");
    git.many_branches("topic/", count, "main");
    git
}

/// Situation `failing-page`.
#[test]
fn an_error_on_page_seven_fails_the_whole_list() {
    let bitbucket = quick(with_branches(850));
    bitbucket.mock.add_fault(rule(
        "*/refs/branches?*page=7*",
        Fault {
            status: Some(500),
            html: true,
            ..Fault::default()
        },
    ));
    let error = branches(&*bitbucket.client()).expect_err("page seven cannot be read");
    assert_eq!(error.kind, ErrorKind::UNAVAILABLE);
    assert_eq!(error.http_status, Some(500));
    assert!(error.message.contains("page 7"), "{error}");

    bitbucket.mock.clear_faults();
    let all = branches(&*bitbucket.client()).expect("a list");
    assert_eq!(all.len(), 851);
}

/// Situation `next-links`.
#[test]
fn a_next_link_is_followed_as_it_stands() {
    let git = GitSandbox::empty();
    git.many_commits(260);
    let bitbucket = Bitbucket::serving(git);
    let found: Vec<String> = commits(&*bitbucket.client(), "main")
        .expect("a list")
        .into_iter()
        .map(|commit| commit.id)
        .collect();
    assert_eq!(found, bitbucket.git.log("main"));
    let pages: Vec<String> = bitbucket
        .api_requests()
        .into_iter()
        .filter(|request| request.contains("/commits?"))
        .collect();
    assert_eq!(pages.len(), 3, "{pages:#?}");
    assert!(!pages[1].contains("page=2"), "the cursor is opaque");
}

/// Situation `next-links`.
#[test]
fn a_next_link_in_a_circle_is_an_error() {
    let bitbucket = quick(with_branches(250));
    bitbucket.mock.add_fault(rule(
        "*/refs/branches?*",
        Fault {
            loop_next: true,
            ..Fault::default()
        },
    ));
    let error = branches(&*bitbucket.client()).expect_err("a circle has no end");
    assert_eq!(error.kind, ErrorKind::INVALID_RESPONSE);
    assert!(error.message.contains("circle"), "{error}");
}

/// Situation `next-links`.
#[test]
fn a_next_link_to_another_place_is_an_error_and_not_asked() {
    let elsewhere = Elsewhere::new();
    let bitbucket = quick(with_branches(250));
    bitbucket.mock.add_fault(rule(
        "*/refs/branches?*",
        Fault {
            foreign_next: Some(elsewhere.origin()),
            ..Fault::default()
        },
    ));
    let error = branches(&*bitbucket.client()).expect_err("the link leads away");
    assert_eq!(error.kind, ErrorKind::INVALID_RESPONSE);
    assert!(!elsewhere.was_asked());
}

/// Situation `next-links`.
#[test]
fn too_many_pages_are_an_error() {
    let bitbucket = Bitbucket::with(
        with_branches(350),
        MockBitbucket::builder(),
        "maxPages = 3\n",
    );
    let error = branches(&*bitbucket.client()).expect_err("there are four pages");
    assert_eq!(error.kind, ErrorKind::INVALID_RESPONSE);
    assert!(error.message.contains("maxPages"), "{error}");
}

/// Situation `page-lengths`.
#[test]
fn pull_request_pages_of_fifty() {
    let bitbucket = quick_small();
    for number in 0..120 {
        bitbucket
            .mock
            .open_pull_request(REPO, &format!("Number {number}"), "feature/one", "main")
            .expect("a pull request");
    }
    bitbucket.mock.clear_requests();
    let all = pull_requests(&*bitbucket.client(), &[PullRequestState::OPEN]).expect("a list");
    assert_eq!(all.len(), 120);
    let pages: Vec<String> = bitbucket
        .api_requests()
        .into_iter()
        .filter(|request| request.contains("/pullrequests?"))
        .collect();
    assert_eq!(pages.len(), 3, "{pages:#?}");
    assert!(pages.iter().all(|page| page.contains("pagelen=50")));
}

/// Situation `no-size-no-page`.
#[test]
fn lists_end_without_size_and_page() {
    let bitbucket = quick(with_branches(250));
    bitbucket.mock.set_behaviour(Behaviour {
        bare_envelopes: true,
        ..Behaviour::default()
    });
    let mut totals = Vec::new();
    let mut found = Vec::new();
    let request = BranchesRequest {
        repo: REPO.to_owned(),
        ..BranchesRequest::default()
    };
    bitbucket
        .client()
        .branches(
            &context(),
            request,
            &mut PageFn(|page: Vec<Branch>, total| {
                totals.push(total);
                found.extend(page);
                Ok(Flow::CONTINUE)
            }),
        )
        .expect("a list");
    assert_eq!(found.len(), 251);
    assert_eq!(totals, [None, None, None]);
}

/// Situation `no-size-no-page`.
#[test]
fn a_size_that_lies_does_not_end_a_list() {
    for size in [json!(7), json!(9000), json!(null)] {
        let bitbucket = quick(with_branches(450));
        bitbucket.mock.add_fault(rule(
            "*/refs/branches?*",
            crate::support::replaced([("/size", size.clone())]),
        ));
        let found = branches(&*bitbucket.client()).expect("a list");
        assert_eq!(found.len(), 451, "with a size of {size}");
    }
}

/// Situation `order-changes`.
#[test]
fn a_list_whose_order_changes_is_whole_and_without_doubles() {
    let bitbucket = quick(with_branches(450));
    bitbucket.mock.set_behaviour(Behaviour {
        unstable_order: true,
        ..Behaviour::default()
    });
    let client = bitbucket.client();
    let found = branches(&*client).expect("a list");
    let mut sorted = names(&found);
    sorted.dedup();
    assert_eq!(sorted.len(), 451);
    assert!(
        bitbucket
            .api_requests()
            .iter()
            .filter(|request| request.contains("/refs/branches?"))
            .all(|request| request.contains("sort="))
    );
}

/// Situation `order-changes`.
#[test]
fn an_item_that_comes_twice_is_given_once() {
    let bitbucket = quick(with_branches(250));
    let first = json!({
        "type": "branch", "name": "main",
        "target": {"type": "commit", "hash": bitbucket.git.hash("main")},
    });
    bitbucket.mock.add_fault(FaultRule {
        nth: Some(2),
        ..rule(
            "*/refs/branches?*",
            crate::support::replaced([("/values/5", first)]),
        )
    });
    let found = branches(&*bitbucket.client()).expect("a list");
    let mains = names(&found)
        .into_iter()
        .filter(|name| *name == "main")
        .count();
    assert_eq!(mains, 1);
    assert_eq!(found.len(), 250, "one of the others was replaced");
}
