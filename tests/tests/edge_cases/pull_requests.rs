//! Reading pull requests.

use crate::support::{pull_request, pull_requests, quick_small, repo, rule};
use integration_tests::bitbucket::{Bitbucket, REPO, context};
use integration_tests::sandbox::{git_command, run_git};
use mock_bitbucket::{Behaviour, CommitLinks, MissingRef, PullRequestState as State};
use serde_json::json;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect;

fn open(bitbucket: &Bitbucket, title: &str) -> u64 {
    bitbucket
        .mock
        .open_pull_request(REPO, title, "feature/one", "main")
        .expect("a pull request")
}

/// Situation `short-hashes`.
#[test]
fn shortened_hashes_are_expanded() {
    let bitbucket = quick_small();
    let id = open(&bitbucket, "One");
    let found = pull_request(&*bitbucket.client(), id).expect("a pull request");
    assert_eq!(
        found.head.branch.latest_commit,
        bitbucket.git.hash("feature/one")
    );
    assert_eq!(found.base.branch.latest_commit, bitbucket.git.hash("main"));
    let shortened = bitbucket.mock.requests().iter().any(|exchange| {
        let body: serde_json::Value =
            serde_json::from_slice(&exchange.response_body).unwrap_or_default();
        body.pointer("/source/commit/hash")
            .and_then(|hash| hash.as_str())
            .is_some_and(|hash| hash.len() == 12)
    });
    assert!(shortened, "the service gives twelve characters");
}

/// Situation `short-hashes`.
#[test]
fn the_commit_of_a_pull_request_is_found_by_its_whole_hash() {
    let bitbucket = quick_small();
    let id = open(&bitbucket, "One");
    for links in [
        CommitLinks::Installed,
        CommitLinks::Missing,
        CommitLinks::Indexing,
    ] {
        bitbucket.mock.set_behaviour(Behaviour {
            commit_links: links,
            ..Behaviour::default()
        });
        let request = SearchPullRequestRequest {
            repo: repo(),
            commit: bitbucket.git.hash("feature/one"),
            states: vec![PullRequestState::OPEN],
            ..Default::default()
        };
        let client = bitbucket.client();
        let found = collect(|sink| client.search_pull_request(&context(), request, sink))
            .unwrap_or_else(|error| panic!("{links:?}: {error}"));
        let found: Vec<u64> = found.iter().map(|found| found.id).collect();
        assert_eq!(found, [id], "{links:?}");
    }
}

/// Situation `deleted-forks-and-accounts`.
#[test]
fn a_pull_request_that_lost_something_is_kept() {
    for loss in [
        MissingRef::Author,
        MissingRef::SourceCommit,
        MissingRef::SourceRepository,
        MissingRef::DestinationCommit,
    ] {
        let bitbucket = quick_small();
        let client = bitbucket.client();
        let id = open(&bitbucket, "One");
        bitbucket.mock.make_missing(REPO, id, loss).expect("a loss");
        let listed = pull_requests(&*client, &[PullRequestState::OPEN])
            .unwrap_or_else(|error| panic!("{loss:?}: {error}"));
        assert_eq!(listed.len(), 1, "{loss:?}");
        let found = pull_request(&*client, id).unwrap_or_else(|error| panic!("{loss:?}: {error}"));
        assert_eq!(found.title, "One");
        match loss {
            MissingRef::Author => assert_eq!(found.user, None),
            MissingRef::SourceCommit => assert_eq!(found.head.branch.latest_commit, ""),
            MissingRef::SourceRepository => assert_eq!(found.head.repo, None),
            MissingRef::DestinationCommit => assert_eq!(found.base.branch.latest_commit, ""),
        }
    }
}

/// Situation `deleted-forks-and-accounts`.
#[test]
fn nulls_everywhere_lose_no_pull_request() {
    let bitbucket = quick_small();
    let id = open(&bitbucket, "One");
    let nothing = || {
        crate::support::replaced([
            ("/author", json!(null)),
            (
                "/source",
                json!({"branch": {"name": "gone"}, "commit": null, "repository": null}),
            ),
            ("/destination/commit", json!(null)),
            ("/merge_commit", json!(null)),
            ("/reviewers", json!(null)),
            ("/participants", json!(null)),
            ("/summary", json!(null)),
            ("/closed_by", json!(null)),
        ])
    };
    bitbucket
        .mock
        .add_fault(rule("*/pullrequests/1*", nothing()));
    let found = pull_request(&*bitbucket.client(), id).expect("a pull request");
    assert_eq!(found.id, id);
    assert_eq!(found.head.branch.display_id, "gone");
}

/// Situation `closed-pull-requests`.
#[test]
fn merged_declined_and_superseded_are_closed_and_only_one_is_merged() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    let expected = [
        (State::Open, PullRequestState::OPEN, false, false),
        (State::Merged, PullRequestState::MERGED, true, true),
        (State::Declined, PullRequestState::DECLINED, true, false),
        (State::Superseded, PullRequestState::SUPERSEDED, true, false),
    ];
    for (state, ..) in expected {
        let id = open(&bitbucket, &format!("{state:?}"));
        bitbucket
            .mock
            .set_pull_request_state(REPO, id, state)
            .expect("a state");
    }
    for (_, state, closed, merged) in expected {
        let found = pull_requests(&*client, &[state]).expect("a list");
        assert_eq!(found.len(), 1, "{state}");
        assert_eq!(found[0].state, state);
        assert_eq!(
            (found[0].closed, found[0].merged),
            (closed, merged),
            "{state}"
        );
    }
    assert_eq!(pull_requests(&*client, &[]).expect("a list").len(), 4);
    let closed = [
        PullRequestState::MERGED,
        PullRequestState::DECLINED,
        PullRequestState::SUPERSEDED,
    ];
    assert_eq!(pull_requests(&*client, &closed).expect("a list").len(), 3);
}

/// Situation `closed-pull-requests`.
#[test]
fn a_filter_does_not_make_the_states_forgotten() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    let id = open(&bitbucket, "Declined");
    bitbucket
        .mock
        .set_pull_request_state(REPO, id, State::Declined)
        .expect("a state");
    let request = |states: &[PullRequestState]| PullRequestsRequest {
        repo: repo(),
        states: states.to_vec(),
        source_branch: Some("feature/one".to_owned()),
        ..PullRequestsRequest::default()
    };
    let of = |states: &[PullRequestState]| {
        collect(|sink| client.pull_requests(&context(), request(states), sink)).expect("a list")
    };
    assert_eq!(of(&[PullRequestState::OPEN]).len(), 0);
    assert_eq!(of(&[PullRequestState::DECLINED]).len(), 1);
    assert_eq!(of(&[]).len(), 1);
}

/// Situation `no-pull-request-refs`.
#[test]
fn the_source_is_checked_out_by_its_branch_or_hash() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    let id = open(&bitbucket, "One");
    let found = pull_request(&*client, id).expect("a pull request");
    let request = CheckoutRequest {
        repo: found.head.repo.clone().expect("a repository"),
        ..Default::default()
    };
    let checkout = client
        .checkout_credentials(&context(), request)
        .expect("credentials");
    let secret = checkout.secret.expect("a secret");
    let secret = secret.expose().replace('=', "%3D");
    let credential = format!("http://{}:{secret}@", checkout.username.expect("a user"));
    let url = checkout.http_url.replacen("http://", &credential, 1);

    let folder = tempfile::TempDir::new().expect("a folder");
    let git = |arguments: &[&str]| {
        let mut command = git_command();
        command.current_dir(folder.path()).args(arguments);
        run_git(command, "")
    };
    git(&["init", "--quiet"]);
    let refs = git(&["ls-remote", &url]);
    assert!(!refs.contains("pull-requests"), "{refs}");
    let branch = format!("refs/heads/{}", found.head.branch.display_id);
    git(&["fetch", "--quiet", &url, &branch]);
    assert_eq!(
        git(&["rev-parse", "FETCH_HEAD"]),
        found.head.branch.latest_commit
    );
}
