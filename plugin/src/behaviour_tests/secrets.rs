//! Nothing secret in logs and errors.

use super::support::{HASH, Reply, Service, SilentHost, TOKEN, context};
use std::sync::Arc;
use vcs_provider_interface::prelude::*;

#[test]
fn neither_logs_nor_errors_hold_the_token_even_if_the_service_repeats_it() {
    let host = Arc::new(SilentHost::default());
    let service = Service::start(|request| {
        let repeated = request.header("authorization").unwrap_or_default();
        let body = format!(r#"{{"error":{{"message":"I do not like {repeated}"}}}}"#);
        Reply::with(
            403,
            &[("X-OAuth-Scopes", repeated), ("X-Request-Id", "r1")],
            &body,
        )
    });
    let request = CommitRequest {
        repo: "team/repo".to_owned(),
        hash: HASH.to_owned(),
        ..Default::default()
    };
    let error = service
        .client_with("", host.clone())
        .commit(&context(), request)
        .expect_err("rejected");
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("I do not like"), "{shown}");
    assert!(!shown.contains(TOKEN), "{shown}");

    let lines = format!("{:?}", host.lines.lock().expect("no panic"));
    assert!(!lines.contains(TOKEN), "{lines}");
}

#[test]
fn each_request_is_one_structured_line() {
    let host = Arc::new(SilentHost::default());
    let service = Service::start(|_| Reply::json(200, r#"{"hash":"aa"}"#));
    let request = CommitRequest {
        repo: "team/repo".to_owned(),
        hash: HASH.to_owned(),
        ..Default::default()
    };
    service
        .client_with("", host.clone())
        .commit(&context(), request)
        .expect("a commit");
    let lines = host.lines.lock().expect("no panic");
    let requests: Vec<&LogRecord> = lines.iter().filter(|line| line.target == "http").collect();
    assert_eq!(requests.len(), 1);
    let field = |name: &str| {
        let found = requests[0].fields.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    assert_eq!(field("method"), "GET");
    assert_eq!(field("status"), "200");
    assert_eq!(field("attempt"), "1");
    assert_eq!(field("call"), "test");
    assert!(field("url").contains("/2.0/repositories/team/repo/commit/"));
}

#[test]
fn the_service_start_says_what_the_status_settings_mean() {
    let service = Service::start(|_| Reply::not_found());
    for (settings, words) in [
        ("", "show the engine's address"),
        (
            "[Status]\nshowDetail = true",
            "keep the engine's address back",
        ),
        (
            "disableStatusDetails = true",
            "keep the engine's address back",
        ),
        ("[Status]\ndisable = true", "no build statuses are sent"),
    ] {
        let server = service.server(settings, Arc::new(SilentHost::default()));
        let info = server
            .server_info(&context(), ServerInfoRequest::default())
            .expect("what the server says");
        assert!(info.notices[0].contains(words), "{:?}", info.notices);
    }
}
