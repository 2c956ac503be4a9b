//! Hooks, build statuses and checkouts: what is sent, and what is rejected before.

use super::support::{HASH, Received, Reply, Service, SilentHost, TOKEN, context, repo, targets};
use std::sync::Arc;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect;

fn hooks(_request: &Received) -> Reply {
    Reply::json(
        200,
        r#"{"values":[{"uuid":"{h1}","url":"https://ci.example/hooks/1","active":true,"events":["repo:push"],"secret_set":true}]}"#,
    )
}

/// Situation `hooks`.
#[test]
fn hooks_are_found_by_address_and_deleted_once() {
    let service = Service::start(|request| match request.method.as_str() {
        "DELETE" => Reply::with(204, &[], ""),
        _ => hooks(request),
    });
    let client = service.client("");
    let get = |url: &str| {
        let request = GetHookRequest {
            repo: repo(),
            url: url.to_owned(),
            ..Default::default()
        };
        client.get_hook(&context(), request)
    };
    let hook = get("https://CI.example/hooks/1/").expect("the hook");
    assert_eq!((hook.id.as_str(), hook.secret_set), ("{h1}", Some(true)));
    assert_eq!(
        get("https://ci.example/hooks/2").map_err(|error| error.kind),
        Err(ErrorKind::NOT_FOUND)
    );
    let delete = |id: Option<&str>, url: Option<&str>| {
        let request = DeleteHookRequest {
            repo: repo(),
            id: id.map(str::to_owned),
            url: url.map(str::to_owned),
            ..Default::default()
        };
        client.delete_hook(&context(), request)
    };
    assert_eq!(
        delete(None, Some("https://ci.example/hooks/2")),
        Ok(Done::unchanged())
    );
    assert!(
        targets(&service)
            .iter()
            .all(|target| !target.starts_with("DELETE"))
    );
    assert_eq!(
        delete(None, Some("https://ci.example/hooks/1")),
        Ok(Done::changed())
    );
    assert_eq!(
        targets(&service).pop().as_deref(),
        Some("DELETE /2.0/repositories/team/repo/hooks/%7Bh1%7D")
    );
    assert!(delete(None, None).is_err());
}

fn status(pull_request: Option<u64>) -> StatusRequest {
    StatusRequest {
        repo: repo(),
        commit: HASH.to_owned(),
        key: "build/1".to_owned(),
        name: String::new(),
        state: BuildState::SUCCESS,
        url: "https://ci.example.com/1".to_owned(),
        description: "x".repeat(300),
        ref_name: Some("refs/heads/topic".to_owned()),
        pull_request,
        ..Default::default()
    }
}

#[test]
fn a_status_is_sent_as_bitbucket_wants_it() {
    let service = Service::start(|_| {
        Reply::json(
            201,
            r#"{"key":"build/1","state":"SUCCESSFUL","refname":"topic"}"#,
        )
    });
    let set = service
        .client("")
        .set_status(&context(), status(None))
        .expect("it is set");
    assert_eq!(set.state, BuildState::SUCCESS);
    assert_eq!(
        (set.service_state.as_str(), set.commit.as_str()),
        ("SUCCESSFUL", HASH)
    );
    let sent = service.received().pop().expect("a request");
    assert_eq!(
        sent.path(),
        format!("/2.0/repositories/team/repo/commit/{HASH}/statuses/build")
    );
    let body = sent.json();
    assert_eq!(body["refname"], "topic");
    assert_eq!(body["name"], "build/1");
    assert_eq!(body["state"], "SUCCESSFUL");
    assert_eq!(body["url"], "https://ci.example.com/1");
    assert_eq!(
        body["description"]
            .as_str()
            .map(|text| text.chars().count()),
        Some(255)
    );
}

#[test]
fn a_status_keeps_the_engines_address_back_or_is_not_sent_where_that_is_configured() {
    let service = Service::start(|_| Reply::json(201, r#"{"key":"k"}"#));
    let hidden = service.client("[Status]\nshowDetail = true");
    hidden
        .set_status(&context(), status(None))
        .expect("it is set");
    let body = service.received().pop().expect("a request").json();
    assert_eq!(
        body["url"],
        format!("https://bitbucket.org/team/repo/commits/{HASH}")
    );

    let before = service.received().len();
    let disabled = service.client("[Status]\ndisable = true");
    let response = disabled
        .set_status(&context(), status(None))
        .expect("it is left out");
    assert_eq!(response.extra[0].0, "not_sent");
    assert_eq!(service.received().len(), before);
}

/// Situation `status-address`.
#[test]
fn a_status_with_a_local_address_is_rejected_before_anything_is_sent() {
    let service = Service::start(|_| Reply::json(201, "{}"));
    let request = StatusRequest {
        url: "http://localhost:8080/1".to_owned(),
        ..status(None)
    };
    let error = service
        .client("")
        .set_status(&context(), request)
        .expect_err("local");
    assert_eq!(error.kind, ErrorKind::INVALID_INPUT);
    assert!(service.received().is_empty());
}

/// Situation `status-on-fork`.
#[test]
fn a_status_of_a_forks_commit_goes_to_the_fork() {
    let service = Service::start(|request| match request.path() {
        "/2.0/repositories/team/repo/pullrequests/7" => Reply::json(
            200,
            r#"{"source":{"repository":{"full_name":"fork/repo"}}}"#,
        ),
        "/2.0/repositories/team/repo/pullrequests/8" => {
            Reply::json(200, r#"{"source":{"repository":null}}"#)
        }
        path if path.starts_with("/2.0/repositories/fork/repo/commit/") => {
            Reply::json(201, r#"{"key":"build/1","state":"SUCCESSFUL"}"#)
        }
        _ => Reply::json(404, r#"{"error":{"message":"Changeset not found."}}"#),
    });
    let client = service.client("");
    let set = client
        .set_status(&context(), status(Some(7)))
        .expect("it is set in the fork");
    assert_eq!(set.key, "build/1");
    for (pull_request, words) in [(None, "name the pull request"), (Some(8), "deleted")] {
        let error = client
            .set_status(&context(), status(pull_request))
            .expect_err("nowhere to set it");
        assert_eq!(error.kind, ErrorKind::NOT_FOUND);
        assert!(error.message.contains(words), "{error}");
    }
}

/// Situation `user-in-clone-address`.
#[test]
fn checkout_gives_a_clean_address_and_the_right_user() {
    let service = Service::start(|_| {
        Reply::json(
            200,
            r#"{"links":{"clone":[{"name":"https","href":"https://jo@bitbucket.org/team/repo.git"},{"name":"ssh","href":"git@bitbucket.org:team/repo.git"}]}}"#,
        )
    });
    let request = || CheckoutRequest {
        repo: repo(),
        ..Default::default()
    };
    let access = service
        .client("")
        .checkout_credentials(&context(), request());
    let access = access.expect("credentials");
    assert_eq!(access.http_url, "https://bitbucket.org/team/repo.git");
    assert_eq!(access.ssh_url, "git@bitbucket.org:team/repo.git");
    assert_eq!(access.username.as_deref(), Some("x-token-auth"));
    assert_eq!(access.known_hosts.len(), 3);
    assert_eq!(access.secret, Some(Secret::from(TOKEN)));

    let server = service.server("", Arc::new(SilentHost::default()));
    let credential = Credential::basic("me@example.com", Secret::from("ATAT-token"));
    let client = server.authorized_client(credential).expect("a client");
    let api = client
        .checkout_credentials(&context(), request())
        .expect("credentials");
    assert_eq!(api.username.as_deref(), Some("x-bitbucket-api-token-auth"));
    assert_eq!(api.secret, Some(Secret::from("ATAT-token")));
}

/// Situation `app-passwords`.
#[test]
fn an_app_password_is_rejected_with_advice() {
    let service = Service::start(|_| Reply::not_found());
    let server = service.server("", Arc::new(SilentHost::default()));
    let credential = Credential::basic("jo", Secret::from("ATBB-app-password"));
    let Err(error) = server.authorized_client(credential) else {
        panic!("app passwords are gone");
    };
    assert_eq!(error.kind, ErrorKind::INVALID_INPUT);
    assert!(error.message.contains("API token"), "{error}");
}

/// A pull request with two reviewers, one of whom has left the workspace.
fn with_a_reviewer_who_left(request: &Received, names: bool) -> Reply {
    let body = r#"{"id":5,"title":"Old","state":"OPEN","reviewers":[
        {"uuid":"{a}","display_name":"Al Here"},{"uuid":"{b}","display_name":"Bo Gone"}]}"#;
    match (request.method.as_str(), request.path()) {
        ("GET", "/2.0/repositories/team/repo/pullrequests/5") => Reply::json(200, body),
        ("GET", "/2.0/workspaces/team/members/%7Ba%7D") => {
            Reply::json(200, r#"{"user":{"uuid":"{a}"}}"#)
        }
        ("PUT", _) if request.body.contains("{b}") => {
            let who = if names { "Bo Gone" } else { "A reviewer" };
            Reply::json(
                400,
                format!(
                    r#"{{"type":"error","error":{{"message":"Bad request","fields":{{"reviewers":["{who} does not have access."]}}}}}}"#
                ),
            )
        }
        ("PUT", _) => Reply::json(200, r#"{"id":5,"title":"New","state":"OPEN"}"#),
        _ => Reply::not_found(),
    }
}

/// Situation `reviewer-left`.
#[test]
fn a_reviewer_who_has_left_does_not_fail_a_change_of_something_else() {
    for (names, requests) in [(true, 3), (false, 5)] {
        let host = Arc::new(SilentHost::default());
        let service = Service::start(move |request| with_a_reviewer_who_left(request, names));
        let client = service.client_with("", host.clone());
        let request = UpdatePullRequestRequest {
            repo: repo(),
            id: 5,
            title: Some("New".to_owned()),
            ..UpdatePullRequestRequest::default()
        };
        let changed = client
            .pull_request_update(&context(), request.clone())
            .expect("the title is changed");
        assert_eq!(changed.title, "New");
        let notice = changed.extra.iter().find(|(key, _)| key == "notice");
        assert!(notice.expect("a notice").1.contains("Bo Gone"));
        assert_eq!(service.received().len(), requests);
        let last = service.received().pop().expect("a request");
        assert!(last.body.contains("{a}") && !last.body.contains("{b}"));
        let lines = host.lines.lock().expect("no test panicked");
        assert!(lines.iter().any(|line| line.message.contains("Bo Gone")));
        drop(lines);

        // Whoever names the reviewers is told.
        let named = UpdatePullRequestRequest {
            reviewers: Some(vec!["{b}".to_owned()]),
            ..request
        };
        client
            .pull_request_update(&context(), named)
            .expect_err("the reviewer was asked for");
    }
}

/// Situation `full-ref-names`.
#[test]
fn full_names_of_branches_are_taken_where_short_ones_are() {
    let service = Service::start(|request| match request.method.as_str() {
        "POST" => Reply::json(201, r#"{"id":1,"title":"t","state":"OPEN"}"#),
        _ => Reply::json(200, r#"{"values":[]}"#),
    });
    let client = service.client("");
    let request = CreatePullRequestRequest {
        repo: repo(),
        title: "t".to_owned(),
        source_branch: "refs/heads/a/b".to_owned(),
        destination_branch: Some("refs/heads/main".to_owned()),
        ..CreatePullRequestRequest::default()
    };
    client
        .pull_request_create(&context(), request)
        .expect("it is made");
    let request = PullRequestsRequest {
        repo: repo(),
        source_branch: Some("refs/heads/a/b".to_owned()),
        ..PullRequestsRequest::default()
    };
    collect(|sink| client.pull_requests(&context(), request, sink)).expect("a list");
    for request in service.received() {
        let shown = format!("{} {}", request.target, request.body);
        assert!(
            !shown.contains("refs/heads") && !shown.contains("refs%2Fheads"),
            "{shown}"
        );
    }
}
