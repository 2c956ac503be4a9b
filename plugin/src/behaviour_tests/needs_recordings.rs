//! Responses that Bitbucket Cloud really gave, where they stand beside the checkout.

use super::support::{HASH, Reply, Service, context, main_branch};
use serde_json::Value;
use std::path::{Path, PathBuf};
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect;

/// The text of a recorded response whose name begins so.
fn recorded(directory: &str, beginning: &str) -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/fixtures")
        .join(directory);
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .expect("the recordings")
        .map(|file| file.expect("an entry").path())
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(beginning))
        })
        .collect();
    files.sort();
    let file = files
        .first()
        .unwrap_or_else(|| panic!("{beginning} is not recorded"));
    std::fs::read_to_string(file).expect("a recording")
}

/// A service that gives this response whatever it is asked, but for the main
/// branch, where the response is a list.
fn always(text: &str) -> (Service, Value) {
    let json: Value = serde_json::from_str(text).expect("the recording is JSON");
    let is_list = json.get("values").is_some();
    let response = text.to_owned();
    let service = Service::start(move |received| {
        if is_list && received.path() == "/2.0/repositories/team/repo" {
            main_branch()
        } else {
            Reply::json(200, &response)
        }
    });
    (service, json)
}

const TEST_REPOS: &str = "2.0-repositories-amuniz-test-repos";

fn repo() -> String {
    "team/repo".to_owned()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

#[test]
#[ignore = "needs the recordings beside the checkout (../shared)"]
fn recorded_branches_and_tags_are_listed() {
    {
        let body = recorded("api", &format!("{TEST_REPOS}-refs-branches_pagelen"));
        let (service, json) = always(&body);
        let request = BranchesRequest {
            repo: repo(),
            ..BranchesRequest::default()
        };
        let client = service.client("");
        let branches = collect(|sink| client.branches(&context(), request, sink)).expect("a list");
        let values = json["values"].as_array().expect("a list");
        assert_eq!(branches.len(), values.len());
        for (branch, value) in branches.iter().zip(values) {
            assert_eq!(branch.display_id, text(value, "/name"));
            assert_eq!(branch.latest_commit, text(value, "/target/hash"));
        }
    }
    {
        let body = recorded("api", &format!("{TEST_REPOS}-refs-tags_pagelen"));
        let (service, json) = always(&body);
        let request = TagsRequest {
            repo: repo(),
            ..TagsRequest::default()
        };
        let client = service.client("");
        let tags = collect(|sink| client.tags(&context(), request, sink)).expect("a list");
        let values = json["values"].as_array().expect("a list");
        assert_eq!(tags.len(), values.len());
        for (tag, value) in tags.iter().zip(values) {
            assert_eq!(tag.tag, text(value, "/name"));
            assert_eq!(tag.hash, text(value, "/target/hash"));
            assert_eq!(tag.annotated, Some(!value["tagger"].is_null()));
            assert!(tag.timestamp.is_some());
        }
    }
}

#[test]
#[ignore = "needs the recordings beside the checkout (../shared)"]
fn recorded_commits_are_read_whole() {
    for beginning in [
        "commit-046d9a3c1532.json",
        "commit-bf0e8b7962c024",
        "commit-a7235e1ff894",
    ] {
        let body = recorded("api", &format!("{TEST_REPOS}-{beginning}"));
        let (service, json) = always(&body);
        let request = CommitRequest {
            repo: repo(),
            hash: HASH.to_owned(),
            ..Default::default()
        };
        let commit = service
            .client("")
            .commit(&context(), request)
            .expect("a commit");
        assert_eq!(commit.id, text(&json, "/hash"));
        assert_eq!(commit.message, text(&json, "/message"));
        assert_eq!(commit.url, text(&json, "/links/html/href"));
        assert!(commit.author_timestamp > Some(0));
        assert!(!commit.author.display_name.is_empty());
        let parents = json["parents"].as_array().map_or(0, Vec::len);
        assert_eq!(commit.parents.len(), parents);
    }
}

#[test]
#[ignore = "needs the recordings beside the checkout (../shared)"]
fn recorded_hooks_statuses_and_repositories_are_read() {
    {
        let body = recorded("api", &format!("{TEST_REPOS}-hooks_pagelen"));
        let (service, json) = always(&body);
        let value = &json["values"][0];
        let request = GetHookRequest {
            repo: repo(),
            url: format!("{}/", text(value, "/url")),
            ..Default::default()
        };
        let hook = service
            .client("")
            .get_hook(&context(), request)
            .expect("the hook");
        assert_eq!(hook.id, text(value, "/uuid"));
        assert_eq!((hook.disable, hook.events.len()), (false, 1));
    }
    {
        let body = recorded(
            "api",
            &format!("{TEST_REPOS}-commit-046d9a3c1532acf4cf08fe93235c00e4d673c1d2-statuses"),
        );
        let (service, json) = always(&body);
        let request = StatusRequest {
            repo: repo(),
            commit: HASH.to_owned(),
            key: "k".to_owned(),
            url: "https://ci.example.com/1".to_owned(),
            ..StatusRequest::default()
        };
        let status = service
            .client("")
            .set_status(&context(), request)
            .expect("a status");
        assert_eq!(status.key, text(&json, "/key"));
        assert_eq!((status.state, status.ref_name), (BuildState::FAIL, None));
        assert!(status.created_at < status.updated_at);
    }
    for file in ["repository.json", &format!("{TEST_REPOS}.json")] {
        let body = recorded("api", file);
        let (service, json) = always(&body);
        let request = RepositoryRequest {
            repo: repo(),
            ..Default::default()
        };
        let found = service
            .client("")
            .repo_by_fullname(&context(), request)
            .expect("a repository");
        assert_eq!(found.id, text(&json, "/uuid"));
        assert_eq!(found.fullname, text(&json, "/full_name"));
        assert!(
            found.http_url.starts_with("https://bitbucket.org/"),
            "{}",
            found.http_url
        );
        assert!(!found.ssh_url.is_empty());
        assert_eq!(
            found.default_branch.as_deref(),
            json.pointer("/mainbranch/name").and_then(Value::as_str)
        );
    }
}

#[test]
#[ignore = "needs the recordings beside the checkout (../shared)"]
fn recorded_errors_are_read_in_every_shape() {
    for (name, status, kind, words) in [
        (
            "400_annotations",
            400,
            ErrorKind::INVALID_INPUT,
            "maximum of",
        ),
        (
            "400_status_key_over_40.",
            400,
            ErrorKind::INVALID_INPUT,
            "at most 40",
        ),
        (
            "400_status_key_over_40_old",
            400,
            ErrorKind::INVALID_INPUT,
            "at most 40",
        ),
        ("401_token", 401, ErrorKind::UNAUTHENTICATED, "expired"),
        ("403_", 403, ErrorKind::PERMISSION_DENIED, "Forbidden"),
        ("404_no_api", 404, ErrorKind::NOT_FOUND, "no API hosted"),
        (
            "410_change",
            410,
            ErrorKind::ENDPOINT_REMOVED,
            "CHANGE-2770",
        ),
        (
            "410_v1",
            410,
            ErrorKind::ENDPOINT_REMOVED,
            "no longer supported",
        ),
        ("500_", 500, ErrorKind::UNAVAILABLE, "unhashable"),
    ] {
        let body = recorded("errors", name);
        let service = Service::start(move |_| Reply::json(status, &body));
        let request = CommitRequest {
            repo: repo(),
            hash: HASH.to_owned(),
            ..Default::default()
        };
        let error = service
            .client("")
            .commit(&context(), request)
            .expect_err("rejected");
        assert_eq!(error.kind, kind, "{name}");
        assert!(error.message.contains(words), "{name}: {error}");
    }
}
