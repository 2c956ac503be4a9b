//! A service that refuses, fails, or answers in an odd form.

use crate::support::{answer, branch, branches, quick_small, rule, rule_for, sent};
use integration_tests::bitbucket::{REPO, context};
use mock_bitbucket::{Fault, FaultRule};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::prelude::*;

/// How the service refuses for its limits: in plain text.
fn too_many(headers: &[(&str, &str)]) -> Fault {
    Fault {
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<BTreeMap<_, _>>(),
        ..answer(429, "Rate limit for this resource has been exceeded")
    }
}

/// Situation `rate-limit`.
#[test]
fn a_refusal_without_a_wish_is_waited_out() {
    let bitbucket = quick_small();
    bitbucket.mock.add_fault(FaultRule {
        times: Some(3),
        ..rule("*/refs/branches?*", too_many(&[]))
    });
    let found = branches(&*bitbucket.client()).expect("a list");
    assert_eq!(found.len(), 2);
    assert_eq!(sent(&bitbucket, "GET", "/refs/branches").len(), 4);
}

/// Situation `rate-limit`.
#[test]
fn the_wish_of_the_service_is_honoured() {
    let bitbucket = quick_small();
    bitbucket.mock.add_fault(FaultRule {
        times: Some(1),
        ..rule("*/refs/branches?*", too_many(&[("Retry-After", "1")]))
    });
    let begun = Instant::now();
    branches(&*bitbucket.client()).expect("a list");
    assert!(begun.elapsed() >= Duration::from_millis(950));
}

/// Situation `rate-limit`.
#[test]
fn one_gate_holds_all_calls_of_a_credential_back_under_the_deadline() {
    let bitbucket = quick_small();
    bitbucket.mock.add_fault(FaultRule {
        times: Some(1),
        ..rule("*/refs/branches?*", too_many(&[("Retry-After", "120")]))
    });
    let error = branches(&*bitbucket.client()).expect_err("there is no time to wait");
    assert_eq!(error.kind, ErrorKind::RATE_LIMITED);
    assert!(error.retryable);
    assert!(
        error
            .retry_after()
            .is_some_and(|wait| wait > Duration::from_secs(60))
    );

    bitbucket.mock.clear_requests();
    let soon = HostCallContext::new("test").with_time_limit(Duration::from_secs(5));
    let request = TagsRequest {
        repo: REPO.to_owned(),
        ..TagsRequest::default()
    };
    let begun = Instant::now();
    let error =
        vcs_provider_interface::sink::collect(|sink| bitbucket.client().tags(&soon, request, sink))
            .expect_err("the gate of the credential is closed");
    assert_eq!(error.kind, ErrorKind::RATE_LIMITED);
    assert!(begun.elapsed() < Duration::from_secs(4));
    assert!(bitbucket.mock.requests().is_empty(), "nothing was sent");

    let other = crate::support::api_token(&bitbucket.mock, &["read:repository:bitbucket"]);
    let other = bitbucket.client_with(other);
    branches(&*other).expect("another credential has its own gate");
}

/// Situation `rate-limit`.
#[test]
fn refusals_without_end_are_an_error() {
    let bitbucket = quick_small();
    bitbucket
        .mock
        .add_fault(rule("*/refs/branches/*", too_many(&[])));
    let error = branch(&*bitbucket.client(), Some("main")).expect_err("refused each time");
    assert_eq!(error.kind, ErrorKind::RATE_LIMITED);
    assert_eq!(error.http_status, Some(429));
    let tries = sent(&bitbucket, "GET", "/refs/branches/main").len();
    assert!((2..=10).contains(&tries), "{tries}");
}

/// Situation `lost-create`.
#[test]
fn a_creation_whose_answer_is_lost_is_looked_for_and_not_repeated() {
    let bitbucket = quick_small();
    bitbucket.mock.add_fault(rule_for(
        "POST",
        "*/refs/branches",
        Fault {
            reset: true,
            ..Fault::default()
        },
    ));
    let target = bitbucket.git.hash("main");
    let request = CreateBranchRequest {
        repo: REPO.to_owned(),
        name: "new".to_owned(),
        target: target.clone(),
        ..Default::default()
    };
    let made = bitbucket
        .client()
        .create_branch(&context(), request)
        .expect("the branch is there");
    assert_eq!(
        (made.display_id.as_str(), made.latest_commit),
        ("new", target)
    );
    assert_eq!(sent(&bitbucket, "POST", "/refs/branches").len(), 1);
}

/// Situation `lost-create`.
#[test]
fn a_hook_whose_creation_times_out_is_there_once() {
    let bitbucket = quick_small();
    bitbucket.mock.add_fault(FaultRule {
        times: Some(1),
        ..rule_for(
            "POST",
            "*/hooks",
            Fault {
                perform: Some(true),
                ..answer(555, "")
            },
        )
    });
    let request = HookRequest {
        repo: REPO.to_owned(),
        name: "ci".to_owned(),
        url: "https://ci.example.com/hooks/1".to_owned(),
        ..HookRequest::default()
    };
    bitbucket
        .client()
        .create_hook(&context(), request)
        .expect("the hook is there");
    assert_eq!(bitbucket.mock.hooks(REPO).expect("hooks").len(), 1);
    assert_eq!(sent(&bitbucket, "POST", "/hooks").len(), 1);
}

/// Situation `lost-create`.
#[test]
fn a_creation_that_was_not_done_is_sent_again() {
    let bitbucket = quick_small();
    bitbucket.mock.add_fault(FaultRule {
        times: Some(1),
        ..rule_for("POST", "*/refs/branches", answer(503, ""))
    });
    let request = CreateBranchRequest {
        repo: REPO.to_owned(),
        name: "new".to_owned(),
        target: bitbucket.git.hash("main"),
        ..Default::default()
    };
    bitbucket
        .client()
        .create_branch(&context(), request)
        .expect("a branch");
    assert_eq!(sent(&bitbucket, "POST", "/refs/branches").len(), 2);
}

/// The error of a branch lookup that is answered with this status and body.
fn error_with(status: u16, body: Value) -> VcsError {
    let bitbucket = quick_small();
    bitbucket
        .mock
        .add_fault(rule("*/refs/branches/*", answer(status, body)));
    branch(&*bitbucket.client(), Some("main")).expect_err("an error")
}

/// Situation `error-bodies`.
#[test]
fn every_shape_of_error_is_read() {
    for (body, expected) in [
        (
            json!({"type": "error", "error": {"message": "The words."}}),
            "The words.",
        ),
        (json!({"error": {"message": "The words."}}), "The words."),
        (
            json!({"type": "error", "error": {"message": "Bad", "detail": {"a": "The words."}}}),
            "The words.",
        ),
        (
            json!({"type": "error", "error": {"message": "Bad", "fields": {"name": ["The words."]}}}),
            "The words.",
        ),
        (json!({"code": 400, "message": "The words."}), "The words."),
        (json!("The words."), "The words."),
    ] {
        let error = error_with(400, body.clone());
        assert_eq!(error.kind, ErrorKind::INVALID_INPUT, "{body}");
        assert_eq!(error.http_status, Some(400));
        assert!(error.message.contains(expected), "{body}: {error}");
        assert!(error.service_request_id.is_some(), "{body}");
    }
}

/// Situation `error-bodies`.
#[test]
fn an_unknown_shape_keeps_the_status_and_the_request_number() {
    for body in [json!([1, 2]), json!({}), json!({"error": 7}), json!("")] {
        let error = error_with(400, body.clone());
        assert_eq!(error.http_status, Some(400), "{body}");
        assert!(error.service_request_id.is_some(), "{body}");
    }
}

/// Situation `error-bodies`.
#[test]
fn a_web_page_is_never_shown() {
    for status in [200, 400, 404, 502] {
        let bitbucket = quick_small();
        bitbucket.mock.add_fault(rule(
            "*/refs/branches?*",
            Fault {
                status: Some(status),
                html: true,
                ..Fault::default()
            },
        ));
        let error = branches(&*bitbucket.client()).expect_err("a web page is no list");
        assert!(!error.message.contains('<'), "{error}");
        assert!(!error.message.contains("having trouble"), "{error}");
        assert_eq!(error.http_status, Some(status));
        assert!(!bitbucket.host.log_text().contains("having trouble"));
    }
}
