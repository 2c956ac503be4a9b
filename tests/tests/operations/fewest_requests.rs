//! How much is asked of the service: as few requests as the page lengths allow,
//! over as few connections, and never more pages than are wanted soon.

use integration_tests::bitbucket::{Bitbucket, REPO, context};
use integration_tests::sandbox::GitSandbox;
use integration_tests::scenario::operations;
use mock_bitbucket::MockBitbucket;
use std::collections::HashSet;
use std::time::{Duration, Instant};
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::{PageFn, collect};

/// The configured default of `maxParallelRequests`.
const PARALLEL: usize = 8;

fn with_branches(count: usize, config: &str) -> Bitbucket {
    let git = GitSandbox::empty();
    git.commit_all("First");
    git.many_branches("topic/", count, "main");
    Bitbucket::with(git, MockBitbucket::builder(), config)
}

fn all_branches() -> BranchesRequest {
    BranchesRequest {
        repo: REPO.to_owned(),
        ..BranchesRequest::default()
    }
}

fn names(bitbucket: &Bitbucket, request: BranchesRequest) -> Vec<String> {
    let client = bitbucket.client();
    collect(|sink| client.branches(&context(), request, sink))
        .expect("a list")
        .into_iter()
        .map(|branch| branch.display_id)
        .collect()
}

/// The requests for pages of the list at the end of this path.
fn pages(bitbucket: &Bitbucket, path_end: &str) -> usize {
    bitbucket
        .mock
        .requests()
        .iter()
        .filter(|exchange| exchange.path.ends_with(path_end))
        .count()
}

#[test]
fn two_and_a_half_thousand_branches_take_twenty_six_requests() {
    let bitbucket = with_branches(2499, "");
    let found = names(&bitbucket, all_branches());
    let expected =
        bitbucket
            .git
            .git(&["for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads"]);
    let expected: Vec<&str> = expected.lines().collect();
    assert_eq!(found.len(), 2500);
    assert_eq!(found, expected, "in the order of the service");
    assert!(bitbucket.mock.requests().len() <= 26);

    bitbucket.mock.clear_requests();
    names(&bitbucket, all_branches());
    assert_eq!(
        bitbucket.mock.requests().len(),
        25,
        "the main branch is cached"
    );
}

#[test]
fn fetching_side_by_side_gives_what_following_the_links_gives() {
    let side_by_side = names(&with_branches(730, ""), all_branches());
    let one_by_one = names(
        &with_branches(730, "maxParallelRequests = 1\n"),
        all_branches(),
    );
    assert_eq!(side_by_side, one_by_one);
}

#[test]
fn a_list_takes_as_many_requests_as_it_has_pages() {
    for (count, expected) in [(1, 1), (99, 1), (100, 1), (101, 2), (250, 3), (300, 3)] {
        let bitbucket = with_branches(count - 1, "");
        assert_eq!(names(&bitbucket, all_branches()).len(), count);
        assert_eq!(
            pages(&bitbucket, "/refs/branches"),
            expected,
            "{count} branches"
        );
    }
}

#[test]
fn commits_and_pull_requests_take_as_many_requests_as_they_have_pages() {
    let git = GitSandbox::small();
    git.many_commits(348);
    let bitbucket = Bitbucket::serving(git);
    let client = bitbucket.client();
    let request = CommitsRequest {
        repo: REPO.to_owned(),
        ..CommitsRequest::default()
    };
    let commits = collect(|sink| client.commits(&context(), request, sink)).expect("a list");
    assert_eq!(commits.len(), 350);
    assert_eq!(pages(&bitbucket, "/commits"), 4);

    for number in 0..101 {
        let title = number.to_string();
        let opened = bitbucket
            .mock
            .open_pull_request(REPO, &title, "feature/one", "main");
        opened.expect("a pull request");
    }
    let request = PullRequestsRequest {
        repo: REPO.to_owned(),
        ..PullRequestsRequest::default()
    };
    let found = collect(|sink| client.pull_requests(&context(), request, sink)).expect("a list");
    assert_eq!(found.len(), 101);
    assert_eq!(pages(&bitbucket, "/pullrequests"), 3);
}

#[test]
fn a_limit_asks_for_no_more_than_that() {
    let bitbucket = with_branches(999, "");
    for (limit, expected) in [(7, 1), (100, 1), (101, 2), (350, 4)] {
        bitbucket.mock.clear_requests();
        let request = BranchesRequest {
            limit: Some(limit),
            ..all_branches()
        };
        assert_eq!(names(&bitbucket, request).len() as u64, limit);
        assert_eq!(
            pages(&bitbucket, "/refs/branches"),
            expected,
            "limit {limit}"
        );
    }
    bitbucket.mock.clear_requests();
    let request = BranchesRequest {
        limit: Some(7),
        ..all_branches()
    };
    names(&bitbucket, request);
    let query = bitbucket.mock.requests()[0].query.clone();
    assert!(query.contains("pagelen=7"), "{query}");
}

#[test]
fn no_more_connections_are_used_than_requests_run_side_by_side() {
    for (config, most) in [("", PARALLEL), ("maxParallelRequests = 1\n", 1)] {
        let bitbucket = with_branches(1999, config);
        names(&bitbucket, all_branches());
        let used: HashSet<u64> = bitbucket
            .mock
            .requests()
            .iter()
            .map(|exchange| exchange.connection)
            .collect();
        assert!(used.len() <= most, "{} connections", used.len());
    }
}

#[test]
fn no_more_pages_are_in_memory_than_are_in_flight() {
    let bitbucket = with_branches(1999, "");
    let client = bitbucket.client();
    let mut given = 0;
    let mut most_ahead = 0;
    let mut sink = PageFn(|_: Vec<Branch>, _| {
        given += 1;
        // A caller that takes its time: whoever fetches without a bound would
        // have fetched the whole list meanwhile.
        let end = Instant::now() + Duration::from_millis(200);
        let mut asked = pages(&bitbucket, "/refs/branches");
        while given == 3 && asked <= given + PARALLEL && Instant::now() < end {
            std::thread::yield_now();
            asked = pages(&bitbucket, "/refs/branches");
        }
        most_ahead = most_ahead.max(asked.saturating_sub(given));
        Ok(Flow::CONTINUE)
    });
    client
        .branches(&context(), all_branches(), &mut sink)
        .expect("a list");
    assert_eq!(given, 20);
    assert!(most_ahead <= PARALLEL, "{most_ahead} pages ahead");
}

#[test]
fn a_caller_that_has_enough_ends_the_fetching() {
    let bitbucket = with_branches(1999, "");
    let mut sink = PageFn(|_: Vec<Branch>, _| Ok(Flow::STOP));
    bitbucket
        .client()
        .branches(&context(), all_branches(), &mut sink)
        .expect("success");
    assert_eq!(pages(&bitbucket, "/refs/branches"), 1);
}

#[test]
fn lists_ask_only_for_the_fields_that_are_used() {
    let mut without = HashSet::new();
    for operation in operations() {
        let world = operation.world();
        world.run(&operation).expect(operation.method);
        for exchange in world.bitbucket.mock.requests() {
            let answer: serde_json::Value =
                serde_json::from_slice(&exchange.response_body).unwrap_or_default();
            let is_list = exchange.method == "GET" && answer["values"].is_array();
            if is_list && !exchange.query.contains("fields=") {
                without.insert(exchange.route.clone());
            }
        }
    }
    assert!(without.is_empty(), "without `fields`: {without:#?}");
}

#[test]
fn nothing_that_is_removed_is_asked_by_any_operation() {
    for operation in operations() {
        let world = operation.world();
        world.run(&operation).expect(operation.method);
        for exchange in world.bitbucket.mock.requests() {
            assert_ne!(exchange.status, 410, "{}: {exchange:?}", operation.method);
        }
    }
}
