//! What is repeated, what is not, and how errors read.

use super::support::{HASH, Reply, Service, context};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use vcs_provider_interface::context::{Cancellation, HostCallContext};
use vcs_provider_interface::prelude::*;

const COMMIT: &str = r#"{"hash":"0123456789abcdef0123456789abcdef01234567","message":"m","author":{"raw":"A <a@b>"}}"#;

fn commit(service: &Service, settings: &str) -> Result<Commit> {
    commit_within(service, settings, &context())
}

fn commit_within(service: &Service, settings: &str, context: &dyn CallContext) -> Result<Commit> {
    let request = CommitRequest {
        repo: "team/repo".to_owned(),
        hash: HASH.to_owned(),
        ..Default::default()
    };
    service.client(settings).commit(context, request)
}

fn error_of(reply: fn() -> Reply) -> VcsError {
    commit(&Service::scripted(vec![reply]), "").expect_err("the call fails")
}

#[test]
fn a_reading_call_survives_failures_that_pass() {
    let service = Service::scripted(vec![
        || Reply::with(503, &[], ""),
        || Reply::with(555, &[], "<html>hidden</html>"),
        || Reply::raw_then_hang_up("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"hash\":"),
        || Reply::json(200, COMMIT),
    ]);
    assert_eq!(
        commit(&service, "").map(|commit| commit.id),
        Ok(HASH.to_owned())
    );
    assert_eq!(service.received().len(), 4);
}

#[test]
fn failures_that_stay_end_after_a_bounded_number_of_tries() {
    let service = Service::scripted(vec![|| Reply::with(502, &[("X-Request-Id", "r7")], "")]);
    let error = commit(&service, "").expect_err("the service fails");
    assert_eq!(error.kind, ErrorKind::UNAVAILABLE);
    assert_eq!((error.http_status, error.retryable), (Some(502), true));
    assert_eq!(error.service_request_id.as_deref(), Some("r7"));
    assert_eq!(service.received().len(), 24);
    assert!(error.message.contains("tried 24 times"), "{error}");
}

/// Situation `short-outage`.
#[test]
fn a_service_that_fails_is_tried_for_as_long_as_may_be_waited() {
    let service = Service::scripted(vec![|| Reply::with(502, &[("Retry-After", "1")], "")]);
    commit(&service, "maxWaitSeconds = 2").expect_err("the service fails");
    assert_eq!(service.received().len(), 3, "two pauses of a second");

    let service = Service::scripted(vec![|| Reply::with(503, &[], "")]);
    let context = HostCallContext::new("test").with_time_limit(Duration::from_millis(500));
    let begun = Instant::now();
    let error = commit_within(&service, "", &context).expect_err("the service fails");
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(
        error.kind,
        ErrorKind::UNAVAILABLE,
        "what went wrong, not the time"
    );
}

const NO_COMMIT: &str = r#"{"error":{"message":"Changeset not found."}}"#;

/// Situation `commit-comes-late`.
#[test]
fn a_commit_that_is_not_visible_yet_is_asked_for_again() {
    let service = Service::scripted(vec![
        || Reply::json(404, NO_COMMIT),
        || Reply::json(404, NO_COMMIT),
        || Reply::json(200, COMMIT),
    ]);
    assert_eq!(
        commit(&service, "").map(|commit| commit.id),
        Ok(HASH.to_owned())
    );
    assert_eq!(service.received().len(), 3);

    let service = Service::scripted(vec![|| Reply::json(404, NO_COMMIT)]);
    let error = commit(&service, "").expect_err("it never comes");
    assert_eq!(error.kind, ErrorKind::NOT_FOUND);
    assert_eq!(service.received().len(), 5);

    // A repository that is not there does not come.
    let service = Service::scripted(vec![Reply::not_found]);
    commit(&service, "").expect_err("no repository");
    assert_eq!(service.received().len(), 1);
}

/// Situation `commit-comes-late`.
#[test]
fn a_status_waits_for_its_commit() {
    let service = Service::scripted(vec![|| Reply::json(404, NO_COMMIT), || {
        Reply::json(201, r#"{"key":"k","state":"SUCCESSFUL"}"#)
    }]);
    let request = StatusRequest {
        repo: "team/repo".to_owned(),
        commit: HASH.to_owned(),
        key: "k".to_owned(),
        state: BuildState::SUCCESS,
        url: "https://ci.example.com/1".to_owned(),
        ..StatusRequest::default()
    };
    service
        .client("")
        .set_status(&context(), request)
        .expect("the second try succeeds");
    assert_eq!(service.received().len(), 2);
}

/// Situation `required-and-granted`.
#[test]
fn required_and_granted_scopes_are_told_apart_and_a_role_is_no_scope() {
    let error = error_of(|| {
        Reply::json(
            403,
            r#"{"type":"error","error":{"message":"Your credentials lack one or more required privilege scopes.",
                "detail":{"required":["webhook"],"granted":["repository","account"]}}}"#,
        )
    });
    assert!(
        error.message.contains("scopes required: webhook;"),
        "{error}"
    );
    assert!(
        error
            .message
            .contains("scopes granted: repository, account"),
        "{error}"
    );
    assert!(!error.message.contains("role"), "{error}");
    let error = error_of(|| {
        Reply::with(
            403,
            &[
                ("X-Accepted-OAuth-Scopes", "repository"),
                ("X-OAuth-Scopes", "pullrequest:write, webhook"),
            ],
            r#"{"type":"error","error":{"message":"Forbidden"}}"#,
        )
    });
    assert!(error.message.contains("the scopes suffice"), "{error}");
    assert!(error.message.contains("role"), "{error}");
}

#[test]
fn nothing_that_the_service_rejects_for_good_is_repeated() {
    for (reply, kind) in [
        (
            (|| Reply::with(400, &[], "")) as fn() -> Reply,
            ErrorKind::INVALID_INPUT,
        ),
        (|| Reply::with(401, &[], ""), ErrorKind::UNAUTHENTICATED),
        (|| Reply::with(402, &[], ""), ErrorKind::PERMISSION_DENIED),
        (|| Reply::with(403, &[], ""), ErrorKind::PERMISSION_DENIED),
        (|| Reply::with(404, &[], ""), ErrorKind::NOT_FOUND),
        (|| Reply::with(409, &[], ""), ErrorKind::CONFLICT),
        (|| Reply::with(410, &[], ""), ErrorKind::ENDPOINT_REMOVED),
    ] {
        let service = Service::scripted(vec![reply]);
        let error = commit(&service, "").expect_err("the call fails");
        assert_eq!(error.kind, kind);
        assert!(!error.retryable);
        assert_eq!(service.received().len(), 1, "{kind}");
    }
}

/// Situation `removed-endpoints`.
#[test]
fn a_removed_operation_gives_the_address_of_the_announcement() {
    let error = error_of(|| {
        Reply::json(
            410,
            r#"{"type":"error","error":{"message":"CHANGE-1 - gone","data":{"announcement_url":"https://x.example/changes#1"}}}"#,
        )
    });
    assert_eq!(error.kind, ErrorKind::ENDPOINT_REMOVED);
    let url = (
        "announcement_url".to_owned(),
        "https://x.example/changes#1".to_owned(),
    );
    assert!(error.extra.contains(&url), "{error:?}");
    assert!(error.message.contains("CHANGE-1"), "{error}");
}

/// Situation `hidden-by-not-found`.
#[test]
fn missing_scopes_are_in_the_message_and_beside_it() {
    let error = error_of(|| {
        Reply::with(
            403,
            &[
                ("X-Accepted-OAuth-Scopes", "repository:write"),
                ("X-OAuth-Scopes", "repository, account"),
            ],
            r#"{"type":"error","error":{"message":"Your credentials lack one or more required privilege scopes."}}"#,
        )
    });
    for fact in [
        ("scopes_accepted", "repository:write"),
        ("scopes_granted", "repository, account"),
    ] {
        let fact = (fact.0.to_owned(), fact.1.to_owned());
        assert!(error.extra.contains(&fact), "{error:?}");
        assert!(error.message.contains(&fact.1), "{error}");
    }
    let error = error_of(Reply::not_found);
    assert!(error.message.contains("not found or no access"), "{error}");
}

/// Situation `error-bodies`.
#[test]
fn every_shape_of_error_body_is_read_and_a_web_page_never_shown() {
    type Shape = (fn() -> Reply, &'static str);
    let shapes: [Shape; 7] = [
        (
            || {
                Reply::json(
                    400,
                    r#"{"type":"error","error":{"message":"first","detail":"more"}}"#,
                )
            },
            "first. more",
        ),
        (
            || {
                Reply::json(
                    400,
                    r#"{"error":{"message":"first","detail":{"why":"inner"}}}"#,
                )
            },
            "first. inner",
        ),
        (
            || {
                Reply::json(
                    400,
                    r#"{"error":{"message":"Bad","fields":{"key":["too long"]}}}"#,
                )
            },
            "key: too long",
        ),
        (
            || Reply::json(400, r#"{"code":400,"message":"at most 100"}"#),
            "at most 100",
        ),
        (|| Reply::with(400, &[], "plain words"), "plain words"),
        (
            || Reply::with(400, &[("Content-Type", "text/html")], "<html>hidden</html>"),
            "rejects",
        ),
        (|| Reply::with(400, &[], ""), "rejects"),
    ];
    for (reply, words) in shapes {
        let error = error_of(reply);
        assert!(error.message.contains(words), "{error}");
        assert!(!error.message.contains("hidden"), "{error}");
        assert!(!error.message.contains('<'), "{error}");
    }
    let error = error_of(|| Reply::json(404, r#"{"error":{"message":"x","id":"abc123"}}"#));
    assert_eq!(error.service_request_id.as_deref(), Some("abc123"));
}

/// Situation `rate-limit`.
#[test]
fn a_rejected_client_waits_as_long_as_it_is_asked_to() {
    let service = Service::scripted(vec![
        || Reply::with(429, &[("Retry-After", "1")], "Rate limit exceeded"),
        || Reply::json(200, COMMIT),
    ]);
    let begun = Instant::now();
    commit(&service, "").expect("the second try succeeds");
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(service.received().len(), 2);
}

/// Situation `rate-limit`.
#[test]
fn a_longer_wait_than_the_deadline_is_an_error_at_once_for_all_calls_of_the_credential() {
    let service = Service::scripted(vec![|| Reply::with(429, &[("Retry-After", "100")], "slow")]);
    let client = service.client("");
    let request = || CommitRequest {
        repo: "team/repo".to_owned(),
        hash: HASH.to_owned(),
        ..Default::default()
    };
    let begun = Instant::now();
    for _ in 0..2 {
        let error = client.commit(&context(), request()).expect_err("rejected");
        assert_eq!(error.kind, ErrorKind::RATE_LIMITED);
        assert!(error.retryable);
        let wait = error.retry_after().expect("a time to wait");
        assert!(wait > Duration::from_secs(90), "{wait:?}");
    }
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_eq!(
        service.received().len(),
        1,
        "the gate held the second call back"
    );
}

#[test]
fn a_service_that_says_nothing_does_not_outlast_the_deadline() {
    let service = Service::start(|_| Reply::silence());
    let begun = Instant::now();
    let context = HostCallContext::new("test").with_time_limit(Duration::from_millis(300));
    let error = commit_within(&service, "", &context).expect_err("no response in time");
    assert_eq!(error.kind, ErrorKind::TIMEOUT);
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_cancelled_call_sends_nothing_and_a_waiting_one_ends() {
    let service = Service::scripted(vec![|| Reply::with(429, &[("Retry-After", "20")], "")]);
    let switch = Cancellation::new();
    let context = context().with_cancellation(switch.clone());
    let error = std::thread::scope(|scope| {
        let call = scope.spawn(|| commit_within(&service, "", &context));
        while service.received().is_empty() {
            std::thread::yield_now();
        }
        switch.cancel();
        call.join().expect("the call does not panic")
    })
    .expect_err("cancelled");
    assert_eq!(error.kind, ErrorKind::CANCELLED);

    let before = service.received().len();
    let error = commit_within(&service, "", &context).expect_err("cancelled");
    assert_eq!(error.kind, ErrorKind::CANCELLED);
    assert_eq!(service.received().len(), before);
}

#[test]
fn an_unreachable_service_is_unavailable_and_names_the_host() {
    let service = Service::start(|_| Reply::not_found());
    let client = service.client("");
    drop(service);
    let request = CommitRequest {
        repo: "team/repo".to_owned(),
        hash: HASH.to_owned(),
        ..Default::default()
    };
    let error = client
        .commit(&context(), request)
        .expect_err("nobody listens");
    assert_eq!(
        (error.kind, error.retryable),
        (ErrorKind::UNAVAILABLE, true)
    );
    assert!(error.message.contains("127.0.0.1"), "{error}");
}

#[test]
fn a_web_page_in_place_of_json_says_what_to_check() {
    let error = error_of(|| {
        Reply::with(
            200,
            &[("Content-Type", "text/html")],
            "<html>please log in</html>",
        )
    });
    assert_eq!(error.kind, ErrorKind::INVALID_RESPONSE);
    assert!(error.message.contains("apiUrl"), "{error}");
    assert!(!error.message.contains("log in"), "{error}");
}

#[test]
fn a_body_over_the_limit_is_rejected_even_if_it_says_less() {
    let service = Service::start(|_| {
        let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for _ in 0..20 {
            bytes.extend_from_slice(b"10000\r\n");
            bytes.extend(std::iter::repeat_n(b' ', 0x10000));
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        Reply::raw_then_hang_up(bytes)
    });
    let error = commit(&service, "maxBodyBytes = 65536").expect_err("too long");
    assert_eq!(error.kind, ErrorKind::INVALID_RESPONSE);
    assert!(error.message.contains("maxBodyBytes"), "{error}");
}

/// Situation `lost-create`.
#[test]
fn a_creation_with_an_unknown_outcome_is_looked_for_before_it_is_repeated() {
    // The service makes the branch and dies before it can say so.
    let service = Service::start(|request| match request.method.as_str() {
        "POST" => Reply::raw_then_hang_up(""),
        _ => Reply::json(
            200,
            format!(r#"{{"name":"topic","target":{{"hash":"{HASH}"}}}}"#),
        ),
    });
    let branch = create_branch(&service).expect("the branch is there");
    assert_eq!(branch.display_id, "topic");
    assert_eq!(posts(&service), 1);

    // The service has not made it: the second try does.
    let tries = AtomicUsize::new(0);
    let service = Service::start(move |request| match request.method.as_str() {
        "POST" if tries.fetch_add(1, Ordering::AcqRel) == 0 => Reply::with(503, &[], ""),
        "POST" => Reply::json(
            201,
            format!(r#"{{"name":"topic","target":{{"hash":"{HASH}"}}}}"#),
        ),
        _ => Reply::not_found(),
    });
    create_branch(&service).expect("the branch is made");
    assert_eq!(posts(&service), 2);
}

fn create_branch(service: &Service) -> Result<Branch> {
    let request = CreateBranchRequest {
        repo: "team/repo".to_owned(),
        name: "topic".to_owned(),
        target: HASH.to_owned(),
        ..Default::default()
    };
    service.client("").create_branch(&context(), request)
}

fn posts(service: &Service) -> usize {
    let received = service.received();
    received
        .iter()
        .filter(|request| request.method == "POST")
        .count()
}

#[test]
fn connections_are_used_again() {
    let service = Service::start(|_| Reply::json(200, COMMIT));
    let client = service.client("");
    for _ in 0..5 {
        let request = CommitRequest {
            repo: "team/repo".to_owned(),
            hash: HASH.to_owned(),
            ..Default::default()
        };
        client.commit(&context(), request).expect("a commit");
    }
    assert!(
        service
            .received()
            .iter()
            .all(|request| request.connection == 0)
    );
}

#[test]
fn a_connection_that_the_service_closed_meanwhile_is_no_failure() {
    let service = Service::start(|_| Reply::json(200, COMMIT).then_hang_up());
    let client = service.client("");
    for _ in 0..3 {
        let request = CommitRequest {
            repo: "team/repo".to_owned(),
            hash: HASH.to_owned(),
            ..Default::default()
        };
        client.commit(&context(), request).expect("a commit");
    }
}
