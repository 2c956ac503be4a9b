//! Build statuses: keys, states, addresses and the branch they are tied to.

use crate::support::{quick_small, repo, sent, status, statuses};
use integration_tests::bitbucket::{Bitbucket, REPO, context};
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::MockBitbucket;
use std::collections::BTreeSet;
use vcs_provider_interface::prelude::*;

/// Situation `status-key-length`.
#[test]
fn long_keys_stay_apart_and_are_always_the_same() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    let commit = bitbucket.git.hash("main");
    let long = format!("acme-widget-build-{}", "x".repeat(60));
    let keys = [
        "k".repeat(40),
        format!("{long}1"),
        format!("{long}2"),
        "ü".repeat(41),
    ];
    for _ in 0..2 {
        for key in &keys {
            client
                .set_status(&context(), status(&commit, key, BuildState::SUCCESS))
                .unwrap_or_else(|error| panic!("{key}: {error}"));
        }
    }
    let kept = statuses(&*client, &commit).expect("statuses");
    let kept: BTreeSet<&str> = kept.iter().map(|status| status.key.as_str()).collect();
    assert_eq!(kept.len(), keys.len(), "{kept:?}");
    assert!(kept.contains(keys[0].as_str()), "forty characters are kept");
    for key in &kept {
        assert!(key.chars().count() <= 40, "{key}");
    }
    assert!(
        kept.iter()
            .filter(|key| key.starts_with("acme-widget-build-"))
            .all(|key| key.contains('-')),
        "a readable beginning stays: {kept:?}"
    );
}

/// Situation `states`.
#[test]
fn every_state_of_the_engine_has_a_state_of_the_service() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    let commit = bitbucket.git.hash("main");
    for (state, expected) in [
        (BuildState::SUCCESS, "SUCCESSFUL"),
        (BuildState::FAIL, "FAILED"),
        (BuildState::STOPPED, "STOPPED"),
        (BuildState::CANCELLED, "STOPPED"),
        (BuildState::SKIPPED, "STOPPED"),
        (BuildState::DISABLED, "STOPPED"),
        (BuildState::NEVER_BUILT, "STOPPED"),
        (BuildState::WAITING, "INPROGRESS"),
        (BuildState::CHECKING, "INPROGRESS"),
        (BuildState::BUILDING, "INPROGRESS"),
    ] {
        let set = client
            .set_status(&context(), status(&commit, "build", state))
            .unwrap_or_else(|error| panic!("{state}: {error}"));
        assert_eq!(set.service_state, expected, "{state}");
        let listed = statuses(&*client, &commit).expect("statuses");
        assert_eq!(listed.len(), 1, "the key is the same");
        assert_eq!(listed[0].service_state, expected);
    }
}

/// Situation `status-address`.
#[test]
fn an_address_that_the_service_would_refuse_is_refused_before_the_call() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    let commit = bitbucket.git.hash("main");
    for url in [
        "",
        "/builds/1",
        "builds/1",
        "http://localhost:8080/builds/1",
        "http://127.0.0.1/builds/1",
        "ftp://ci.example.com/1",
    ] {
        let request = StatusRequest {
            url: url.to_owned(),
            ..status(&commit, "build", BuildState::SUCCESS)
        };
        let error = client.set_status(&context(), request).expect_err(url);
        assert_eq!(error.kind, ErrorKind::INVALID_INPUT, "{url}");
        assert!(error.message.contains("address"), "{error}");
    }
    assert!(bitbucket.mock.requests().is_empty());
}

/// Situation `status-address`.
#[test]
fn braces_in_an_address_are_encoded() {
    let bitbucket = quick_small();
    let request = StatusRequest {
        url: "https://ci.example.com/b/{id}?x={y}".to_owned(),
        ..status(&bitbucket.git.hash("main"), "build", BuildState::SUCCESS)
    };
    bitbucket
        .client()
        .set_status(&context(), request)
        .expect("a status");
    let body = sent(&bitbucket, "POST", "/statuses/build")[0].json();
    assert_eq!(body["url"], "https://ci.example.com/b/%7Bid%7D?x=%7By%7D");
}

/// Situation `status-address`.
#[test]
fn with_details_hidden_the_address_is_neutral() {
    for config in [
        "[Status]\nshowDetail = true\n",
        "disableStatusDetails = true\n",
    ] {
        let bitbucket = Bitbucket::with(GitSandbox::small(), MockBitbucket::builder(), config);
        let request = status(&bitbucket.git.hash("main"), "build", BuildState::SUCCESS);
        bitbucket
            .client()
            .set_status(&context(), request)
            .expect("a status");
        let exchange = &sent(&bitbucket, "POST", "/statuses/build")[0];
        let url = exchange.json()["url"].to_string();
        assert!(url.contains("https://bitbucket.org/acme/widget"), "{url}");
        assert!(!String::from_utf8_lossy(&exchange.body).contains("ci.example.com"));
    }
}

/// Situation `refname`.
#[test]
fn the_refname_is_the_bare_name_of_the_branch() {
    let bitbucket = quick_small();
    let client = bitbucket.client();
    let commit = bitbucket.git.hash("feature/one");
    for name in ["feature/one", "refs/heads/feature/one"] {
        let request = StatusRequest {
            ref_name: Some(name.to_owned()),
            ..status(&commit, "build", BuildState::SUCCESS)
        };
        let set = client.set_status(&context(), request).expect("a status");
        assert_eq!(set.ref_name.as_deref(), Some("feature/one"));
    }
    for exchange in sent(&bitbucket, "POST", "/statuses/build") {
        assert_eq!(exchange.json()["refname"], "feature/one");
    }
}

/// A fork with a commit that its base does not have, and a pull request from it.
fn with_fork() -> (Bitbucket, String, u64) {
    let bitbucket = quick_small();
    bitbucket.mock.add_workspace("robin", false);
    let fork = bitbucket.mock.fork(REPO, "robin").expect("a fork");
    let clone = crate::support::Clone::of(&bitbucket.mock, &fork);
    clone.git(&["switch", "--quiet", "--create", "from-fork"]);
    let commit = clone.commit("fork.txt", "fork", "In the fork");
    clone.push(&["from-fork"]);
    let id = bitbucket
        .mock
        .open_pull_request_from_fork(REPO, "From a fork", (&fork, "from-fork"), "main")
        .expect("a pull request");
    (bitbucket, commit, id)
}

/// Situation `status-on-fork`.
#[test]
fn a_status_of_a_forks_commit_goes_to_the_fork() {
    let (bitbucket, commit, id) = with_fork();
    let client = bitbucket.client();
    let request = StatusRequest {
        pull_request: Some(id),
        ..status(&commit, "build", BuildState::SUCCESS)
    };
    let set = client.set_status(&context(), request).expect("a status");
    assert_eq!(set.commit, commit);
    let request = StatusesRequest {
        repo: "robin/widget".to_owned(),
        commit: commit.clone(),
        ..StatusesRequest::default()
    };
    let kept = vcs_provider_interface::sink::collect(|sink| {
        client.list_statuses(&context(), request, sink)
    })
    .expect("statuses");
    assert_eq!(kept.len(), 1);
}

/// Situation `status-on-fork`.
#[test]
fn without_the_pull_request_the_error_explains() {
    let (bitbucket, commit, _) = with_fork();
    let request = StatusRequest {
        repo: repo(),
        ..status(&commit, "build", BuildState::SUCCESS)
    };
    let error = bitbucket
        .client()
        .set_status(&context(), request)
        .expect_err("the base does not have the commit");
    assert_eq!(error.kind, ErrorKind::NOT_FOUND);
    assert!(error.message.contains("fork"), "{error}");
}
