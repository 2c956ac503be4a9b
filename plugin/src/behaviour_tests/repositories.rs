//! Lists of repositories over several workspaces.

use super::support::{Reply, Service, SilentHost, context};
use serde_json::json;
use std::sync::Arc;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect;

/// Situation `listed-but-forbidden`.
#[test]
fn a_workspace_that_may_not_be_read_is_left_out_and_reported() {
    let host = Arc::new(SilentHost::default());
    let service = Service::start(|request| match request.path() {
        "/2.0/user/workspaces" => Reply::json(
            200,
            r#"{"values":[{"workspace":{"slug":"shut"}},{"workspace":{"slug":"open"}}]}"#,
        ),
        "/2.0/repositories/open" => {
            Reply::json(200, r#"{"values":[{"uuid":"{1}","full_name":"open/a"}]}"#)
        }
        _ => Reply::json(403, r#"{"error":{"message":"no"}}"#),
    });
    let client = service.client_with("", host.clone());
    let repos = collect(|sink| client.repos(&context(), RepositoriesRequest::default(), sink))
        .expect("a list");
    assert_eq!(repos.len(), 1);
    assert_eq!(repos[0].slug, "a");
    let lines = host.lines.lock().expect("no panic");
    let warnings: Vec<_> = lines
        .iter()
        .filter(|line| line.level == LogLevel::WARN)
        .collect();
    assert!(
        warnings.len() == 1 && warnings[0].message.contains("shut"),
        "{warnings:?}"
    );
}

/// Situation `listed-but-forbidden`.
#[test]
fn rejected_everywhere_and_rejected_as_a_whole_are_errors() {
    let service = Service::start(|request| match request.path() {
        "/2.0/user/workspaces" => Reply::json(200, r#"{"values":[{"workspace":{"slug":"shut"}}]}"#),
        _ => Reply::json(403, r#"{"error":{"message":"no"}}"#),
    });
    let client = service.client("");
    let list = || collect(|sink| client.repos(&context(), RepositoriesRequest::default(), sink));
    assert_eq!(
        list().map_err(|error| error.kind),
        Err(ErrorKind::PERMISSION_DENIED)
    );

    let service = Service::start(|_| Reply::json(401, r#"{"error":{"message":"no"}}"#));
    let client = service.client("workspaces = ['one', 'two']");
    let error = collect(|sink| client.repos(&context(), RepositoriesRequest::default(), sink))
        .expect_err("rejected");
    assert_eq!(error.kind, ErrorKind::UNAUTHENTICATED);
    assert!(
        service.received().len() <= 2,
        "no more than the first pages"
    );
}

#[test]
fn repositories_are_filtered_and_limited_over_all_workspaces() {
    let service = Service::start(|request| {
        let workspace = request.path().rsplit('/').next().unwrap_or_default();
        Reply::json(
            200,
            json!({"values": [
                {"uuid": format!("{{{workspace}1}}"), "full_name": format!("{workspace}/a")},
                {"uuid": format!("{{{workspace}2}}"), "full_name": format!("{workspace}/b")},
            ]}),
        )
    });
    let client = service.client("workspaces = ['one', 'two', 'three']");
    let request = RepositoriesRequest {
        filter: Some("a\"b".to_owned()),
        limit: Some(3),
        ..RepositoriesRequest::default()
    };
    let repos = collect(|sink| client.repos(&context(), request, sink)).expect("a list");
    let names: Vec<&str> = repos.iter().map(|repo| repo.fullname.as_str()).collect();
    assert_eq!(names, ["one/a", "one/b", "two/a"]);
    assert_eq!(service.received().len(), 2);
    assert_eq!(
        service.received()[0].query("q"),
        Some("name%20~%20%22a%5C%22b%22")
    );
}
