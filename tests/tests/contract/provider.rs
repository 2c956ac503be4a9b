//! The provider reads what the service sends, by the facts: with everything that may
//! be there, and with as little as there must be.

use integration_tests::bitbucket::{Bitbucket, REPO, context};
use integration_tests::contract::PayloadTable;
use mock_bitbucket::{Fault, FaultRule};
use serde_json::{Value, json};
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect;

const SPARSE_AND_FULL: [bool; 2] = [true, false];

fn sample(payload: &str, sparse: bool) -> Value {
    let table = PayloadTable::load();
    table.get(payload).expect("a payload").sample(sparse)
}

/// A service that sends this in place of its own responses of a route.
fn sending(route: &str, body: Value) -> Bitbucket {
    let bitbucket = Bitbucket::small();
    bitbucket.mock.add_fault(FaultRule {
        route: Some(format!(
            "/2.0/repositories/{{workspace}}/{{repo_slug}}{route}"
        )),
        then: Fault {
            status: Some(200),
            body: Some(body),
            ..Fault::default()
        },
        ..FaultRule::default()
    });
    bitbucket
}

fn repo() -> String {
    REPO.to_owned()
}

#[test]
fn every_delivery_is_read() {
    let bitbucket = Bitbucket::small();
    for payload in PayloadTable::load().payloads {
        let is_event =
            payload.name.starts_with("repo:") || payload.name.starts_with("pullrequest:");
        if !is_event {
            continue;
        }
        for sparse in SPARSE_AND_FULL {
            let mut body = payload.sample(sparse);
            if let Some(change) = body.pointer_mut("/push/changes/0") {
                // One of its two sides is always there.
                change["new"] = payload.sample(false)["push"]["changes"][0]["new"].take();
            }
            let body = body.to_string();
            let request = WebhookRequest {
                headers: vec![("X-Event-Key".to_owned(), payload.name.clone())],
                body: body.clone().into_bytes().into(),
                ..WebhookRequest::default()
            };
            let read = bitbucket.server.parse_webhook(&context(), request);
            let what = format!("{}, sparse {sparse}: {body}", payload.name);
            let delivery = read.unwrap_or_else(|error| panic!("{error}\n{what}"));
            assert_eq!(delivery.event_key, payload.name, "{what}");
            if !sparse {
                assert!(!delivery.events.is_empty(), "{what}");
            }
        }
    }
}

#[test]
fn branches_tags_and_commits_are_read() {
    for sparse in SPARSE_AND_FULL {
        let branch = sample("branch", sparse);
        let bitbucket = sending("/refs/branches", json!({"values": [branch]}));
        let request = BranchesRequest {
            repo: repo(),
            ..BranchesRequest::default()
        };
        let client = bitbucket.client();
        let read = collect(|sink| client.branches(&context(), request, sink)).unwrap();
        assert_eq!(read[0].display_id, branch["name"].as_str().unwrap());
        assert_eq!(
            read[0].latest_commit,
            branch["target"]["hash"].as_str().unwrap()
        );

        let tag = sample("tag", sparse);
        let bitbucket = sending("/refs/tags", json!({"values": [tag]}));
        let request = TagsRequest {
            repo: repo(),
            ..TagsRequest::default()
        };
        let client = bitbucket.client();
        let read = collect(|sink| client.tags(&context(), request, sink)).unwrap();
        assert_eq!(read[0].tag, tag["name"].as_str().unwrap());

        let commit = sample("commit", sparse);
        let bitbucket = sending("/commit/{commit}", commit.clone());
        let request = CommitRequest {
            repo: repo(),
            hash: commit["hash"].as_str().unwrap().to_owned(),
            ..CommitRequest::default()
        };
        let read = bitbucket.client().commit(&context(), request).unwrap();
        assert_eq!(read.id, commit["hash"].as_str().unwrap());
    }
}

#[test]
fn pull_requests_are_read() {
    for sparse in SPARSE_AND_FULL {
        let pull_request = sample("pull_request", sparse);
        let bitbucket = sending("/pullrequests/{pull_request_id}", pull_request.clone());
        let request = PullRequestRequest {
            repo: repo(),
            id: pull_request["id"].as_u64().unwrap(),
            ..PullRequestRequest::default()
        };
        let read = bitbucket
            .client()
            .pull_request(&context(), request)
            .unwrap();
        assert_eq!(Some(read.id), pull_request["id"].as_u64());
        assert_eq!(Some(read.title.as_str()), pull_request["title"].as_str());
    }
}
