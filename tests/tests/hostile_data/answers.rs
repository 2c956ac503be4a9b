//! Bodies of answers, and the links in them.

use crate::support::{answer_with, ends_well, json, repo, runner, service, soon};
use mock_bitbucket::Fault;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::net::TcpListener;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::{collect, collect_bytes};

/// Every kind of reading, with the answers that are planned.
fn read_everything(client: &dyn AuthorizedClient) -> std::result::Result<(), TestCaseError> {
    let branches = BranchesRequest {
        repo: repo(),
        ..BranchesRequest::default()
    };
    ends_well(|| collect(|sink| client.branches(&soon(), branches, sink)))?.ok();
    let tags = TagsRequest {
        repo: repo(),
        ..TagsRequest::default()
    };
    ends_well(|| collect(|sink| client.tags(&soon(), tags, sink)))?.ok();
    let hash = "0123456789abcdef0123456789abcdef01234567".to_owned();
    let commits = CommitsRequest {
        repo: repo(),
        until: Some(hash.clone()),
        ..CommitsRequest::default()
    };
    ends_well(|| collect(|sink| client.commits(&soon(), commits, sink)))?.ok();
    let changed = ChangedFilesRequest {
        repo: repo(),
        base: hash.clone(),
        head: hash.clone(),
        limit: None,
        ..Default::default()
    };
    ends_well(|| collect(|sink| client.changed_files(&soon(), changed, sink)))?.ok();
    let pull_requests = PullRequestsRequest {
        repo: repo(),
        ..PullRequestsRequest::default()
    };
    ends_well(|| collect(|sink| client.pull_requests(&soon(), pull_requests, sink)))?.ok();
    let comments = CommentsRequest {
        repo: repo(),
        pull_request: 1,
        limit: None,
        ..Default::default()
    };
    ends_well(|| collect(|sink| client.pull_request_comments(&soon(), comments, sink)))?.ok();
    let statuses = StatusesRequest {
        repo: repo(),
        commit: hash.clone(),
        limit: None,
        ..Default::default()
    };
    ends_well(|| collect(|sink| client.list_statuses(&soon(), statuses, sink)))?.ok();
    let content = ListContentRequest {
        repo: repo(),
        reference: Some(hash.clone()),
        recursive: true,
        ..ListContentRequest::default()
    };
    ends_well(|| collect(|sink| client.list_content(&soon(), content, sink)))?.ok();
    let file = GetContentRequest {
        repo: repo(),
        reference: Some(hash),
        path: "a".to_owned(),
        ..Default::default()
    };
    ends_well(|| collect_bytes(|sink| client.get_content(&soon(), file, sink)))?.ok();
    let one = RepositoryRequest {
        repo: repo(),
        ..Default::default()
    };
    ends_well(|| client.repo_by_fullname(&soon(), one))?.ok();
    let one = CheckoutRequest {
        repo: repo(),
        ..Default::default()
    };
    ends_well(|| client.checkout_credentials(&soon(), one))?.ok();
    let pull_request = PullRequestRequest {
        repo: repo(),
        id: 1,
        ..Default::default()
    };
    ends_well(|| client.pull_request(&soon(), pull_request))?.ok();
    let hook = GetHookRequest {
        repo: repo(),
        url: "https://ci.example.com/1".to_owned(),
        ..Default::default()
    };
    ends_well(|| client.get_hook(&soon(), hook))?.ok();
    let poll = PollEventsRequest {
        repo: repo(),
        ..PollEventsRequest::default()
    };
    ends_well(|| client.poll_events(&soon(), poll))?.ok();
    ends_well(|| client.check_connection(&soon(), ConnectionRequest::default()))?.ok();
    Ok(())
}

#[test]
fn any_json_is_read_or_refused() {
    let bitbucket = service();
    let client = bitbucket.client();
    let pages = json().prop_map(|item| json!({ "values": [item.clone(), item] }));
    let any = prop_oneof![json(), pages];
    runner(48)
        .run(&any, |body| {
            let fault = Fault {
                status: Some(200),
                body: Some(body),
                ..Fault::default()
            };
            answer_with(&bitbucket, fault);
            read_everything(&*client)
        })
        .unwrap_or_else(|error| panic!("{error}"));
    bitbucket.mock.clear_requests();
}

#[test]
fn any_text_is_read_or_refused() {
    let bitbucket = service();
    let client = bitbucket.client();
    runner(24)
        .run(&"[\\PC\\t\\n]{0,200}", |text| {
            let fault = Fault {
                status: Some(200),
                body: Some(Value::from(text)),
                ..Fault::default()
            };
            answer_with(&bitbucket, fault);
            read_everything(&*client)
        })
        .unwrap_or_else(|error| panic!("{error}"));
    bitbucket.mock.clear_requests();
}

#[test]
fn any_error_body_gives_the_kind_of_its_status() {
    let bitbucket = service();
    let bodies = prop_oneof![
        json(),
        json().prop_map(|error| json!({ "type": "error", "error": error })),
        json().prop_map(|detail| json!({ "error": { "message": "M", "detail": detail } })),
        json().prop_map(|fields| json!({ "error": { "message": "M", "fields": fields } })),
        "\\PC{0,400}".prop_map(Value::from),
        Just(Value::from("<html><b>secret page</b></html>")),
    ];
    let statuses = proptest::sample::select(vec![400u16, 401, 403, 404, 409, 410, 418, 500, 599]);
    runner(128)
        .run(&(statuses, bodies), |(status, body)| {
            let fault = Fault {
                status: Some(status),
                body: Some(body),
                ..Fault::default()
            };
            answer_with(&bitbucket, fault);
            let client = bitbucket.client();
            let request = RepositoryRequest {
                repo: repo(),
                ..Default::default()
            };
            let result = ends_well(|| client.repo_by_fullname(&soon(), request))?;
            let error = result.expect_err("no status of success");
            prop_assert_eq!(error.http_status, Some(status));
            prop_assert!(!error.message.contains("secret page"));
            let expected: &[ErrorKind] = match status {
                400 | 409 => &[
                    ErrorKind::INVALID_INPUT,
                    ErrorKind::CONFLICT,
                    ErrorKind::ALREADY_EXISTS,
                ],
                401 => &[ErrorKind::UNAUTHENTICATED],
                403 => &[ErrorKind::PERMISSION_DENIED],
                404 => &[ErrorKind::NOT_FOUND],
                410 => &[ErrorKind::ENDPOINT_REMOVED],
                418 => &[ErrorKind::INVALID_RESPONSE],
                _ => &[ErrorKind::UNAVAILABLE],
            };
            prop_assert!(expected.contains(&error.kind), "{} for {}", error, status);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    bitbucket.mock.clear_requests();
}

#[test]
fn any_next_link_is_followed_here_or_not_at_all() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a free port");
    elsewhere.set_nonblocking(true).expect("a listener");
    let away = elsewhere.local_addr().expect("an address");
    let bitbucket = service();
    let here = bitbucket.mock.address();
    let links = prop_oneof![
        "\\PC{0,60}",
        "(http|https|ftp|file|HTTP)://[a-z0-9.:@/?=&%#-]{0,40}",
        Just(format!("http://{away}/2.0/repositories")),
        Just(format!("http://{here}@{away}/2.0/repositories")),
        Just(format!("http://{away}#@{here}/2.0/repositories")),
        Just(format!("//{away}/2.0/repositories")),
        Just(format!("http://{away}\\@{here}/")),
        "[?&=/.]{0,20}".prop_map(move |tail| format!("http://{here}/2.0/repositories{tail}")),
        Just("/2.0/repositories/acme/widget/refs/branches?page=2".to_owned()),
        Just("?page=2".to_owned()),
    ];
    runner(96)
        .run(&links, |link| {
            let fault = Fault {
                replace_json: [("/next".to_owned(), Value::from(link.clone()))].into(),
                ..Fault::default()
            };
            answer_with(&bitbucket, fault);
            let client = bitbucket.client();
            let request = BranchesRequest {
                repo: repo(),
                ..BranchesRequest::default()
            };
            let result = ends_well(|| collect(|sink| client.branches(&soon(), request, sink)))?;
            if !link.is_empty() {
                prop_assert!(result.is_err(), "{:?} is the end of no list", link);
            }
            prop_assert!(elsewhere.accept().is_err(), "{:?} was followed away", link);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    bitbucket.mock.clear_requests();
}
